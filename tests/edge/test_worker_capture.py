"""Log records: whatever comes in whatever pieces, the stream can be put together again."""

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pivot_core.worker import capture
from pivot_core.worker.capture import PIECE, LogFile

CHUNKS = st.lists(
    st.tuples(
        st.sampled_from([capture.STDOUT, capture.STDERR]),
        st.one_of(
            st.binary(max_size=30),
            st.integers(0, PIECE).map(lambda size: b"x" * size),
            st.integers(0, PIECE - 1).map(lambda size: b"y" * size + b"\n"),
        ),
        st.booleans(),
    ),
    max_size=12,
)


def joined(data: bytes, stream: bytes) -> bytes:
    """Puts one stream of a log together, as a reader does."""
    text = b""
    for record in data.split(b"\n"):
        if record[13:14] == stream:
            text += record[15:] + b"\n"
        elif record[13:14] == stream.upper():
            text += record[15:]
    return text


@given(CHUNKS)
def test_a_log_holds_every_byte_of_each_stream_in_order(
    chunks: list[tuple[bytes, bytes, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        log = LogFile(f"{directory}/logs/a.log", 1 << 30)
        written = {capture.STDOUT: b"", capture.STDERR: b""}
        for stream, data, flush in chunks:
            log.write(stream, data)
            written[stream] += data
            if flush:
                log.flush_partial()
        log.close()
        path = Path(f"{directory}/logs/a.log")
        found = path.read_bytes() if path.exists() else b""
        assert log.size_bytes == len(found)
        for record in found.splitlines(keepends=True) if b"\r" not in found else []:
            assert len(record) <= PIECE + 16
        for stream, data in written.items():
            text = joined(found, stream)
            # A line that never ended gets an end, at once or when its last piece was written as going on.
            assert text.removesuffix(b"\n") == data.removesuffix(b"\n")


def test_a_full_log_says_when_and_how_much(tmp_path: Path) -> None:
    log = LogFile(f"{tmp_path}/a.log", 100)
    for _ in range(10):
        log.write(capture.STDOUT, b"0123456789\n")
    log.close()
    lines = (tmp_path / "a.log").read_bytes().splitlines()
    kept = [line for line in lines if line[13:14] == b"o"]
    assert len(kept) == 3
    assert lines[3][13:] == b"p the log reached its limit of 100 bytes"
    assert lines[4][13:] == b"p 182 bytes dropped: the log had reached its limit"


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = LogFile(f"{tmp_path}/file/a.log", 1000)
    log.write(capture.STDOUT, b"line\n")
    log.close()
    assert log.size_bytes == 0


def test_a_second_attempt_at_the_same_file_appends(tmp_path: Path) -> None:
    for _ in range(2):
        log = LogFile(f"{tmp_path}/a.log", 1000)
        log.write(capture.STDOUT, b"line\n")
        log.close()
        assert log.size_bytes == os.path.getsize(tmp_path / "a.log")
    assert len((tmp_path / "a.log").read_bytes().splitlines()) == 2
