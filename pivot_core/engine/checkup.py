"""Owns what ``doctor`` looks at in a project: settings, git, disk, cache, state, engine, definition, remotes.

Whatever is broken is a finding and no end: each look stands alone, and what it raises is what it found.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from pivot_core import quick
from pivot_core.engine import remotes
from pivot_core.engine.lease import Lease
from pivot_core.engine.notify import Notifier
from pivot_core.engine.watched import Watched
from pivot_core.errors import DefinitionError, PivotError, UsageError
from pivot_core.model.lock import NoLock
from pivot_core.port.checkup import Area, Check, Grade
from pivot_core.port.client import SocketPort
from pivot_core.port.snapshot import PROTOCOL
from pivot_core.store import disk, journal, lockfile, repository
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.disk import Nature
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import PLAN, State

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan, Planner

_COUNT_S = 0.3
"""How long the objects of a cache are counted."""
_HELLO_S = 2.0
_LITTLE_BYTES, _NOTHING_BYTES = 2 << 30, 100 << 20
_FEW_INODES = 10_000
_SKEW_S = 2.0
_NATURES = {
    Nature.NETWORK: "what other machines change there is not heard of while watching",
    Nature.MEMORY: "it is gone when the machine stops",
    Nature.LAYERED: "it is gone with its container: mount a volume for what is to stay",
}


def checks(here: Layout, config: Config) -> Iterator[Check]:
    """Yields what a look at the project's files finds; loads no definition and asks no remote."""
    is_writable = os.access(here.root, os.W_OK) and os.access(here.pivot_dir, os.W_OK)
    if not is_writable:
        hint = "make the project's directory and `.pivot/` writable for yourself"
        yield check("project", f"{here.root} cannot be written", hint, Grade.PROBLEM)
    else:
        yield check("project", here.root)
    looks: list[tuple[str, Callable[[], Iterable[Check]]]] = [
        ("git", lambda: _git(here)),
        ("disk", lambda: _disks(here)),
        ("state", lambda: _state(here, config)),
        ("cache", lambda: _cache(here, config)),
        ("runs", lambda: _runs(here, config)),
        ("engine", lambda: _engine(here)),
    ]
    if is_writable:
        looks[2:2] = [
            ("links", lambda: _links(here, config)),
            ("clock", lambda: _clock(here)),
            ("socket", lambda: _socket(here)),
        ]
    for subject, look in looks:
        yield from guarded(subject, look)


