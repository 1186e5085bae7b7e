"""Settings: where they come from, and changing them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.errors import UsageError
from pivot_core.model.remote import RemoteSettings
from pivot_core.store import config, config_edit, settings
from pivot_core.store.config import Config, Scope
from pivot_core.store.settings import Isolation


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "project" / ".pivot").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PIVOT_CACHE_DIR", raising=False)
    return str(tmp_path / "project")


def write(root: str, text: str, scope: Scope = Scope.PROJECT) -> str:
    path = config.path_of(root, scope)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


def read(root: str, scope: Scope = Scope.PROJECT) -> str:
    with open(config.path_of(root, scope)) as file:
        return file.read()


def test_without_files_the_defaults_hold(root: str) -> None:
    assert config.load(root) == Config()
    write(root, config.template())
    assert config.load(root) == Config()


def test_the_template_names_every_setting_with_a_value_that_it_takes(root: str) -> None:
    lines = [line.partition("#")[2] for line in config.template().splitlines()[1:]]
    write(root, "\n".join([line.removeprefix(" ") for line in lines]) + "\n")
    assert {entry.key for entry in config.entries(root) if entry.origin != "default"} == set(
        settings.KEYS
    )
    assert config.load(root) == Config()


def test_later_sources_win(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "run: {jobs: 1, keep: 1, grace: 1}\ncache: {dir: /user}\n", Scope.USER)
    write(root, "run:\n  jobs: 2\n  keep: 2\ncache:\n  dir: /project\n")
    local = write(root, "run:\n  jobs: 3\n", Scope.LOCAL)
    found = config.load(root)
    assert (found.run_jobs, found.run_keep, found.run_grace_s, found.cache_dir) == (
        3,
        2,
        1.0,
        "/project",
    )
    monkeypatch.setenv("PIVOT_CACHE_DIR", "/env")
    assert config.load(root).cache_dir == "/env"
    assert config.get(root, "cache.dir") == ("cache.dir", "/env", "PIVOT_CACHE_DIR")
    assert config.get(root, "run.jobs") == ("run.jobs", 3, local)
    assert config.get(root, "git.ignore") == ("git.ignore", True, "default")
    assert [entry.key for entry in config.entries(root)] == sorted(settings.KEYS)


def test_every_setting_is_read(root: str) -> None:
    write(
        root,
        """\
cache: {dir: ~/c, link: [hardlink, copy]}
git: {ignore: false}
logs: {max_bytes: 2000000}
run: {grace: 0.5, isolation: worker, jobs: null, keep: 3}
state: {max_bytes: 0x1000000}
ui: {bell: notify, keys: {run_menu: r, quit: [q, 9]}, theme: light}
default_remote: origin
remotes:
  share: ~/share
  origin:
    url: s3://bucket/prefix/
    endpoint_url: http://127.0.0.1:9000/
    region: eu-central-1
    profile: me
    jobs: 5
    read_only: true
    connect_timeout: 1
    read_timeout: 2.5
