"""Owns what ``doctor`` looks at without a project: interpreter, packages, processes, memory, terminal."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata

from pivot_core import __version__
from pivot_core.port.checkup import Area, Check, Grade

_DISTRIBUTION = "pivot-workbench"
_MINIMUM = (3, 13)
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*([^;]*)")
_BOUND = re.compile(r"(>=|<=|==|!=|<|>)\s*([0-9][0-9.]*)")
_FILES = 1024
_SHM_BYTES = 64 << 20


def checks() -> Iterator[Check]:
    """Yields what was found, a line each."""
    yield from _python()
    yield _environment()
    yield _packages()
    yield _processes()
    yield _shared_memory()
    yield _git()
    yield _terminal(os.environ, is_terminal=sys.stdout.isatty(), encoding=sys.stdout.encoding)


def check(subject: str, detail: str, hint: str = "", grade: Grade | None = None) -> Check:
    """Returns a finding; one with something to be done is a warning, unless it is said to be worse."""
    told = grade or (Grade.WARNING if hint else Grade.OK)
    return Check(Area.MACHINE, subject, told, detail, hint)


def unmet(requirement: str, version: str) -> str:
    """Returns the bound of a requirement that a version does not keep; empty when it keeps all."""
    _, bounds = _split(requirement)
    found = _numbers(version)
    for sign, text in _BOUND.findall(bounds):
        wanted = _numbers(text)
        size = max(len(found), len(wanted))
        left, right = (each + (0,) * (size - len(each)) for each in (found, wanted))
        if not _COMPARE[sign](left, right):
            return f"{sign}{text}"
    return ""


def _python() -> Iterator[Check]:
    said = f"{sys.version.split()[0]} ({sys.executable})"
    if sys.version_info[:2] < _MINIMUM:
        hint = "make an environment with Python 3.13 or newer"
        yield check("python", said, hint, Grade.PROBLEM)
    else:
        yield check("python", said)


def _environment() -> Check:
    active = os.environ.get("VIRTUAL_ENV", "")
    is_apart = sys.prefix != sys.base_prefix or bool(os.environ.get("CONDA_PREFIX"))
    if active and os.path.realpath(active) != os.path.realpath(sys.prefix):
        hint = f"`{active}/bin/python -m pip install {_DISTRIBUTION}`, or leave that environment"
        said = f"Pivot {__version__} runs from {sys.prefix}, and {active} is active"
        return check("environment", said, hint)
    if not is_apart:
        hint = "`python -m venv .venv` makes one: packages of the system change with the system"
        return check("environment", f"Pivot {__version__}, in no virtual environment", hint)
    return check("environment", f"Pivot {__version__} in {sys.prefix}")


def _packages() -> Check:
    """Compares what is installed with what Pivot says that it needs."""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        hint = f"`python -m pip install {_DISTRIBUTION}`"
        return check("packages", "Pivot runs without being installed", hint)
    bad, good = list[str](), list[str]()
    for each in requirements:
        name, _ = _split(each)
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            bad.append(f"{name} is missing")
            continue
        bound = unmet(each, version)
        good.append(f"{name} {version}")
        if bound:
            bad.append(f"{name} is {version}, not {bound}")
    if bad:
        hint = f"`{sys.executable} -m pip install --upgrade {_DISTRIBUTION}`"
        return check("packages", "; ".join(bad), hint, Grade.PROBLEM)
    return check("packages", ", ".join(good))


def _processes() -> Check:
    """Forks for real, and looks at how much this user may have open."""
    import resource

    cpus = os.process_cpu_count() or 1
    try:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    except OSError as error:
        hint = "raise the limit of processes (`ulimit -u`), or that of the container"
        return check("processes", f"cannot fork: {error.strerror}", hint, Grade.PROBLEM)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    said = f"{cpus} at once by default, {files:,} open files each"
    if files < _FILES:
        return check("processes", said, f"`ulimit -n {_FILES}` allows more open files")
    return check("processes", said)


def _shared_memory() -> Check:
    """Makes a semaphore as the workers' pool does."""
    import multiprocessing

    try:
        multiprocessing.get_context("fork").Semaphore(1)
    except (OSError, ImportError) as error:
        hint = "mount /dev/shm (Docker: `--tmpfs /dev/shm`), or let this user write it"
        return check("shared memory", f"no semaphore can be made: {error}", hint, Grade.PROBLEM)
    if not os.path.isdir("/dev/shm"):
        return check("shared memory", "semaphores can be made")
    free = shutil.disk_usage("/dev/shm").free
    said = f"semaphores can be made, {free >> 20:,} MiB free in /dev/shm"
    if free < _SHM_BYTES:
        return check("shared memory", said, "Docker: `--shm-size 1g`")
    return check("shared memory", said)


def _git() -> Check:
    import subprocess

    try:
        done = subprocess.run(
            ["git", "--version"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return check("git", "not installed", "install git: locks and settings are shared by it")
    return check("git", done.stdout.strip().removeprefix("git version ") or "it says nothing")


def _terminal(environment: Mapping[str, str], *, is_terminal: bool, encoding: str) -> Check:
    term = environment.get("TERM", "")
    parts = [term or "no TERM"]
    if environment.get("NO_COLOR"):
        parts.append("no colour (NO_COLOR)")
    elif environment.get("COLORTERM") in ("truecolor", "24bit"):
        parts.append("16 million colours")
    elif "256color" in term:
        parts.append("256 colours")
    if not is_terminal:
        parts = ["output goes to a file or a pipe: no colour, no progress"]
    parts.append(encoding)
    said, hint = ", ".join(parts), ""
    if not encoding.lower().replace("-", "").startswith("utf"):
        hint = "`export LANG=C.UTF-8` shows symbols; `PIVOT_ASCII=1` does without"
    elif is_terminal and term in ("", "dumb"):
        hint = "`export TERM=xterm-256color` brings colours, progress and the dashboard"
    return check("terminal", said, hint)


def _split(requirement: str) -> tuple[str, str]:
    found = _REQUIREMENT.match(requirement)
    return (found[1], found[2]) if found else (requirement, "")


def _numbers(version: str) -> tuple[int, ...]:
    """Returns the release of a version; what follows it does not count."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


_COMPARE: Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
}
