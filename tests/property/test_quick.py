"""After any edits, what tier 0 says is what the full path says."""

import asyncio
import contextlib
import functools
import importlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import cast

import pytest

import pivot_core
from pivot_core import quick
from pivot_core.engine.answer import Answers
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Planner
from pivot_core.engine.proof import Prover
from pivot_core.engine.record import Recorder
from pivot_core.engine.workspace import Workspace
from pivot_core.errors import PivotError
from pivot_core.port.queries import Explain, Explanations
from pivot_core.port.values import Verdict
from pivot_core.store import config
from pivot_core.store.cache import Cache
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State
from tests.support import loading

STEPS = 8
PIPELINE = (
    loading.HEAD
    + """
import os
import helpers
from parts import tools

EXTRA = open("extra.txt").read() if os.path.exists("extra.txt") else ""
SCALE = os.environ.get("WALK_SCALE", "1")
NAMES = sorted(os.listdir("plugins"))

class P(StageParams):
    times: int = 1

def clean(raw: Annotated[str, Dep("in/raw.txt", Text())]) -> Annotated[str, Out("clean.txt", Text())]:
    return helpers.scale(raw)

def gather(files: Annotated[str, Dep("many/", PathOnly())]) -> Annotated[dict, DirectoryOut("out/all/", Text())]:
    return {"a.txt": tools.join(files)}

def train(
    params: P, text: Annotated[str, Dep("clean.txt", Text())], all: Annotated[str, Dep("out/all/", PathOnly())]
) -> Annotated[str, Out("model.txt", Text())]:
    return text * params.times + SCALE + EXTRA + "".join(NAMES)

pipeline = Pipeline("walk")
for function in (clean, gather, train):
    pipeline.register(function)
"""
)
FILES = {
    "pipeline.py": PIPELINE,
    "helpers.py": "def scale(text):\n    return text + text\n",
    "parts/__init__.py": "",
    "parts/tools.py": "def join(path):\n    return str(path)\n",
    "plugins/one.txt": "1",
    "in/raw.txt": "raw",
    "many/a.txt": "a",
    "many/sub/b.txt": "b",
    "many/skipped.tmp": "-",
    ".pivotignore": "*.tmp\n",
    "clean.txt": "rawraw",
    "out/all/a.txt": "many",
    "model.txt": "rawraw1",
}
PLAIN = [name for name in FILES if name != "pipeline.py"]
NEW = (
    "extra.txt", "params.yaml", "many/new.txt", "many/new.tmp", "many/sub/new.txt", "plugins/two.txt",
    "helpers/__init__.py", "parts.py", "json.py", "typing.py", "pivot.yaml", "other.txt", "in/other.txt",
    "parts/other.py", ".pivot/config.yaml", ".pivot/config.local.yaml", ".home/pivot/config.yaml",
    "out/all/more.txt", "many/empty/late.txt",
)  # fmt: skip
TEXTS = {
    "params.yaml": ("train:\n  times: 2\n", "train:\n  times: 1\n", ""),
    "pivot.yaml": ("",),
    "helpers.py": (
        "def scale(text):\n    return text * 2\n",
        "# said\ndef scale(text):\n    return text + text\n",
    ),
    "helpers/__init__.py": ("def scale(text):\n    return text\n",),
    "parts.py": ("",),
    "parts/tools.py": ("def join(path):\n    return path.name\n",),
    ".pivotignore": ("", "*.tmp\nb.txt\n"),
    "config.yaml": ("run:\n  jobs: 2\n", "# nothing\n", "run: wrong\n", "run: wrong\n"),
    "config.local.yaml": ("cache:\n  dir: elsewhere\n", "git:\n  ignore: wrong\n"),
}
VARIABLES = {
    "WALK_SCALE": ("2", "1"),
    "WALK_OTHER": ("x",),
    "PIVOT_CACHE_DIR": ("elsewhere",),
    "PYTHONPATH": ("/nowhere",),
    "HOME": ("/nowhere",),
}