""",
    )
    assert config.load(root) == Config(
        cache_dir=os.path.expanduser("~/c"),
        cache_link=("hardlink", "copy"),
        run_jobs=None,
        run_grace_s=0.5,
        run_isolation=Isolation.WORKER,
        run_keep=3,
        logs_max_bytes=2_000_000,
        state_max_bytes=1 << 24,
        git_ignore=False,
        ui_bell="notify",
        ui_keys={"run_menu": ("r",), "quit": ("q", "9")},
        ui_theme="light",
        default_remote="origin",
        remotes={
            "origin": RemoteSettings(
                "origin",
                "s3://bucket/prefix",
                "http://127.0.0.1:9000",
                "eu-central-1",
                "me",
                5,
                read_only=True,
                connect_timeout_s=1.0,
                read_timeout_s=2.5,
            ),
            "share": RemoteSettings("share", os.path.expanduser("~/share")),
        },
    )


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("cache:\n  dri: x\n", 2, "unknown setting 'cache.dri'", "did you mean 'cache.dir'?"),
        ("\ncahce: {dir: x}\n", 2, "unknown setting 'cahce'", "did you mean 'cache'?"),
        ("cache.dir: x\n", 1, "'cache.dir' must be written in two parts", "write it as 'cache:'"),
        ("zzzzzz: 1\n", 1, "unknown setting 'zzzzzz'", "known: cache.dir"),
        ("run:\n  jobs: 0\n", 2, "'run.jobs' is 0", "a whole number from 1 up"),
        ("run:\n  jobs: true\n", 2, "'run.jobs' is True", "a whole number"),
        ("run:\n\n  grace: -1\n", 3, "'run.grace' is -1", "a number of seconds"),
        ("run: {isolation: thread}\n", 1, "'run.isolation' is 'thread'", "'fork' or 'worker'"),
        ("cache:\n  link: [copy, magic]\n", 2, "'cache.link' is", "a list of some of: reflink"),
        ("cache:\n  link: [[copy]]\n", 2, "'cache.link' is", "a list of some of"),
        ("cache: {dir: 3}\n", 1, "'cache.dir' is 3", "it must be a path"),
        ("git:\n  ignore: on\n", 2, "'git.ignore' is 'on'", "'true' or 'false'"),
        ("logs: {max_bytes: 5}\n", 1, "'logs.max_bytes' is 5", "a number of bytes"),
        ("ui:\n  theme: Nord!\n", 2, "'ui.theme' is 'Nord!'", "auto, dark, light, ansi"),
        ("ui:\n  bell: loud\n", 2, "'ui.bell' is 'loud'", "one of: off, bell, notify"),
        ("ui:\n  keys: [r]\n", 2, "'ui.keys' is ['r']", "a mapping from actions to keys"),
        ("ui: {keys: {quit: []}}\n", 1, "'ui.keys' is", "a mapping from actions to keys"),
        ("ui:\n  bell: nofity\n", 2, "'ui.bell' is 'nofity'", "did you mean 'notify'?"),
        ("remotes: 3\n", 1, "3 stands where settings are expected", "section"),
        (
            "remotes: {o: {ulr: x}}\n",
            1,
            "unknown setting 'remotes.o.ulr'",
            "did you mean 'remotes.o.url'?",
        ),
        (
            "remotes:\n  o:\n    key: x\n",
            3,
            "unknown setting 'remotes.o.key'",
            "known: remotes.o.url",
        ),
        ("remotes:\n  a/b: x\n", 2, "'a/b' is no name for a remote", "letters, digits"),
        ("remotes:\n  o: ftp://h/x\n", 2, "'remotes.o.url' is 'ftp://h/x'", "an s3:// URL"),
        ("remotes:\n  o: s3://B_/x\n", 2, "'remotes.o.url' is", "the name of a bucket"),
        (
            "remotes: {o: {url: x, read_timeout: 0}}\n",
            1,
            "'remotes.o.read_timeout' is 0",
            "above 0",
        ),
        (
            "remotes: {o: {endpoint_url: host:1}}\n",
            1,
            "'remotes.o.endpoint_url' is",
            "an http:// or",
        ),
        ("remotes.o: x\n", 1, "'remotes.o' must be written in two parts", "write it as 'remotes:'"),
        ("default_remote: [o]\n", 1, "'default_remote' is ['o']", "the name of a remote"),
        ("run: 3\n", 1, "3 stands where settings are expected", "section"),
        ("[1]\n", 1, "[1] stands where settings are expected", "section"),
        ("a: [\n", 2, "not a valid settings file: ", ""),
        ("a: &a 1\n", 1, "not a valid settings file: anchors", ""),
    ],
)
def test_a_mistake_is_named_with_its_line_and_mend(
    root: str, text: str, line: int, what: str, hint: str
) -> None:
    path = write(root, text)
    with pytest.raises(UsageError) as caught:
        config.load(root)
    assert caught.value.where == f"{path}:{line}"
    assert what in caught.value.what
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("kind", ["directory", "binary", "large", "fifo"])
def test_a_file_that_cannot_be_settings_is_a_usage_error(root: str, kind: str) -> None:
    path = Path(config.path_of(root, Scope.PROJECT))
    match kind:
        case "directory":
            path.mkdir()
        case "binary":
            path.write_bytes(b"\xff\x00")
        case "large":
            path.write_bytes(b"#" * (2 << 20))
        case _:
            os.mkfifo(path)
            assert config.load(root) == Config()
            return
    with pytest.raises(UsageError):
        config.load(root)


def test_a_project_without_settings_imports_no_yaml(root: str) -> None:
    write(root, config.template())
    code = "import sys; from pivot_core.store import config; config.load(sys.argv[1]); print('yaml' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, root], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


# --- changing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        ("", "run.jobs", "4", "run:\n  jobs: 4\n"),
        ("# top\n", "run.jobs", "4", "# top\nrun:\n  jobs: 4\n"),
        ("run:\n  jobs: 1  # mine\n", "run.jobs", "4", "run:\n  jobs: 4  # mine\n"),
        (
            "run:\n    keep: 9\n# end\ngit:\n  ignore: true\n", "run.jobs", "4",
            "run:\n    jobs: 4\n    keep: 9\n# end\ngit:\n  ignore: true\n",
        ),
        (
            "cache: {dir: x}  # where\nrun: {keep: 1}\n", "cache.link", "hardlink,copy",
            "cache:  # where\n  link: [hardlink, copy]\n  dir: x\nrun: {keep: 1}\n",
        ),
        (
            "cache:\n  link:\n  - copy\n  - hardlink\n\n  # dir\n  dir: x\n", "cache.link", "symlink",
            "cache:\n  link: [symlink]\n\n  # dir\n  dir: x\n",
        ),
        ("cache:\n  dir: |\n    x\n    y\nrun:\n  keep: 1\n", "cache.dir", "z", "cache:\n  dir: z\nrun:\n  keep: 1\n"),
        ("run:\n", "run.keep", "2", "run:\n  keep: 2\n"),
        ("run:\n  # note\n", "run.keep", "2", "run:\n  keep: 2\n  # note\n"),
        ("run:\n  keep: 2", "run.keep", "3", "run:\n  keep: 3\n"),
        ("cache: {dir: 'a#b'}\n", "cache.dir", "'c # d'", 'cache:\n  dir: "c # d"\n'),
        ("cache:\n  link: [copy]\n", "cache.link", "[hardlink]", "cache:\n  link: [hardlink]\n"),
        ("cache:\n  dir: x\n", "cache.dir", "null", "cache:\n  dir: null\n"),
        ("", "default_remote", "origin", "default_remote: origin\n"),
        ("default_remote: a # b\n", "default_remote", "c", "default_remote: c # b\n"),
        ("", "remotes.o", "s3://bucket/a", "remotes:\n  o: s3://bucket/a\n"),
        ("remotes:\n  o: /a  # x\n", "remotes.o", "/b", "remotes:\n  o: /b  # x\n"),
        (
            "remotes:\n  o: s3://bucket/a  # x\n  p: /p\n", "remotes.o.jobs", "3",
            "remotes:\n  o:\n    jobs: 3\n    url: s3://bucket/a  # x\n  p: /p\n",
        ),
        (
            "remotes:\n  o:\n    # y\n    url: /a\n", "remotes.o", "/b",
            "remotes:\n  o:\n    # y\n    url: /b\n",
        ),
        (
            "remotes: {o: /a, p: {url: /p}}  # z\n", "remotes.p.read_only", "true",
            "remotes:  # z\n  o: /a\n  p:\n    read_only: true\n    url: /p\n",
        ),
        ("run: {keep: 1}\n", "remotes.o.profile", "me", "run: {keep: 1}\nremotes:\n  o:\n    profile: me\n"),
    ],
)  # fmt: skip
def test_a_setting_is_changed_and_all_else_stays(
    root: str, before: str, key: str, value: str, after: str
) -> None:
    write(root, before)
    path = config_edit.set_value(root, key, value)
    assert read(root) == after
    assert config.get(root, key).origin == path


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        ("run:\n  jobs: 1\n", "run.jobs", ""),
        ("run:\n  jobs: 1\n  keep: 2 # x\n", "run.jobs", "run:\n  keep: 2 # x\n"),
        ("cache: {dir: x, link: [copy]}\n", "cache.dir", "cache:\n  link: [copy]\n"),
        ("cache: {dir: x}\nrun: {keep: 1}\n", "cache.dir", "run: {keep: 1}\n"),
        ("# a\ncache:\n  link:\n    - copy\n# b\n", "cache.link", "# a\n# b\n"),
        ("default_remote: x\nrun: {keep: 1}\n", "default_remote", "run: {keep: 1}\n"),
        ("remotes:\n  o: /a\n  p: /p\n", "remotes.o", "remotes:\n  p: /p\n"),
        ("remotes:\n  o: /a\n", "remotes.o.url", ""),
        (
            "remotes:\n  o:\n    url: /a\n    jobs: 3\nrun: {keep: 1}\n",
            "remotes.o",
            "run: {keep: 1}\n",
        ),
        ("remotes:\n  o:\n    jobs: 3\n  p: /p\n", "remotes.o.jobs", "remotes:\n  p: /p\n"),
    ],
)
def test_a_setting_is_removed_and_all_else_stays(
    root: str, before: str, key: str, after: str
) -> None:
    path = write(root, before)
    assert config_edit.unset(root, key) == path
    assert read(root) == after
    assert config_edit.unset(root, key) is None


def test_each_scope_has_its_file(root: str) -> None:
    for scope, value in ((Scope.USER, "1"), (Scope.PROJECT, "2"), (Scope.LOCAL, "3")):
        path = config_edit.set_value(root, "run.keep", value, scope)
        assert path == config.path_of(root, scope)
        assert config.load(root).run_keep == int(value)


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("run.job", "1", "unknown setting 'run.job'"),
        ("run", "1", "unknown setting 'run'"),
        ("run.jobs", "many", "'run.jobs' is 'many'"),
        ("cache.link", "copy,magic", "'cache.link' is"),
        ("cache.dir", "[", "is no value for 'cache.dir'"),
        ("cache.dir", "&a b", "is no value for 'cache.dir'"),
    ],
)
def test_a_bad_key_or_value_changes_nothing(root: str, key: str, value: str, what: str) -> None:
    write(root, "run:\n  keep: 1\n")
    with pytest.raises(UsageError) as caught:
        config_edit.set_value(root, key, value)
    assert what in caught.value.what
    assert read(root) == "run:\n  keep: 1\n"


def test_a_file_that_is_arranged_oddly_is_left_alone(root: str) -> None:
    text = '{run: {keep: 1},\n "cache": {dir: x}}\n'
    write(root, text)
    with pytest.raises(UsageError, match=r"cannot change 'run\.keep'"):
        config_edit.set_value(root, "run.keep", "2")
    assert read(root) == text


VALUES = st.one_of(
    st.tuples(st.just("run.keep"), st.integers(1, 99).map(str)),
    st.tuples(st.just("run.grace"), st.floats(0, 99).map(str)),
    st.tuples(st.just("git.ignore"), st.sampled_from(["true", "false"])),
    st.tuples(st.just("cache.link"), st.sampled_from(["copy", "hardlink,copy", "[symlink, copy]"])),
    st.tuples(st.just("cache.dir"), st.sampled_from(["/a b", "x", "'#'", "'1'", "é", "a: b, c"])),
    st.tuples(st.sampled_from(["remotes.o.url", "remotes.p.url"]), st.sampled_from(["/a", "s3://bucket/b:1"])),
    st.tuples(st.sampled_from(["remotes.o.jobs", "remotes.p.jobs"]), st.integers(1, 99).map(str)),
    st.tuples(st.just("default_remote"), st.sampled_from(["o", "p"])),
    st.tuples(st.sampled_from(["run.keep", "cache.dir", "git.ignore", "cache.link"]), st.none()),
    st.tuples(st.sampled_from(["remotes.o.jobs", "remotes.o.url", "default_remote"]), st.none()),
)  # fmt: skip


@given(st.lists(VALUES, max_size=6))
def test_any_row_of_changes_leaves_what_was_set_last(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str | None]]
) -> None:
    root = str(tmp_path_factory.mktemp("p"))
    wanted = dict[str, object]()
    for key, value in changes:
        if value is None:
            config_edit.unset(root, key)
            wanted.pop(key, None)
        elif ": " not in value:
            config_edit.set_value(root, key, value)
            wanted[key] = config.read_file(config.path_of(root, Scope.PROJECT))[key][0]
    found = config.read_file(config.path_of(root, Scope.PROJECT))
    assert {key: value for key, (value, _) in found.items()} == wanted


# --- remotes ---------------------------------------------------------------------------------------------------------


def test_each_file_may_add_to_a_remote(root: str) -> None:
    write(root, "remotes: {o: {profile: mine}}\n", Scope.USER)
    write(root, "remotes: {o: s3://bucket/a}\n")
    local = write(root, "remotes: {o: {endpoint_url: http://127.0.0.1:1}}\n", Scope.LOCAL)

    assert config.load(root).remote() == RemoteSettings(
        "o", "s3://bucket/a", "http://127.0.0.1:1", None, "mine"
    )
    assert config.get(root, "remotes.o").value == "s3://bucket/a"
    assert config.get(root, "remotes.o.endpoint_url").origin == local
    assert config.get(root, "remotes.o.jobs") == ("remotes.o.jobs", 20, "default")


@pytest.mark.parametrize(
    ("text", "name", "what", "hint"),
    [
        ("", None, "no remote and no default", "config set remotes.origin"),
        ("remotes: {a: /a, b: /b}\n", None, "several remotes and no default", "a, b"),
        ("remotes: {origin: /a}\n", "orign", "no remote 'orign'", "did you mean 'origin'?"),
        ("remotes: {a: /a}\ndefault_remote: zz\n", None, "no remote 'zz'", "configured: a"),
        ("remotes: {a: {jobs: 1}}\n", "a", "remote 'a' has no URL", "config set remotes.a"),
    ],
)
def test_a_remote_that_is_not_there_is_a_usage_error(
    root: str, text: str, name: str | None, what: str, hint: str
) -> None:
    write(root, text)
    with pytest.raises(UsageError) as caught:
        config.load(root).remote(name)
    assert caught.value.what == what
    assert hint in caught.value.hint


def test_the_default_remote_is_the_only_one_or_the_one_that_is_set(root: str) -> None:
    write(root, "remotes: {a: /a}\n")
    assert config.load(root).remote().url == "/a"
    write(root, "remotes: {a: /a, b: /b}\ndefault_remote: b\n")
    assert config.load(root).remote().url == "/b"
    assert config.load(root).remote("a").url == "/a"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("url", "s3://KEY:MARKER@bucket/a"),
        ("url", "s3://bucket/a?key=MARKER"),
        ("endpoint_url", "https://me:MARKER@127.0.0.1:9000"),
        ("endpoint_url", "https://127.0.0.1:9000/?token=MARKER"),
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(
    root: str, key: str, value: str
) -> None:
    with pytest.raises(UsageError, match=r"credentials|alone") as caught:
        config_edit.set_value(root, f"remotes.o.{key}", value)
    assert "MARKER" not in str(caught.value)
    write(root, f'remotes: {{o: {{{key}: "{value}"}}}}\n')
    with pytest.raises(UsageError) as caught:
        config.load(root)
    assert "MARKER" not in str(caught.value)
