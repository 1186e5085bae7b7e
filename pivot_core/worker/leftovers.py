"""Owns finding and ending the processes that a stage left behind.

A worker is a subreaper on Linux: what outlives its parent below it becomes its own child, daemons too. Elsewhere
only the stage's process group is searched.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection

_IS_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MOMENT_S = 0.1
"""How long a process may take to end by itself before it counts as left behind."""
_LIMIT_S = 2.0
_NAME_MAX = 120

_prctl = ctypes.CDLL(None).prctl if _IS_LINUX else None


def adopt() -> None:
    """Makes this process the one that inherits its descendants' orphans."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Asks the kernel to kill this process as soon as the one that forked it ends."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def children() -> set[int]:
    """Returns the processes whose parent is this one, those that ended and are not reaped included."""
    pid = os.getpid()
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb", buffering=0) as file:
            return {int(child) for child in file.read().split()}
    except OSError:
        return _children_by_scan(pid)


def kill_group(leader: int) -> None:
    """Kills a process and its group, also when it has joined another group meanwhile."""
    signal_group(leader, signal.SIGKILL)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Sends a signal to a process and its group; the process must not have been reaped."""
    try:
        os.killpg(leader, number)
        if os.getpgid(leader) != leader:
            os.kill(leader, number)
    except (ProcessLookupError, PermissionError):
        try:
            os.kill(leader, number)
        except (ProcessLookupError, PermissionError):
            return


def end(leader: int | None, spared: Collection[int]) -> list[str]:
    """Ends what a stage left behind and returns the names.

    ``leader`` is the process that ran it, ended and not reaped; ``None`` when it ran in this one. Spared are
    ``spared``, resource trackers (they end by themselves and clean up), and what ends in a moment.
    """
    found = _lasting(leader, spared)
    names = [_name(pid) for pid in found]
    deadline = time.monotonic() + _LIMIT_S
    while found and time.monotonic() < deadline:
        if leader is not None:
            kill_group(leader)
        for pid in found:
            _kill(pid)
        _await_end(found, 0.2)
        found = _unspared(leader, spared)  # the orphans of what was killed
    return names


def end_all() -> None:
    """Kills every descendant of this process, trackers excepted."""
    for _ in range(100):
        found = _unspared(None, ())
        if not found:
            return
        for pid in found:
            _kill(pid)
        _await_end(found, 0.1)


def _unspared(leader: int | None, spared: Collection[int]) -> list[int]:
    found = list[int]()
    for pid in sorted(children().difference(spared)):
        if pid == leader:
            continue
        if not _reap(pid) and b"resource_tracker" not in _command(pid):
            found.append(pid)
    return found


def _lasting(leader: int | None, spared: Collection[int]) -> list[int]:
    """Returns what does not end in a moment; where all of it ended, what that had started is looked at in turn."""
    deadline = time.monotonic() + _LIMIT_S
    while True:
        found = _unspared(leader, spared)
        if not _IS_LINUX and leader is not None:
            found += _group_by_scan(leader)
        if not found or time.monotonic() > deadline:
            return found
        if lasting := _await_end(found, _MOMENT_S):
            return lasting


def _await_end(pids: list[int], limit_s: float) -> list[int]:
    """Waits until all ended, at most so long; reaps those that did and returns the others."""
    deadline = time.monotonic() + limit_s
    waiting = list(pids)
    with contextlib.ExitStack() as opened:
        handles = dict[int, int]()
        for pid in pids:
            with contextlib.suppress(OSError, AttributeError):  # it is gone; or no handles here
                handle = os.pidfd_open(pid)
                opened.callback(os.close, handle)
                handles[handle] = pid
        while waiting and (left := deadline - time.monotonic()) > 0:
            # Without handles it looks again and again, for a moment.
            select.select(list(handles), (), (), left if handles else min(left, 0.01))
            waiting = [pid for pid in waiting if not _reap(pid)]
            handles = {handle: pid for handle, pid in handles.items() if pid in waiting}
    return waiting


def _reap(pid: int) -> bool:
    """Tells whether a process has ended, and reaps it when it is ours."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _command(pid: int) -> bytes:
    if not _IS_LINUX:
        return " ".join(row[3] for row in _processes() if row[0] == pid).encode()
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            return file.read(4096).rstrip(b"\0").replace(b"\0", b" ")
    except OSError:
        return b""


def _name(pid: int) -> str:
    program, _, rest = _command(pid).decode("utf-8", "replace").partition(" ")
    shown = f"{os.path.basename(program)} {rest}".strip() or "a process"
    return shown if len(shown) <= _NAME_MAX else shown[: _NAME_MAX - 1] + "…"


def _children_by_scan(parent: int) -> set[int]:
    return {pid for pid, its_parent, _, _ in _processes() if its_parent == parent}


def _group_by_scan(leader: int) -> list[int]:
    return [pid for pid, _, group, _ in _processes() if group == leader != pid]


def _processes() -> list[tuple[int, int, int, str]]:
    """Lists every process: id, parent, group, command. For systems that tell nobody's children."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,command="], capture_output=True, text=True, check=False
    )
    rows = [line.split(None, 3) for line in listed.stdout.splitlines()]
    return [
        (int(row[0]), int(row[1]), int(row[2]), row[3])
        for row in rows
        if len(row) == 4 and "ps -A -o pid=" not in row[3]
    ]
