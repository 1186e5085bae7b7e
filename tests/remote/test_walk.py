"""What a person does with a bucket: push, clone, pull, run nothing; and what a service that falls silent can do."""

import signal
import socket
import uuid
from pathlib import Path

from tests.cli.project import Project
from tests.cli.test_remotes import cloned
from tests.remote.conftest import Services
from tests.support import s3


def everything_below(root: Path) -> bytes:
    """Returns the bytes of all files that Pivot keeps in a project."""
    return b"".join(path.read_bytes() for path in (root / ".pivot").rglob("*") if path.is_file())


def test_results_go_by_way_of_a_bucket_and_no_secret_stays_anywhere(
    tmp_path: Path, services: Services
) -> None:
    (tmp_path / "project").mkdir()
    project = Project.toy(tmp_path / "project")
    service = services("rclone")
    project.pivot("config", "set", "remotes.origin", f"s3://{s3.BUCKET}/{uuid.uuid4().hex}").ok()
    project.pivot("config", "set", "remotes.origin.endpoint_url", service.endpoint).ok()
    project.pivot("repro").ok()

    pushed = project.pivot("-vv", "push", env=s3.ENVIRONMENT).ok()
    assert pushed.out.startswith("pushed: 3 objects, ")
    clone = cloned(project)
    changed = clone.read("pipeline.py").replace('"sum: {', '"total: {')
    clone.write("pipeline.py", changed)
    assert "1 ran, 2 same" in clone.pivot("repro", "--pull", env=s3.ENVIRONMENT).ok().out
    assert not (clone.root / "clean.json").exists()
    clone.write("pipeline.py", project.read("pipeline.py"))
    pulled = clone.pivot("-vv", "pull", "--force", env=s3.ENVIRONMENT).ok()
    assert "1 restored, 2 same" in clone.pivot("repro").ok().out
    assert clone.read("clean.json") == project.read("clean.json")

    refused = project.pivot(
        "-vv", "push", env={**s3.ENVIRONMENT, "AWS_SECRET_ACCESS_KEY": "marker-of-a-wrong-key"}
    )
    assert refused.code == 5
    assert "no valid credentials" in refused.err
    said = "".join(done.out + done.err for done in (pushed, pulled, refused)).encode()
    for secret in (s3.SECRET.encode(), b"marker-of-a-wrong-key"):
        assert secret not in said
        for each in (project, clone):
            assert secret not in everything_below(each.root)


def test_ctrl_c_ends_a_push_to_a_service_that_never_answers(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.pivot("repro").ok()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        project.pivot("config", "set", "remotes.origin", f"s3://{s3.BUCKET}/x").ok()
        project.pivot("config", "set", "remotes.origin.endpoint_url", endpoint).ok()
        with project.start("push") as pushing:
            connection, _ = silent.accept()
            with connection:
                pushing.send_signal(signal.SIGINT)
                assert pushing.wait(30) == 130
                assert pushing.stdout is not None
                said = pushing.stdout.read()
    assert "push cancelled" in said
    assert "Traceback" not in said
    project.pivot("verify").ok()