class Walk:
    """One project, and random things that happen to it."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root = root
        self._random = random.Random(seed)
        self._kept: dict[str, tuple[bytes, int]] = {}
        self.layout = Layout.at(str(root))
        (root / ".pivot").mkdir(parents=True)
        loading.write(root, FILES)
        os.environ["XDG_CONFIG_HOME"] = str(root / ".home")

    # --- what is asked ---

    def fast(self, *targets: str) -> str | None:
        """Returns what tier 0 says."""
        return quick.answer(
            ["-C", str(self._root), "status", *targets], os.environ, is_terminal=False
        )

    def full(self, *, commit: bool = False) -> dict[str, Verdict] | None:
        """Returns the verdict on each stage without tier 0; ``None`` when the project cannot be read.

        With ``commit`` the outs that lie there are first recorded as the stages' results.
        """
        try:
            settings = config.load(str(self._root))
            here = Layout.at(str(self._root), settings.cache_dir)
            state = State.open(here)
            try:
                return asyncio.run(self._look(here, settings, state, commit=commit))
            finally:
                state.close()
        except PivotError:
            return None

    async def _look(
        self, here: Layout, settings: config.Config, state: State, *, commit: bool
    ) -> dict[str, Verdict]:
        planner = Planner(here, state, functools.partial(loading.load_all, self._root))
        cache = Cache(here, settings.cache_link)
        observer = Observer(here, cache, state, Ignore.load(here.root))
        recorder = Recorder(here, cache, state, observer, commit=True)
        if commit:
            plan = await planner.current()
            list(Workspace(here, cache, plan, observer, recorder).commit(()))
        found = cast(
            "Explanations",
            await Answers(here, state, planner).answer(Explain(()), observer),
        )
        recorder.finish()
        if all(each.verdict is Verdict.UP_TO_DATE for each in found) and planner.last is not None:
            every = planner.last[0].graph.stages
            Prover(here, settings, state, observer).keep(*planner.last, every)
        return {each.stage: each.verdict for each in found}

    # --- what happens ---

    def step(self) -> str:
        """Does something to the project, and returns what."""
        does, path = self._random.choice(DEEDS), self._root / self._random.choice((*PLAIN, *NEW))
        if self._random.random() < 0.6:
            path = self._root / self._random.choice(PLAIN)
        with contextlib.suppress(OSError):
            does(self, path)
        return f"{does.__name__} {path.relative_to(self._root)}"

    def nothing(self, _: Path) -> None:
        """Leaves everything as it is."""

    def edit(self, path: Path) -> None:
        texts = TEXTS.get(str(path.relative_to(self._root)), TEXTS.get(path.name, ("x", "y", "")))
        self._remember(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._random.choice(texts))

    def edit_without_a_trace(self, path: Path) -> None:
        """Keeps size and mtime."""
        before, text = path.stat(), path.read_bytes()
        self._remember(path)
        path.write_bytes(text.replace(b"a", b"e") if b"a" in text else text[::-1])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def revert(self, _: Path) -> None:
        """Gives the last edited files back what they held."""
        for name, (data, mtime_ns) in self._kept.items():
            place = self._root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            if self._random.random() < 0.5:
                os.utime(place, ns=(mtime_ns, mtime_ns))
        self._kept.clear()

    def touch(self, path: Path) -> None:
        os.utime(path, ns=(0, self._random.choice((time.time_ns(), 10**18, 10**18 + 1))))

    def delete(self, path: Path) -> None:
        self._remember(path)
        path.unlink()

    def rename_and_back(self, path: Path) -> None:
        path.rename(path.with_name("aside"))
        path.with_name("aside").rename(path)

    def replace_by_a_twin(self, path: Path) -> None:
        """Another file with the same bytes and times."""
        shutil.copy2(path, path.with_name("twin"))
        path.with_name("twin").rename(path)

    def swap(self, path: Path) -> None:
        other = self._root / self._random.choice(PLAIN)
        aside = path.with_name("aside")
        path.rename(aside)
        other.rename(path)
        aside.rename(other)

    def link(self, path: Path) -> None:
        """Puts a link in its place, to something that may be absent."""
        target = self._root / self._random.choice(
            ("other.txt", "in/raw.txt", "in", "many", "later")
        )
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def come(self, _: Path) -> None:
        """Makes what links may lead to."""
        later = self._root / "later"
        later.mkdir() if self._random.random() < 0.5 else later.write_text("late")

    def make_directory(self, path: Path) -> None:
        (path.parent / self._random.choice(("empty", "helpers", "later"))).mkdir(parents=True)

    def set_mode(self, path: Path) -> None:
        path.chmod(self._random.choice((0o644, 0o755, 0o600)))

    def edit_lock(self, _: Path) -> None:
        lock = self._root / f".pivot/stages/{self._random.choice(('clean', 'train'))}.lock"
        choice = self._random.randrange(4)
        if choice == 0:
            lock.unlink()
        elif choice == 1:
            lock.touch()
        else:
            text = lock.read_text()
            lock.write_text(text.replace("a", "b", 1) if choice == 2 else text + "\n# said\n")

    def set_variable(self, _: Path) -> None:
        name = self._random.choice((*VARIABLES, "WALK_SCALE"))
        if name in os.environ and self._random.random() < 0.5:
            del os.environ[name]
        else:
            os.environ[name] = self._random.choice(VARIABLES[name])

    def configure(self, _: Path) -> None:
        scope = self._random.choice(
            (".pivot/config.yaml", ".pivot/config.local.yaml", ".home/pivot/config.yaml")
        )
        self.edit(self._root / scope)

    def lose_state(self, _: Path) -> None:
        shutil.rmtree(self.layout.state_path)

    def damage_proof(self, _: Path) -> None:
        proof = self._root / quick.PLACE
        data = bytearray(proof.read_bytes())
        data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        proof.write_bytes(data[: self._random.randrange(len(data))] if data[0] & 1 else data)

    def run(self, _: Path) -> None:
        """Brings everything up to date."""
        for name in ("clean.txt", "model.txt", "out/all/a.txt"):
            if not (self._root / name).exists():
                with contextlib.suppress(FileExistsError):
                    loading.write(self._root, {name: FILES[name]})
        self.full(commit=True)

    def _remember(self, path: Path) -> None:
        if path.is_file():
            self._kept[str(path.relative_to(self._root))] = (
                path.read_bytes(),
                path.stat().st_mtime_ns,
            )


DEEDS: tuple[Callable[[Walk, Path], None], ...] = (
    *(Walk.nothing, Walk.run) * 2,
    *(Walk.edit, Walk.edit_without_a_trace, Walk.delete, Walk.revert, Walk.set_variable, Walk.configure) * 2,
    Walk.touch, Walk.rename_and_back, Walk.replace_by_a_twin, Walk.swap, Walk.link, Walk.come, Walk.make_directory,
    Walk.set_mode, Walk.edit_lock, Walk.lose_state, Walk.damage_proof,
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Imports what each child that loads the definition would import anew."""
    for name in (
        "define.registry",
        "define.params",
        "define.formats",
        "define.pivot_yaml",
        "yaml12",
    ):
        importlib.import_module(f"pivot_core.{name}")
    assert pivot_core.StageParams.__name__ == "StageParams"


