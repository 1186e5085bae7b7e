"""Owns what a worker can tell of memory: how much it holds, and whether the kernel killed a process for lack of it."""

import os
import resource
import sys


class OomCounter:
    """Counts the kernel's out-of-memory kills in this process's control group, or on the machine without one."""

    def __init__(self) -> None:
        self._fd: int | None = None
        for path in (*_group_files(), "/proc/vmstat"):
            try:
                fd = os.open(path, os.O_RDONLY)
            except OSError:
                continue
            if _count(fd) is not None:
                self._fd = fd
                return
            os.close(fd)

    def read(self) -> int:
        """Returns the kills so far; 0 where nobody counts."""
        return (None if self._fd is None else _count(self._fd)) or 0


def resident_bytes() -> int:
    """Returns how much memory this process holds; where the system does not tell, the most that it ever held."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _count(fd: int) -> int | None:
    try:
        _, found, rest = os.pread(fd, 16384, 0).partition(b"oom_kill ")
        return int(rest.split(maxsplit=1)[0]) if found else None
    except (OSError, ValueError, IndexError):
        return None


def _group_files() -> list[str]:
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except (OSError, UnicodeDecodeError):
        return []
    found = list[str]()
    for _, controllers, path in groups:
        if controllers == "":
            found.append(f"/sys/fs/cgroup{path}/memory.events")
        elif "memory" in controllers.split(","):
            found.append(f"/sys/fs/cgroup/memory{path}/memory.oom_control")
    return found
