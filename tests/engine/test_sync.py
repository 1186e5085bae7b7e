"""Transfers as an engine does them: what travels to a directory and back, what is told, and what goes wrong."""

import asyncio
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pivot_core.engine.engine import Engine
from pivot_core.errors import UsageError
from pivot_core.model.ids import RequestId
from pivot_core.port.commands import Accepted, CancelTransfer, Fetch, Pull, Push, Refused, Transfer
from pivot_core.port.events import (
    Event,
    Notice,
    ObjectFailed,
    TransferFinished,
    TransferQueued,
    TransferStarted,
)
from pivot_core.port.protocol import Port
from pivot_core.port.queries import CheckRemote, CompareRemote, ListRemotes
from pivot_core.port.snapshot import Snapshot
from pivot_core.port.transfers import (
    Tally,
    TransferOptions,
    TransferState,
    TransferStatus,
)
from pivot_core.port.values import Action
from pivot_core.store import config_edit
from tests.support.project import Project

CHAIN = """
def clean(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("clean.txt", Text())]:
    note("clean")
    return raw.strip()

def parts(
    text: Annotated[str, Dep("clean.txt", Text())]
) -> Annotated[dict[str, str], DirectoryOut("parts/", Text())]:
    note("parts")
    return {"a.txt": text + "a", "b.txt": text + "b"}

def score(
    folder: Annotated[Path, Dep("parts/", PathOnly())]
) -> Annotated[dict, Out("score.json", JSON())]:
    note("score")
    return {"length": len((folder / "a.txt").read_text())}

def local(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("local.txt", Text(), cache=False)]:
    note("local")
    return raw

for stage in (clean, parts, score, local):
    pipeline.register(stage)
"""
OUTS = ("clean.txt", "parts/a.txt", "parts/b.txt", "score.json")


@dataclass(slots=True)
class Heard:
    """A transfer that ended, and what was told of it."""

    state: TransferState
    events: list[Event] = field(default_factory=list[Event])

    def names(self) -> list[str]:
        """Returns the kinds of events about the transfer, ticks left out."""
        kinds = (TransferQueued, TransferStarted, ObjectFailed, TransferFinished)
        return [type(event).__name__ for event in self.events if isinstance(event, kinds)]


async def ask(engine: Engine, command: Transfer) -> Heard:
    """Has a transfer done and returns what was told."""
    subscription = await engine.subscribe()
    reply = await engine.send(command)
    assert isinstance(reply, Accepted)
    heard = list[Event]()
    async for item in subscription:
        assert not isinstance(item, Snapshot)
        heard.append(item.event)
        if (
            isinstance(item.event, TransferFinished)
            and item.event.transfer.transfer_id == reply.transfer_id
        ):
            await subscription.close()
            return Heard(item.event.transfer, heard)
    raise AssertionError("the engine ended before the transfer")


async def done(project: Project, command: Transfer) -> Heard:
    """Has a transfer done by an engine of its own."""
    async with project.live() as live:
        return await ask(live.engine, command)


def push(*targets: str, remote: str | None = None, dry: bool = False, whole: bool = False) -> Push:
    options = TransferOptions(remote, dry_run=dry, whole=whole)
    return Push(RequestId(os.urandom(4).hex()), targets, options)


def pull(*targets: str, dry: bool = False, force: bool = False) -> Pull:
    options = TransferOptions(dry_run=dry, force=force)
    return Pull(RequestId(os.urandom(4).hex()), targets, options)


def fetch(*targets: str, whole: bool = False) -> Fetch:
    return Fetch(RequestId(os.urandom(4).hex()), targets, TransferOptions(whole=whole))


def objects(remote: Path) -> set[bytes]:
    return {path.read_bytes() for path in remote.glob("files/*/*")}


def entries(remote: Path) -> list[Path]:
    return sorted(remote.glob("runs/*/*"))


def cloned(project: Project, name: str) -> Project:
    """Returns a clone with what git would have: sources and lock files, and the settings."""
    kept = (
        *("pipeline.py", "raw.txt", ".pivot/config.yaml"),
        *(f".pivot/stages/{path.name}" for path in (project.root / ".pivot/stages").iterdir()),
    )
    clone = Project(project.root.parent / name)
    for path in kept:
        target = clone.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project.root / path, target)
    return clone


def template(base: Path, source: str) -> Path:
    """Runs a project once, for tests to begin with; returns the directory with it and its empty remote."""
    (base / "remote").mkdir(parents=True)
    made = Project(base / "project", source)
    made.put("raw.txt", " text ")
    config_edit.set_value(str(made.root), "remotes.origin", str(base / "remote"))
    asyncio.run(made.run())
    made.ran_log()
    shutil.copytree(base, base.with_suffix(".kept"))
    return base