@pytest.fixture
def place() -> Generator[Path]:
    """A directory beside the environment, whose clock then tells when the packages' directory was last written to.

    What measures coverage writes there all the time; of another file system only a coarse time is known.
    """
    with tempfile.TemporaryDirectory(dir=Path(__file__).parents[2], prefix=".walks-") as made:
        yield Path(os.path.realpath(made))


@contextlib.contextmanager
def same_environment() -> Generator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def walk(root: Path, seed: int) -> int:
    """Takes one walk, compares after each step, and returns how often tier 0 had an answer."""
    answered = 0
    with same_environment():
        world = Walk(root, seed)
        verdicts = world.full(commit=True)
        assert verdicts is not None, seed
        assert set(verdicts.values()) == {Verdict.UP_TO_DATE}, (seed, verdicts)
        world.full()
        said = world.fast()
        assert said == "up to date: 3 stages\n", seed
        steps = list[str]()
        for _ in range(STEPS):
            steps.append(world.step())
            said = world.fast()
            each = {name: world.fast(name) for name in verdicts} if said else {}
            now = world.full()
            if said is None:
                continue
            answered += 1
            assert now is not None, (seed, steps)
            assert set(now.values()) == {Verdict.UP_TO_DATE}, (seed, steps, now)
            assert said == f"up to date: {len(now)} stages\n", (seed, steps)
            assert None not in each.values(), (seed, steps)
    shutil.rmtree(root)
    return answered


@pytest.mark.parametrize("part", range(4))
def test_tier_0_says_what_the_full_path_says(place: Path, part: int) -> None:
    answers = [walk(place / str(number), 100 * part + number) for number in range(6)]
    assert any(answers)


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_tier_0_says_what_the_full_path_says_at_length(place: Path, part: int) -> None:
    for number in range(100):
        walk(place / str(number), 1000 + 100 * part + number)
