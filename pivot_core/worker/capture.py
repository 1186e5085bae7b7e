r"""Owns the form of a log file: what a stage wrote, line by line, with time and stream; bounded in memory and on disk.

A record is ``<13-digit epoch ms><stream> <bytes>\n``: 15 bytes, the line, a line end. Streams are ``o`` (stdout),
``e`` (stderr) and ``p`` (a note of Pivot's). The letter is upper case when the line goes on in the stream's next
record: it was longer than 64 KiB, or its end had not been written yet.
"""

import json
import os
import select
import socket
import sys
import time

PIECE = 65536
"""The most bytes of one line in one record, and of one read."""

_PAUSE_MS = 50

STDOUT = b"o"
STDERR = b"e"


class LogFile:
    """One attempt's log; created when there is something to write."""

    def __init__(self, path: str, max_bytes: int) -> None:
        self._path: str = path
        self._max_bytes: int = max_bytes
        self._fd: int | None = None
        self._rest: dict[bytes, bytes] = {STDOUT: b"", STDERR: b""}
        self._since: dict[bytes, float] = {}  # when what is in the rest began
        self._is_full: bool = False
        self._dropped: int = 0
        self.size_bytes: int = 0

    @property
    def partial_since(self) -> float | None:
        """When a line was begun that is not written yet, its end has not come; by the monotonic clock."""
        return min(self._since.values(), default=None)

    def write(self, stream: bytes, data: bytes) -> None:
        """Takes at most ``PIECE`` bytes as they were read; writes what is complete, in one write."""
        data = self._rest[stream] + data
        end = data.rfind(b"\n") + 1
        self._rest[stream] = data[end:]
        mark = _prefix(stream)
        records = b""
        if end:
            first = data.find(b"\n")
            if first > PIECE:
                records = _prefix(stream.upper()) + data[:PIECE] + b"\n"
                data, end = data[PIECE:], end - PIECE
            records += mark + data[: end - 1].replace(b"\n", b"\n" + mark) + b"\n"
        elif len(data) >= PIECE:
            records = _prefix(stream.upper()) + data[:PIECE] + b"\n"
            self._rest[stream] = data[PIECE:]
        if not self._rest[stream]:
            self._since.pop(stream, None)
        elif records or stream not in self._since:
            self._since[stream] = time.monotonic()
        if records:
            self._append(records)

    def flush_partial(self) -> None:
        """Writes lines whose end has not come yet (a prompt, a progress bar) as pieces that go on."""
        for stream, rest in self._rest.items():
            if rest:
                self._append(_prefix(stream.upper()) + rest + b"\n")
                self._rest[stream] = b""
        self._since.clear()

    def note(self, text: str) -> None:
        """Adds a line of Pivot's own; it is kept also where the log is full."""
        self._flush_ends()
        line = text.replace("\n", " ").encode("utf-8", "replace")
        self._write(_prefix(b"p") + line + b"\n")

    def close(self) -> None:
        """Writes what is left, and how much was dropped."""
        self._flush_ends()
        if self._dropped:
            self.note(f"{self._dropped:,} bytes dropped: the log had reached its limit")
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def written_bytes(self) -> int:
        """Returns the size of the file, whoever wrote it."""
        try:
            return os.stat(self._path).st_size
        except OSError:
            return 0

    def _flush_ends(self) -> None:
        for stream, rest in self._rest.items():
            if rest:
                self._rest[stream] = b""
                self._append(_prefix(stream) + rest + b"\n")
        self._since.clear()

    def _append(self, records: bytes) -> None:
        if not self._is_full and self.size_bytes + len(records) > self._max_bytes:
            self._is_full = True
            self.note(f"the log reached its limit of {self._max_bytes:,} bytes")
        if self._is_full:
            self._dropped += len(records)
        else:
            self._write(records)

    def _write(self, records: bytes) -> None:
        try:
            if self._fd is None:
                self._fd = _open(self._path)
                self.size_bytes = os.lseek(self._fd, 0, os.SEEK_END)
            done = os.write(self._fd, records)
            while done < len(records):
                done += os.write(self._fd, records[done:])
        except OSError:
            # A full disk must not end the stage, which may be about to free it.
            self._is_full = True
            self._dropped += len(records)
        else:
            self.size_bytes += done


class Tail:
    """The last output of a process whose output is no log: kept in memory, bounded."""

    partial_since: float | None = None

    def __init__(self) -> None:
        self._data: bytes = b""
        self.size_bytes: int = 0

    def write(self, _stream: bytes, data: bytes) -> None:
        """Keeps the last ``PIECE`` bytes."""
        self._data = (self._data + data)[-PIECE:]

    def note(self, text: str) -> None:
        """Adds a line."""
        self.write(STDERR, text.encode() + b"\n")

    def flush_partial(self) -> None:
        """Does nothing: every byte is kept as it comes."""

    def text(self) -> str:
        """Returns what is left of it."""
        return self._data.decode("utf-8", "replace")


type Sink = LogFile | Tail


def _prefix(stream: bytes) -> bytes:
    return b"%013d%b " % (time.time_ns() // 1_000_000, stream)


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return os.open(path, flags, 0o600)


def _main() -> None:
    """Reads the pipes of a stage that runs in the worker itself, whose threads stand still while C code runs.

    Standard input ends when the stage has ended: what is in the pipes then is the rest.
    """
    given = json.loads(sys.argv[1])
    streams = {given["stdout"]: STDOUT, given["stderr"]: STDERR}
    log = LogFile(given["path"], given["max_bytes"])
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(given["engine"])
    poll = select.poll()
    for fd in (0, *streams):
        poll.register(fd, select.POLLIN)
    told, told_at, is_ending = 0, 0.0, False
    while (ready := poll.poll(0 if is_ending else _PAUSE_MS)) or not is_ending:
        for fd, _ in ready:
            data = os.read(fd, PIECE)
            if fd in streams and data:
                log.write(streams[fd], data)
            else:
                poll.unregister(fd)
                is_ending = is_ending or fd == 0
        since = log.partial_since
        if since is not None and time.monotonic() >= since + _PAUSE_MS / 1000:
            log.flush_partial()
        if log.size_bytes != told and time.monotonic() >= told_at + _PAUSE_MS / 1000:
            told, told_at = log.size_bytes, time.monotonic()
            grew = {"grew": [given["stage"], given["attempt"], told]}
            engine.sendall(json.dumps(grew).encode() + b"\n")
    log.close()


if __name__ == "__main__":
    _main()
