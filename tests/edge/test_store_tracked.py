"""Records of tracked data: their bytes, what is refused, and how they are found."""

from pathlib import Path

import pytest

from pivot_core.errors import StoreError
from pivot_core.model.artifact import Content, FileContent
from pivot_core.model.ids import ArtifactPath, ContentHash
from pivot_core.store import content, gitignore, tracked
from pivot_core.store.ignore import Ignore
from pivot_core.store.tracked import Tracked

FILE = FileContent(ContentHash("a" * 32), 5, executable=True)
TREE = content.tree((("1 \x1b", FILE), ("sub/2", FILE)))


@pytest.mark.parametrize(
    ("path", "held"), [("raw.csv", FILE), ("data/ü #1.csv", FILE), ("data/pics/", TREE)]
)
def test_a_record_reads_back(path: str, held: Content) -> None:
    given = Tracked(ArtifactPath(path), held)
    data = tracked.render(given)
    assert tracked.parse(data, tracked.record_path(path)) == given
    assert tracked.render(given) == data


GOOD = tracked.render(Tracked(ArtifactPath("raw.csv"), FILE)).decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD.replace("schema: 1", "schema: 2"), "its schema is 2"),
        (GOOD.replace("raw.csv", "../raw.csv"), "it tracks '../raw.csv'"),
        (GOOD.replace("raw.csv", "raw.csv/"), "it tracks 'raw.csv/'"),
        (GOOD.replace("size: 5", "size: -5"), "not a size"),
        (GOOD + "more: 1\n", "other keys"),
        (GOOD + "  b.csv: {}\n", "exactly one path"),
        ("[", "line "),
        ("x: !!python/none 1", "line 1"),
    ],
)
def test_a_record_that_is_not_sound_is_an_error_that_names_it(text: str, why: str) -> None:
    with pytest.raises(StoreError) as caught:
        tracked.parse(text.encode(), "raw.csv.pvt")
    assert caught.value.what.startswith("'raw.csv.pvt' is not valid: ")
    assert why in caught.value.what


def test_records_are_found_but_not_in_what_is_tracked_or_left_out(tmp_path: Path) -> None:
    for path, held in (("a.csv", FILE), ("data/pics/", TREE), ("out/b.csv", FILE), ("x/c", FILE)):
        place = tmp_path / tracked.record_path(path)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(tracked.render(Tracked(ArtifactPath(path), held)))
    (tmp_path / "data/pics").mkdir()
    (tmp_path / "data/pics/broken.pvt").write_text("not a record of ours")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/d.pvt").write_text("")
    root, ignore = str(tmp_path), Ignore.parse(str(tmp_path), "x/\n")
    found = [each.path for each in tracked.find(root, ignore)]
    assert found == ["a.csv", "data/pics/", "out/b.csv"]
    around = tracked.around(root, "data/pics/sub/2")
    assert around is not None
    assert around.path == "data/pics/"
    assert tracked.around(root, "a.csv/inside") is None
    assert len(list(tracked.records(root))) == 4


def test_tracked_data_has_a_block_of_its_own_that_goes_when_it_is_empty(tmp_path: Path) -> None:
    place = tmp_path / ".gitignore"
    place.write_text("*.tmp")
    outs, data = [ArtifactPath("out.csv")], [ArtifactPath("raw.csv"), ArtifactPath("pics/")]
    gitignore.ignore_outs(str(tmp_path), outs)
    before = place.read_text()
    gitignore.ignore_tracked(str(tmp_path), {"": data})
    gitignore.ignore_outs(str(tmp_path), outs)
    assert place.read_text() == (
        f"{before}# >>> pivot: tracked data\n/pics/\n/raw.csv\n# <<< pivot\n"
    )
    gitignore.ignore_tracked(str(tmp_path), {"": []})
    assert place.read_text() == before
