"""Owns finding and ending the processes that a stage left behind.

A worker is a subreaper on Linux: what outlives its parent below it becomes its own child, daemons too. Elsewhere
only the stage's process group is searched.
"""

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
    """Returns the processes whose parent is this one, those that ended and are not reaped included (Linux)."""
    pid = os.getpid()
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb", buffering=0) as file:
            return {int(child) for child in file.read().split()}
    except OSError:
        return _children_by_scan(pid) if _IS_LINUX else set()


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


def end(leader: int, spared: Collection[int]) -> list[str]:
    """Ends what a stage left behind and returns the names; ``leader`` has ended and is not reaped.

    Spared are ``spared``, resource trackers (they end by themselves and clean up), and what ends in a moment.
    """
    if not _IS_LINUX:
        return _end_group(leader)
    found = _lasting(_unspared(leader, spared))
    names = [_name(pid) for pid in found]
    deadline = time.monotonic() + _LIMIT_S
    while found and time.monotonic() < deadline:
        kill_group(leader)
        for pid in found:
            _kill(pid)
        _await_end(found, 0.2)
        found = _unspared(leader, spared)  # the orphans of what was killed
    return names


def end_all() -> None:
    """Kills every descendant of this process, trackers excepted."""
    for _ in range(100):
        found = _unspared(0, ())
        if not found:
            return
        for pid in found:
            _kill(pid)
        _await_end(found, 0.1)


def _unspared(leader: int, spared: Collection[int]) -> list[int]:
    found = list[int]()
    for pid in sorted(children().difference(spared, (leader,))):
        try:
            reaped, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
        if not reaped and b"resource_tracker" not in _command(pid):
            found.append(pid)
    return found


def _lasting(pids: list[int]) -> list[int]:
    return _await_end(pids, _MOMENT_S) if pids else pids


def _await_end(pids: list[int], limit_s: float) -> list[int]:
    """Waits until all ended, at most so long; reaps those that did and returns the others."""
    handles = dict[int, int]()
    poll = select.poll()
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            continue
        handles[handle] = pid
        poll.register(handle, select.POLLIN)
    waiting = dict(handles)
    deadline = time.monotonic() + limit_s
    while waiting and (left := deadline - time.monotonic()) > 0:
        for handle, _ in poll.poll(left * 1000):
            poll.unregister(handle)
            pid = waiting.pop(handle)
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue
    for handle in handles:
        os.close(handle)
    return list(waiting.values())


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _command(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            return file.read(4096)
    except OSError:
        return b""


def _name(pid: int) -> str:
    command = _command(pid).rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    program, _, rest = command.partition(" ")
    shown = f"{os.path.basename(program)} {rest}".strip() or "a process"
    return shown if len(shown) <= _NAME_MAX else shown[: _NAME_MAX - 1] + "…"


def _children_by_scan(parent: int) -> set[int]:
    found = set[int]()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb", buffering=0) as file:
                    after_name = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(after_name[1]) == parent:
                found.add(int(entry))
    return found


def _end_group(leader: int) -> list[str]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid=,command="], capture_output=True, text=True, check=False
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    names = [
        row[2][:_NAME_MAX]
        for row in rows
        if len(row) == 3 and row[1] == str(leader) and row[0] != str(leader)
    ]
    kill_group(leader)
    return [name for name in names if "resource_tracker" not in name]
