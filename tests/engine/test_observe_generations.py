"""Generations while the recorder is at work: what the state does not hold yet proves nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pivot_core.engine.observe import Observer, Subject
from pivot_core.engine.record import Recorder
from pivot_core.model.artifact import FileContent
from pivot_core.model.decision import Execute, Skip
from pivot_core.model.ids import ArtifactPath
from pivot_core.store import hashing
from pivot_core.store.cache import Cache
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State
from tests.support.values import a_stage, an_analysis

SOURCE, MADE, END = ArtifactPath("source.txt"), ArtifactPath("made.txt"), ArtifactPath("end.txt")
UP = Subject(a_stage("up", [SOURCE], [MADE]), an_analysis("up"), {})
DOWN = Subject(a_stage("down", [MADE], [END]), an_analysis("down"), {})


@dataclass
class Place:
    """A project whose two stages are recorded, with nobody who looks at it yet."""

    layout: Layout
    cache: Cache
    state: State

    def observer(self) -> Observer:
        return Observer(self.layout, self.cache, self.state, Ignore(self.layout.root, ()))

    def recorder(self, observer: Observer) -> Recorder:
        return Recorder(self.layout, self.cache, self.state, observer, commit=True)

    def put(self, path: ArtifactPath, text: str) -> None:
        Path(self.layout.absolute(path)).write_text(text)

    def record(self, subject: Subject) -> None:
        """Records a stage with what lies there, in a session of its own."""
        observer = self.observer()
        recorder = self.recorder(observer)
        for path in (*subject.stage.dep_paths, *subject.stage.out_paths):
            observer.row(path)
        deps = {path: self.content(path) for path in subject.stage.dep_paths}
        outs = {path: self.content(path) for path in subject.stage.out_paths}
        recorder.vouched(subject, deps, outs)
        recorder.finish()

    def content(self, path: ArtifactPath) -> FileContent:
        return hashing.hash_file(self.layout.absolute(path))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    layout = Layout.at(str(tmp_path))
    Path(layout.pivot_dir).mkdir()
    state = State.open(layout)
    place = Place(layout, Cache(layout, ("copy",)), state)
    for path in (SOURCE, MADE, END):
        place.put(path, "first")
    place.record(UP)
    place.record(DOWN)
    yield place
    state.close()


def test_what_is_recorded_is_skipped_by_generations(place: Place) -> None:
    observer = place.observer()
    assert observer.settle(UP).decision == Skip(1)
    assert observer.settle(DOWN).decision == Skip(1)


def test_a_row_on_its_way_into_the_state_skips_nothing_downstream(place: Place) -> None:
    """The upstream's look has the new content; the recorder took the rows and has not put them yet."""
    observer = place.observer()
    place.put(MADE, "second")
    made = observer.row(MADE)
    assert made is not None
    observer.learn(MADE, made)  # the upstream ran, so the row is believed though the file is young

    rows = observer.changed_rows()
    between = observer.settle(DOWN).decision
    place.recorder(observer).finish()
    after = observer.settle(DOWN).decision

    assert MADE in rows
    assert isinstance(between, Execute)
    assert isinstance(after, Execute)
    assert observer.changed_rows() == {}


def test_a_row_that_changed_while_it_was_put_is_not_taken_for_written(place: Place) -> None:
    observer = place.observer()
    place.put(MADE, "second")
    observer.row(MADE)
    rows = observer.changed_rows()
    place.put(MADE, "third")
    observer.row(MADE)

    observer.written(rows)

    assert observer.generations([MADE])[MADE] is None
    assert observer.changed_rows()[MADE].found == place.content(MADE)


def test_what_was_not_known_when_a_stage_was_recorded_skips_nothing(place: Place) -> None:
    """Neither side knows a generation: that is no equality."""
    observer = place.observer()
    place.state.put({f"gen:{MADE}": None, f"hash:{MADE}": None})
    deps = {MADE: place.content(MADE)}
    place.recorder(observer).vouched(DOWN, deps, {END: place.content(END)})
    place.put(MADE, "second")

    assert isinstance(place.observer().settle(DOWN).decision, Execute)


def test_a_row_that_was_written_has_its_generation_again(place: Place) -> None:
    observer = place.observer()
    known = observer.generations([MADE])[MADE]
    place.put(MADE, "second")
    observer.row(MADE)
    while_changed = observer.generations([MADE])[MADE]

    place.recorder(observer).finish()

    assert known is not None
    assert while_changed is None
    assert observer.generations([MADE])[MADE] == known + 1