def guarded(subject: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """Yields what a look finds; what it raises is a problem."""
    try:
        yield from look()
    except DefinitionError as error:
        for each in (error, *error.others):
            yield _broken(subject, each)
    except PivotError as error:
        yield _broken(subject, error)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        at = f": {error.filename}" if isinstance(error, OSError) and error.filename else ""
        said = f"cannot be looked at: {(why or str(error)).lower()}{at}"
        is_in_the_way = isinstance(error, NotADirectoryError | FileExistsError)
        hint = "move the file away that is there" if is_in_the_way else "look at its permissions"
        yield check(subject, said, hint, Grade.PROBLEM)


def check(subject: str, detail: str, hint: str = "", grade: Grade | None = None) -> Check:
    """Returns a finding; one with something to be done is a warning, unless it is said to be worse."""
    told = grade or (Grade.WARNING if hint else Grade.OK)
    return Check(Area.PROJECT, subject, told, detail, hint)


async def definition(here: Layout, planner: "Planner") -> list[Check]:
    """Loads the definition as a run would, and tries to watch what it rests on; raises ``PivotError``."""
    began = time.monotonic()
    plan = await planner.current()
    took_s = time.monotonic() - began
    count = len(plan.graph.stages)
    said = f"{count} stage{'' if count == 1 else 's'}"
    found = [check("definition", f"{said}, known in {took_s:.2f} s")]
    if plan.caveats:
        hint = "do that in a stage, or later: then an unchanged project is known in milliseconds"
        why = f"it is loaded for every command: {'; '.join(plan.caveats)}"
        found.append(check("definition", why, hint))
    known = planner.known()
    rules, grounds = Ignore.load(here.root), None if known is None else known[1]
    watched = Watched.of(here.root, rules, plan, grounds, is_broken=False)
    looks = (
        ("inputs", lambda: _inputs(here, plan)),
        ("locks", lambda: _locks(here, plan)),
        ("watching", lambda: _watching(watched)),
    )
    return [*found, *(each for subject, look in looks for each in guarded(subject, look))]


async def remote(here: Layout, config: Config, name: str) -> Check:
    """Tries one of everything that transfers need."""
    found = await remotes.check(here, config, name)
    bad = [each for each in found if each.is_needed and not each.is_good]
    weak = [each for each in found if not each.is_good and each not in bad]
    subject = f"remote {name}"
    if bad:
        return check(subject, f"{bad[0].subject}: {bad[0].detail}", bad[0].hint, Grade.PROBLEM)
    if weak:
        return check(subject, f"{weak[0].subject}: {weak[0].detail}", weak[0].hint)
    return check(subject, f"{config.remotes[name].url} can be read and written")


def _broken(subject: str, error: PivotError) -> Check:
    where = f" ({error.where})" if error.where else ""
    has_traceback = isinstance(error, DefinitionError) and error.detail
    hint = "`pivot status` shows the traceback" if has_traceback else error.hint
    return check(subject, f"{error.what}{where}", hint, Grade.PROBLEM)


# --- one look each ---------------------------------------------------------------------------------------------------


def _git(here: Layout) -> Iterator[Check]:
    try:
        found = repository.Repository(here.root).situation()
    except UsageError:
        return  # git is not installed: that is said of the machine
    if found is None:
        hint = "`git init`: lock files and settings are shared, and results compared, by way of git"
        yield check("git", "the project is in no git repository", hint)
        return
    if found.ignored:
        path, rule = next(iter(found.ignored.items()))
        hint = "`pivot init --force` writes Pivot's own rules anew"
        if ".pivot/.gitignore:" not in rule:
            hint = f"take the rule out of {rule.rpartition(':')[0]}"
        said = f"git ignores {path} (by {rule}): nobody else gets it, and CI runs everything"
        yield check("git", said, hint, Grade.PROBLEM)
    if found.strays:
        some = ", ".join(found.strays[:3]) + (" …" if len(found.strays) > 3 else "")
        places = sorted({"/".join(path.split("/")[:2]) for path in found.strays})
        hint = f"`git rm -r -q --cached {' '.join(places)}`, then commit"
        said = f"what belongs to this machine alone is committed: {some}"
        yield check("git", said, hint, Grade.PROBLEM)
    if found.untracked:
        count = len(found.untracked)
        said = f"{count} lock or settings file{'' if count == 1 else 's'} never added to git"
        hint = "`git add .pivot`, then commit: without them a clone runs everything again"
        yield check("git", said, hint)
    if not os.path.exists(f"{here.pivot_dir}/.gitignore"):
        said = "`.pivot/.gitignore` is missing: git would take cache and state, too"
        yield check("git", said, "`pivot init` writes it")
    elif not (found.ignored or found.strays or found.untracked):
        changed = f", {found.changed} not committed" if found.changed else ""
        yield check("git", f"lock files and settings are in git{changed}")


def _disks(here: Layout) -> Iterator[Check]:
    places = {"project": here.root}
    if not here.cache_dir.startswith(f"{here.root}/"):
        places["cache"] = here.cache_dir
    for name, path in places.items():
        found = disk.file_system(path)
        kind = found.kind or "a kind that the system does not tell"
        subject = "disk" if name == "project" else "cache disk"
        hint = _NATURES.get(found.nature, "")
        if found.nature is Nature.NETWORK and name == "project":
            hint += "; use it from one machine at a time"
        yield check(subject, f"{kind} ({found.mount})" if found.mount else kind, hint)
        yield from _room(subject, path)


def _room(subject: str, path: str) -> Iterator[Check]:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    found = disk.room(path)
    said = f"{_size(found.free_bytes)} free of {_size(found.total_bytes)}"
    if found.free_inodes is not None and found.free_inodes < _FEW_INODES:
        said += f", room for {found.free_inodes:,} more files"
        yield check(subject, said, "remove what is not needed: files, not bytes, run out")
    elif found.free_bytes < _LITTLE_BYTES:
        is_none = found.free_bytes < _NOTHING_BYTES
        hint = "`pivot gc` tells what could go, `pivot gc --force` removes it"
        yield check(subject, said, hint, Grade.PROBLEM if is_none else Grade.WARNING)
    else:
        yield check(subject, said)


def _links(here: Layout, config: Config) -> Iterator[Check]:
    is_near = os.stat(here.root).st_dev == os.stat(here.pivot_dir).st_dev
    found = disk.links(here.cache_tmp_dir, here.tmp_dir if is_near else here.root)
    used = next((way for way in config.cache_link if not found.get(way)), "copy")
    said = ", ".join(f"{way} {why or 'works'}" for way, why in found.items())
    said += f"; outputs come from the cache by {used}"
    if any(found.get(way) for way in config.cache_link if way != "reflink"):
        hint = "put the cache on the project's disk: `pivot config set cache.dir DIR`"
        yield check("links", said, hint)
    else:
        yield check("links", said)


def _clock(here: Layout) -> Iterator[Check]:
    os.makedirs(here.tmp_dir, exist_ok=True)
    found = disk.clock(here.tmp_dir)
    if abs(found.ahead_s) > _SKEW_S:
        way = "ahead of" if found.ahead_s > 0 else "behind"
        said = f"the disk's clock is {abs(found.ahead_s):.0f} s {way} this machine's"
        yield check("clock", said, "set both clocks (NTP): other tools go by these times")
    elif found.has_whole_seconds:
        said = "the disk keeps whole seconds: a file counts as unchanged after two of them"
        yield check("clock", said)
    elif found.step_ns is None:
        yield check("clock", "the disk's times are more than 50 ms apart")
    else:
        yield check("clock", f"the disk's times are {found.step_ns / 1e6:.3g} ms apart")


def _socket(here: Layout) -> Iterator[Check]:
    """Binds a socket where an engine would."""
    path = os.path.join(os.path.dirname(here.socket_path), f"doctor-{os.getpid()}.sock")
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    hint = "`export XDG_RUNTIME_DIR=DIR` names a short directory of yours on a local disk"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(path)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            yield check("socket", f"cannot be made: {why} ({path})", hint, Grade.PROBLEM)
            return
    os.unlink(path)
    yield check("socket", here.socket_path)


def _state(here: Layout, config: Config) -> Iterator[Check]:
    notices = list[str]()
    state = State.open(here, read_only=True, notices=notices, max_bytes=config.state_max_bytes)
    try:
        state.get(PLAN)
    finally:
        state.close()
    if notices:
        hint = "the next run begins it anew: hashing is done again, no result is lost"
        yield from (check("state", each, hint) for each in notices)
        return
    path = f"{here.state_path}/data.mdb"
    size = os.path.getsize(path) if os.path.exists(path) else 0
    said = _size(size) if size else "nothing recorded yet"
    if size > config.state_max_bytes * 0.8:
        hint = f"`pivot config set state.max_bytes {2 * config.state_max_bytes}`; when it is full it begins anew"
        yield check("state", f"{said} of {_size(config.state_max_bytes)}", hint)
    else:
        yield check("state", said)
    if os.path.lexists(f"{here.state_path}.bad"):
        said = f"a damaged state was set aside: {here.state_path}.bad"
        yield check("state", said, "`pivot gc --force` removes it, with what else nobody needs")
    yield from _interpreter(here)


def _interpreter(here: Layout) -> Iterator[Check]:
    """Tells when the last plan was made by another interpreter than this one."""
    try:
        known = quick.proven_identity(here.root)
    except OSError:
        return  # there is no proof, and so nothing to compare
    now = quick.identity(here.root)
    if known is not None and known.split("\0")[1:3] != now.split("\0")[1:3]:
        other = known.split("\0")[2]
        hint = "use one environment for a project: each change loads the definition anew"
        yield check("state", f"the last command used another interpreter ({other})", hint)


def _cache(here: Layout, config: Config) -> Iterator[Check]:
    count = size = 0
    is_all = True
    deadline = time.monotonic() + _COUNT_S
    for _, path in Cache(here, config.cache_link).objects():
        with contextlib.suppress(OSError):
            size += os.lstat(path).st_size
            count += 1
        if time.monotonic() > deadline:
            is_all = False
            break
    lead = "" if is_all else "more than "
    yield check("cache", f"{lead}{count:,} objects, {_size(size)} ({here.cache_dir})")
    if damaged := _names(here.corrupt_dir):
        said = f"{len(damaged)} damaged set aside: what they held was made again or is missing"
        yield check(
            "cache", said, "`pivot verify` tells what is missing; `pivot gc --force` removes them"
        )
    ours = [name for name in _names(here.cache_tmp_dir) if name.startswith(here.cache_tmp_prefix)]
    if ours and _is_free(here):
        said = f"{len(ours)} half-written by a process that was killed"
        yield check("cache", said, "`pivot repro` removes them")
    if partial := _names(here.partial_dir):
        yield check("cache", f"{len(partial)} downloads to be gone on with")


def _runs(here: Layout, config: Config) -> Iterator[Check]:
    count = len(journal.runs(here))
    yield check("runs", f"{count} kept of at most {config.run_keep} (run.keep)")


def _engine(here: Layout) -> Iterator[Check]:
    if not _is_free(here):
        yield asyncio.run(_live(here))
        return
    yield check("engine", "none is live")
    if names := _names(here.aside_dir):
        said = f"{len(names)} stages were at work when an engine was killed"
        yield check("engine", said, "`pivot repro` puts their old outputs back and runs them")
    if os.path.exists(here.pending_path):
        yield check("engine", "requests are left for the next engine", "`pivot repro` does them")
    if _has_workers(here):
        said = "workers of an engine that ended are still there"
        yield check("engine", said, "end them: `ps -ef | grep loky` shows them")


async def _live(here: Layout) -> Check:
    whom = Lease(here).holder().replace(" ", ": ", 1)
    hint = "`pivot serve --stop --force` ends it"
    try:
        async with asyncio.timeout(_HELLO_S):
            port = await SocketPort.connect(here.socket_path)
            try:
                info = await port.hello()
            finally:
                await port.close()
    except (OSError, TimeoutError):
        # A command that only looks has the project for a moment, and no socket.
        return check("engine", f"the project is in use (process {whom})")
    if info.protocol != PROTOCOL:
        return check("engine", f"{info.command} (pid {info.pid}) is of another version", hint)
    return check("engine", f"{info.command} (pid {info.pid}) is live")


def _inputs(here: Layout, plan: "Plan") -> Iterator[Check]:
    plan.check_inputs(here, tuple(plan.graph.stages), ())
    yield check("inputs", "all are there, or are made by stages")


def _locks(here: Layout, plan: "Plan") -> Iterator[Check]:
    """Reads the lock file of every stage."""
    _names(here.stages_dir)  # raises for a file in its place
    found = {name: lockfile.read(here.lock_path(name), name) for name in plan.graph.stages}
    there = {name: lock for name, lock in found.items() if os.path.lexists(here.lock_path(name))}
    bad = {name: lock.why for name, lock in there.items() if isinstance(lock, NoLock)}
    for name, why in bad.items():
        hint = f"`git restore .pivot/stages`, or `pivot repro {name}` writes it anew"
        yield check("locks", f"stage '{name}': {why}", hint)
    if not bad:
        yield check("locks", f"{len(there)} of {len(found)} stages have one")


def _watching(watched: Watched) -> Iterator[Check]:
    """Listens to everything that a watch would."""
    directories = watched.directories()
    notifier = Notifier(lambda _: None)
    try:
        notifier.listen(directories)
    finally:
        notifier.close()
    said = f"{len(directories):,} directories can be watched"
    limit = _number("/proc/sys/fs/inotify/max_user_watches")
    if limit is not None and len(directories) > limit // 2:
        hint = f"`sudo sysctl fs.inotify.max_user_watches={4 * limit}`"
        yield check("watching", f"{said}, which is near the limit of {limit:,}", hint)
    else:
        yield check("watching", said)


def _is_free(here: Layout) -> bool:
    """Tells whether no engine is live."""
    return _can_lock(here.engine_lock, fcntl.LOCK_SH)


def _has_workers(here: Layout) -> bool:
    return not _can_lock(here.workers_lock, fcntl.LOCK_EX)


def _can_lock(path: str, how: int) -> bool:
    """Tells whether a lock could be had; changes nothing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _size(size_bytes: int) -> str:
    amount = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