def begun(base: Path) -> Project:
    """Returns the project as it was when it had been run, at the same place."""
    shutil.rmtree(base)
    shutil.copytree(base.with_suffix(".kept"), base)
    return Project(base / "project")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("base") / "here", CHAIN)


@pytest.fixture
def project(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return begun(base)


@pytest.fixture
def remote(project: Project) -> Path:
    return project.root.parent / "remote"


async def test_a_push_sends_what_lock_files_name_and_a_pull_in_a_clone_brings_it_back(
    project: Project, remote: Path
) -> None:
    pushed = await done(project, push())
    assert pushed.state.status is TransferStatus.DONE
    assert pushed.names() == ["TransferStarted", "TransferFinished"]
    assert objects(remote) == {(project.root / path).read_bytes() for path in OUTS}
    assert len(entries(remote)) == pushed.state.runs == 4

    clone = cloned(project, "clone")
    pulled = await done(clone, pull())
    assert pulled.state.status is TransferStatus.DONE
    assert [clone.get(path) for path in OUTS] == [project.get(path) for path in OUTS]
    restored = {change.path for change in pulled.state.changes}
    assert restored == {"clean.txt", "parts/", "score.json"}
    clone.put("local.txt", " text ")
    assert (await clone.run()).ran == []


async def test_a_second_push_and_pull_move_nothing(project: Project, remote: Path) -> None:
    await done(project, push())
    before = {path: path.stat().st_mtime_ns for path in remote.rglob("*")}
    again = await done(project, push())
    assert (again.state.present, again.state.runs, again.state.exit_code) == (4, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in remote.rglob("*")} == before
    pulled = await done(project, pull())
    assert (pulled.state.present, pulled.state.changes) == (4, ())


async def test_targets_choose_what_travels(project: Project, remote: Path) -> None:
    await done(project, push("clean"))
    assert objects(remote) == {b"text"}
    await done(project, push("parts/"))
    assert objects(remote) == {b"text", b"texta", b"textb"}
    await done(project, push())
    clone = cloned(project, "clone")
    await done(clone, pull("score.json"))
    assert [(clone.root / path).exists() for path in OUTS] == [False, False, False, True]
    await done(clone, pull("parts"))
    assert [(clone.root / path).exists() for path in OUTS] == [True] * 4


async def test_an_unknown_target_or_remote_is_a_usage_error(project: Project) -> None:
    for command in (push("scor"), push(remote="orign")):
        ended = await done(project, command)
        assert ended.state.exit_code == UsageError.exit_code
        assert "did you mean" in ended.state.problems[0].hint


async def test_a_dry_run_names_what_would_travel(project: Project, remote: Path) -> None:
    would = await done(project, push(dry=True))
    assert [item.path for item in would.state.items] == sorted(OUTS)
    assert objects(remote) == set()
    await done(project, push("clean"))
    clone = cloned(project, "clone")
    would = await done(clone, pull(dry=True))
    assert [item.path for item in would.state.items] == ["clean.txt"]
    assert sorted(failed.item.path for failed in would.state.failed) == sorted(OUTS)[1:]
    assert would.state.exit_code == 5
    assert not (clone.root / "clean.txt").exists()


async def test_a_swapped_object_is_refused_and_named_and_the_others_arrive(
    project: Project, remote: Path
) -> None:
    await done(project, push())
    (swapped,) = [path for path in remote.glob("files/*/*") if path.read_bytes() == b"textb"]
    swapped.chmod(0o644)
    swapped.write_bytes(b"evil!")
    clone = cloned(project, "clone")
    pulled = await done(clone, pull())
    assert pulled.state.status is TransferStatus.FAILED
    assert pulled.state.exit_code == 5
    (failed,) = pulled.state.failed
    assert failed.item.path == "parts/b.txt"
    assert [type(event) for event in pulled.events].count(ObjectFailed) == 1
    assert clone.get("clean.txt") == "text"
    assert not (clone.root / "parts/b.txt").exists()
    assert b"evil!" not in {path.read_bytes() for path in clone.objects()}


async def test_a_push_restores_what_vanished_from_the_remote(
    project: Project, remote: Path
) -> None:
    await done(project, push())
    shutil.rmtree(remote / "files")
    await done(project, push())
    assert len(objects(remote)) == 4


async def test_a_missing_object_here_is_listed_and_the_rest_is_sent(
    project: Project, remote: Path
) -> None:
    project.object_of("clean.txt").unlink()
    pushed = await done(project, push())
    assert pushed.state.exit_code == 5
    assert [failed.item.path for failed in pushed.state.failed] == ["clean.txt"]
    assert len(objects(remote)) == 3
    assert pushed.state.runs == 3, "an entry must not name an object that is not there"


async def test_a_remote_that_is_not_there_is_said_in_one_sentence(
    project: Project, remote: Path
) -> None:
    shutil.rmtree(remote)
    fetched = await done(project, fetch(whole=True))
    assert fetched.state.exit_code == 5
    assert "does not exist" in fetched.state.problems[0].what


async def test_the_first_push_makes_the_directory_and_says_so(
    project: Project, remote: Path
) -> None:
    shutil.rmtree(remote)
    for dry, said in (
        (True, f"would make the directory '{remote}'"),
        (False, f"made the directory '{remote}'"),
    ):
        pushed = await done(project, push(dry=dry))
        assert pushed.state.exit_code == 0
        assert [e.message for e in pushed.events if isinstance(e, Notice)] == [said]
        assert len(pushed.state.items) == 4 * dry
    assert len(objects(remote)) == 4


async def test_a_read_only_remote_takes_no_push(project: Project, remote: Path) -> None:
    config_edit.set_value(str(project.root), "remotes.origin.read_only", "true")
    for command in (push(), push(dry=True)):
        pushed = await done(project, command)
        assert pushed.state.exit_code == 5
        assert "read only" in pushed.state.problems[0].what
    assert objects(remote) == set()


async def test_what_a_colleague_made_of_the_same_code_and_inputs_is_not_made_again(
    project: Project,
) -> None:
    clone = cloned(project, "clone")
    project.replace("pipeline.py", 'text + "a"', 'text + "A"')
    await project.run()
    await done(project, push())
    clone.put("pipeline.py", project.get("pipeline.py"))
    pulled = await done(clone, pull())
    assert pulled.state.runs == 2
    clone.put("local.txt", " text ")
    ended = await clone.run()
    assert ended.ran == []
    assert clone.get("parts/a.txt") == "textA"


async def test_a_run_cache_entry_that_is_damaged_or_another_ones_counts_as_none_and_is_said(
    project: Project, remote: Path
) -> None:
    clone = cloned(project, "clone")
    project.replace("pipeline.py", 'text + "a"', 'text + "A"')
    await project.run()
    await done(project, push())
    clone.put("pipeline.py", project.get("pipeline.py"))
    whole = {path: path.read_bytes() for path in entries(remote)}
    async with clone.live() as live:
        for path, other in zip(whole, [*whole.values()][1:] + [*whole.values()][:1], strict=True):
            path.write_bytes(other)
        assert await warned(live.engine) == {"another run"}
        for path, data in whole.items():
            path.write_bytes(data.replace(b"outs", b"oUts"))
        assert await warned(live.engine) == {"not what was written"}
        for path, data in whole.items():
            path.write_bytes(data[:-1])
        assert await warned(live.engine) == {"no JSON"}

        assert (await done(project, push())).state.runs == len(whole), "what is torn is sent again"
        assert (await ask(live.engine, fetch())).state.runs == 2


async def warned(engine: Engine) -> set[str]:
    """Fetches without finding an entry, and returns what was said of those that do not count."""
    fetched = await ask(engine, fetch())
    assert fetched.state.runs == 0
    said = [event.message for event in fetched.events if isinstance(event, Notice)]
    assert all("does not count" in each for each in said)
    return {each.partition(": it is ")[2].removeprefix("that of ") for each in said}


async def test_a_changed_out_is_left_alone_without_force(project: Project) -> None:
    await done(project, push())
    project.put("clean.txt", "mine")
    pulled = await done(project, pull())
    assert pulled.state.exit_code == 1
    assert [change.action for change in pulled.state.changes] == [Action.REFUSED]
    assert project.get("clean.txt") == "mine"
    assert (await done(project, pull(force=True))).state.exit_code == 0
    assert project.get("clean.txt") == "text"


async def test_all_means_everything_in_the_cache_and_on_the_remote(
    project: Project, remote: Path
) -> None:
    project.put("raw.txt", "other")
    await project.run()
    await done(project, push())
    assert b"text" not in objects(remote)
    pushed = await done(project, push(whole=True))
    assert b"text" in objects(remote)
    assert pushed.state.runs == 4
    clone = cloned(project, "clone")
    await done(clone, fetch(whole=True))
    assert {path.read_bytes() for path in clone.objects()} == objects(remote)
    clone.put("raw.txt", " text ")
    clone.put("local.txt", " text ")
    assert (await clone.run()).ran == []


async def test_requests_are_done_one_after_the_other_and_once(project: Project) -> None:
    async with project.live() as live:
        subscription = await live.engine.subscribe()
        first, second = push(), push()
        replies = [await live.engine.send(each) for each in (first, second, first)]
        assert replies[0] == replies[2] != replies[1]
        assert isinstance(replies[1], Accepted)
        heard = list[tuple[str, str]]()
        async for item in subscription:
            assert not isinstance(item, Snapshot)
            match item.event:
                case TransferQueued(state) | TransferStarted(state) | TransferFinished(state):
                    heard.append((type(item.event).__name__, state.request_id))
                case _:
                    pass
            if heard[-1:] == [("TransferFinished", second.request_id)]:
                break
        assert sorted(heard[:2]) == [
            ("TransferQueued", second.request_id),
            ("TransferStarted", first.request_id),
        ]
        assert heard[2:] == [
            ("TransferFinished", first.request_id),
            ("TransferStarted", second.request_id),
            ("TransferFinished", second.request_id),
        ]
        assert not live.engine.is_busy
        known = live.engine.standing
        assert known.transfer is not None
        assert known.transfer.request_id == second.request_id


async def test_a_cancelled_transfer_ends_whether_it_waits_or_is_under_way(
    project: Project,
) -> None:
    async with project.live() as live:
        subscription = await live.engine.subscribe()
        first, second = [await live.engine.send(push()) for _ in range(2)]
        assert isinstance(first, Accepted)
        assert isinstance(second, Accepted)
        assert first.transfer_id is not None
        assert second.transfer_id is not None
        ended = list[TransferState]()
        async for item in subscription:
            assert not isinstance(item, Snapshot)
            if isinstance(item.event, TransferStarted):
                for name in (second.transfer_id, first.transfer_id):
                    assert isinstance(await live.engine.send(CancelTransfer(name)), Accepted)
            elif isinstance(item.event, TransferFinished):
                ended.append(item.event.transfer)
            if len(ended) == 2:
                break
        assert [(state.status, state.exit_code) for state in ended] == [
            (TransferStatus.CANCELLED, 130)
        ] * 2
        await live.engine.until_idle()
        reply = await live.engine.send(CancelTransfer(first.transfer_id))
        assert isinstance(reply, Refused)


async def test_a_pull_waits_for_the_run_before_it_restores(project: Project) -> None:
    await done(project, push())
    project.remove("clean.txt")
    async with project.live() as live:
        going = await live.begin()
        pulled, ended = await asyncio.gather(ask(live.engine, pull()), going.end())
    assert pulled.state.exit_code == 0
    assert ended.run.exit_code == 0
    assert project.get("clean.txt") == "text"


async def test_a_look_tells_what_is_missing_where(project: Project, remote: Path) -> None:
    async with project.live() as live:
        (row,) = await _port(live.engine).ask(ListRemotes())
        assert (row.name, row.url, row.is_default) == ("origin", str(remote), True)
        found = await _port(live.engine).ask(CompareRemote())
        assert [(each.path, each.files, each.absent_there) for each in found.artifacts] == [
            ("clean.txt", 1, 1), ("parts/", 2, 2), ("score.json", 1, 1)
        ]  # fmt: skip
        assert (found.runs, found.runs_absent_there) == (4, 4)
        await ask(live.engine, push("parts"))
        (parts,) = (await _port(live.engine).ask(CompareRemote(targets=("parts/",)))).artifacts
        assert (parts.absent_here, parts.absent_there, parts.bytes_absent_there) == (0, 0, 0)
        findings = await _port(live.engine).ask(CheckRemote())
        assert {each.subject for each in findings} == {"bucket", "write", "read"}
        shutil.rmtree(remote)
        broken = await _port(live.engine).ask(CompareRemote())
        assert broken.problem is not None


async def test_files_of_the_same_bytes_are_one_object_for_whoever_counts(project: Project) -> None:
    project.replace("pipeline.py", 'text + "b"', 'text + "a"')
    await project.run()
    async with project.live() as live:
        found = await _port(live.engine).ask(CompareRemote())
        pushed = await ask(live.engine, push())
        after = await _port(live.engine).ask(CompareRemote())
    assert sum(each.absent_there for each in found.artifacts) == 4
    assert found.objects == found.to_push == Tally(3, 27)
    assert pushed.state.progress is not None
    assert (pushed.state.progress.files, pushed.state.progress.size_bytes) == (3, 27)
    assert (after.objects, after.to_push) == (found.objects, Tally())


def _port(engine: Port) -> Port:
    """Returns an engine as front ends see it: each query with the type of its answer."""
    return engine


async def test_a_remote_that_was_named_while_the_engine_runs_is_known(
    project: Project, tmp_path: Path
) -> None:
    async with project.live() as live:
        (place := tmp_path / "other").mkdir()
        config_edit.set_value(str(project.root), "remotes.other", str(place))
        rows = await _port(live.engine).ask(ListRemotes())
        assert {row.name for row in rows} == {"origin", "other"}
        ended = await ask(live.engine, push(remote="other"))
        assert ended.state.status is TransferStatus.DONE
    assert objects(place)
