"""After any edits a run gives what a run from scratch would give, and the next run does nothing."""

import asyncio
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.project import Live, Project

STAGES = 4
SOURCES = 2

_HEAD = """
import rules

class JoinParams(StageParams):
    times: int = 1

def join(
    params: JoinParams, texts: Annotated[list[str], Dep(["source0.txt"], Text())]
) -> Annotated[str, Out("joined.txt", Text())]:
    return rules.sign() + "".join(texts) * params.times

def cut(texts: Annotated[list[str], Dep(["source0.txt"], Text())]) -> Annotated[str, Out("cut.txt", Text())]:
    return "".join(texts)[: rules.LENGTH]
"""
_REGISTER = """
pipeline.register(
    {function}, name="s{number}", deps={{"texts": {names!r}}}, outs={{"return": "out{number}.txt"}}
)
"""


@dataclass(frozen=True)
class Edit:
    """One change of the project."""

    kind: str
    place: int
    value: int


@dataclass
class World:
    """What the project's inputs, code and params say, and what follows from them in plain Python."""

    reads: list[list[str]]
    """The inputs of each stage: sources, or outs of earlier stages."""
    cuts: list[bool]
    sources: list[str]
    sign: str = "+"
    length: int = 3
    times: int = 1

    def outs(self) -> dict[str, str]:
        texts = {f"source{number}.txt": text for number, text in enumerate(self.sources)}
        for number, names in enumerate(self.reads):
            whole = "".join(texts[name] for name in names)
            made = whole[: self.length] if self.cuts[number] else self.sign + whole * self.times
            texts[f"out{number}.txt"] = made
        return {name: text for name, text in texts.items() if name.startswith("out")}

    def write(self, project: Project) -> None:
        """Writes everything that is not as it should be."""
        registered = "".join(
            _REGISTER.format(
                function="cut" if is_cut else "join", number=number, names=self.reads[number]
            )
            for number, is_cut in enumerate(self.cuts)
        )
        project.define(_HEAD + registered)
        project.put(
            "rules.py",
            f"LENGTH = {self.length}\nSIGN = {self.sign!r}\n\ndef sign():\n    return SIGN\n",
        )
        joins = [number for number, is_cut in enumerate(self.cuts) if not is_cut]
        project.put(
            "params.yaml", json.dumps({f"s{number}": {"times": self.times} for number in joins})
        )
        for number, text in enumerate(self.sources):
            project.put(f"source{number}.txt", text)

    def apply(self, edit: Edit, project: Project) -> None:
        """Makes one edit in the world or in the workspace alone."""
        out = project.root / f"out{edit.place % STAGES}.txt"
        match edit.kind:
            case "source":
                self.sources[edit.place % SOURCES] = "abcd"[edit.value % 4] * 4
            case "code":
                self.sign = "+-"[edit.value % 2]
            case "length":
                self.length = edit.value % 3 + 1
            case "params":
                self.times = edit.value % 2 + 1
            case "function":
                self.cuts[edit.place % STAGES] = bool(edit.value % 2)
            case "delete":
                out.unlink(missing_ok=True)
            case "damage":
                out.write_text("damaged")
            case "touch" if out.exists():
                os.utime(out)
            case "cache":
                for path in project.objects()[edit.value % 3 :: 3]:
                    path.unlink()
            case _:
                pass


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Returns a graph of stages that read sources and earlier outs."""
    reads = list[list[str]]()
    for number in range(STAGES):
        names = [f"source{each}.txt" for each in range(SOURCES)]
        names += [f"out{each}.txt" for each in range(number)]
        reads.append(draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)))
    cuts = draw(st.lists(st.booleans(), min_size=STAGES, max_size=STAGES))
    return World(reads, cuts, ["aaaa"] * SOURCES)


_KINDS = [
    "source",
    "code",
    "length",
    "params",
    "function",
    "delete",
    "damage",
    "touch",
    "cache",
]
edits = st.builds(
    Edit,
    st.sampled_from([*_KINDS, "source"]),
    st.integers(0, 9),
    st.integers(0, 9),
)


async def _check(live: Live, project: Project, world: World) -> None:
    world.write(project)
    ended = await live.run()
    assert ended.run.exit_code == 0, ended.states
    wanted = world.outs()
    assert {name: project.get(name) for name in wanted} == wanted
    again = await live.run()
    assert set(again.final.values()) == {"same"}, again.states


async def _live_through(world: World, steps: list[list[Edit]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        project = Project(Path(name))
        async with project.live(jobs=2) as live:
            await _check(live, project, world)
            for step in steps:
                for edit in step:
                    world.apply(edit, project)
                await _check(live, project, world)


lives = given(worlds(), st.lists(st.lists(edits, min_size=1, max_size=3), min_size=4, max_size=8))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@lives
def test_any_edits_give_what_a_run_from_scratch_gives(
    world: World, steps: list[list[Edit]]
) -> None:
    asyncio.run(_live_through(world, steps))


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@lives
def test_any_edits_give_what_a_run_from_scratch_gives_at_length(
    world: World, steps: list[list[Edit]]
) -> None:
    asyncio.run(_live_through(world, steps))
