"""Owns tier 0: answers "nothing changed" from one flat file, before anything else is imported.

    engine.proof ──pack──► .pivot/state.lmdb/proof ──answer──► what the full path would print
                                                        └────► None: something differs, or is unusual

A proof says: as long as these variables, files and directories are as they were, every stage is up to date. It is
checked as a whole, whatever the targets are. What it holds is told in docs/formats.md.
"""

import marshal
import os
import sys

from pivot_core import __version__

TYPE_CHECKING = False  # `typing` costs more than all that is done here; checkers know the name
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
    from typing import TypedDict

    type Signed = tuple[str, bytes]
    """Paths joined by zero bytes, and the signatures of what they lead to: ``NUMBERS`` of 8 bytes for each."""

    class Listed(TypedDict):
        """A directory for the names in it."""

        path: str
        signature: bytes
        names: dict[str, str]
        """Hashes of those names in it that count, by ``KINDS``: they hold where only others have come or gone.

        Empty where every change counts.
        """
        absent: list[str]
        """What the signature proves to be absent, and those names do not."""

    class Proof(TypedDict):
        """What must hold, and what then follows; all paths are absolute."""

        identity: str
        variables: list[str]
        """Environment variables that count besides Pivot's and Python's; ``*`` for all."""
        environment: str
        """The ``environment_hash`` of them."""
        absent: list[str]
        """What was looked for and is not there."""
        directories: list[str]
        """What must be a directory, whatever is in it."""
        listed: list[Listed]
        sought: list[str]
        """The names of directories that an import could find; others do not count."""
        plan: Signed
        """Settings, and the files that the definition and the code rest on."""
        data: Signed
        """What the verdicts rest on besides: lock files, inputs, outputs, the state itself."""
        pending: str
        """What is there while an engine has left requests."""
        stages: list[str]
        """In topological order."""
        proven: list[int]
        """The places of those that are up to date; with a stage all that it needs."""
        upstream: list[list[int]]
        """For each stage the places of its upstreams in ``stages``."""
        outs: list[list[str]]
        pipelines: dict[str, list[int]]
        """The places of each pipeline's stages, by its project-relative directory, ``""`` for the root."""


FORMAT = 4
NUMBERS = 5
"""Of a signature: size, mtime_ns, ctime_ns, inode, device."""
PLACE = ".pivot/state.lmdb/proof"

_HEAD = f"pivot-proof {FORMAT} {__version__} {sys.implementation.cache_tag}\n".encode()
_HASH_BYTES = 16
_BATCH = 1000
_COMMANDS = ("repro", "status", "verify")
_SCOPED = ("repro", "status")
"""Those that mean the pipeline around the working directory."""
_PLACES = frozenset(
    ("pivot.yaml", "pivot.yml", "pipeline.py", ".gitignore", ".git", ".pivot", "pyvenv.cfg")
)
_COMPLETED = (*_COMMANDS, "run", "explain", "commit", "checkout")
_OWN = ("PIVOT_", "PYTHON")
_GOOD, _STRONG, _FAINT = "36", "1", "2"


# --- what the command line asks --------------------------------------------------------------------------------------


def answer(
    arguments: "Sequence[str]", environment: "Mapping[str, str]", *, is_terminal: bool
) -> str | None:
    """Returns what ``pivot`` with these arguments prints when nothing changed; ``None`` when it may be anything else.

    The exit code is then 0. Never raises, and changes nothing.
    """
    asked = _parse(arguments)
    if asked is None:
        return None
    command, places, targets, is_quiet, is_whole = asked
    if command != "status" and environment.get("GITHUB_ACTIONS") == "true":
        return None
    try:
        directory = _directory(places)
        root = _find_root(directory)
        proof = _read(root)
        if proof is None or not _is_same_plan(proof, root, environment):
            return None
        if os.path.exists(proof["pending"]) or not _is_same(*proof["data"]):
            return None
        home, chosen = _chosen(proof, root, directory, command, targets, is_whole)
    except (OSError, ValueError):
        return None
    if not chosen:
        return None
    is_dumb = environment.get("TERM", "dumb") == "dumb"
    is_coloured = (is_terminal and not is_dumb) or environment.get("FORCE_COLOR")
    has_colour = bool(is_coloured) and not environment.get("NO_COLOR")
    return "" if is_quiet else _say(command, home, len(chosen), has_colour=has_colour)


def complete(
    environment: "Mapping[str, str]", last_known: "Callable[[str], Sequence[str]]"
) -> str | None:
    """Returns what a shell that asks how the command line goes on is told; ``None`` unless stages are asked for.

    ``last_known`` gives the names of a project whose plan is not proven.
    """
    shell, _, instruction = environment.get("_PIVOT_COMPLETE", "").partition("_")
    asked = _typed(shell, environment) if instruction == "complete" else None
    if asked is None:
        return None
    words, begun = asked
    parsed = _parse(words, _COMPLETED)
    if parsed is None or len(words) != 1 + len(parsed[2]) or begun.startswith("-"):
        return None
    try:
        root = _find_root(os.getcwd())
    except OSError:
        return None
    proof = _proven(root, environment)
    known = last_known(root) if proof is None else _names(proof)
    found = [name for name in known if name.startswith(begun)]
    form = "plain\n{}\n_" if shell == "zsh" else "plain,{}"
    said = "\n".join([form.format(name) for name in found])
    return said + "\n" if said.isascii() else None


def inside(root: str, directory: str, target: str) -> str:
    """Returns a target with a path made project-relative; a name stays what it is.

    Absolute paths and ``./`` or ``../`` paths are relative to the working ``directory``; so is any other path with a
    slash or a dot in it that exists there. The rest are stage names or already project-relative.
    """
    place = os.path.join(directory, target)
    is_explicit = os.path.isabs(target) or target.split("/", 1)[0] in (".", "..")
    if not is_explicit and not (("/" in target or "." in target) and os.path.lexists(place)):
        return target
    # The directory is resolved, the last part is not: an output may be a link into the cache.
    parent, name = os.path.split(os.path.normpath(place))
    relative = os.path.relpath(os.path.join(os.path.realpath(parent), name), os.path.realpath(root))
    return relative + "/" if target.endswith("/") else relative


def typed(root: str, directory: str, target: str) -> str:
    """Returns a target as ``inside`` does; below the root a name with the working directory and ``//`` before it.

    The nearest one is meant then, where several pipelines have it.
    """
    found = inside(root, directory, target)
    is_name = found == target and not os.path.isabs(target) and not target.startswith(".")
    place = place_in(root, directory) if is_name else ""
    return f"{place}//{target}" if place else found


def place_in(root: str, directory: str) -> str:
    """Returns a directory relative to the project; ``""`` for the root, and outside."""
    relative = os.path.relpath(os.path.realpath(directory), os.path.realpath(root))
    return "" if relative.split("/", 1)[0] in (".", "..") else relative


def home(homes: "Collection[str]", place: str) -> str | None:
    """Returns that of the directories of pipelines in which a directory lies, the nearest; ``None`` for none."""
    while place and place not in homes:
        place = os.path.dirname(place)
    return place if place in homes else None


def scope(home: str) -> str:
    """Tells which stages are meant where no others are named, and the project has several pipelines."""
    return f"{home + '/' if home else 'the pipeline in the root'} and what it needs; --all: every pipeline"


def proven_identity(root: str) -> str | None:
    """Returns the ``identity`` that the project's proof was made with; ``None`` without one. Raises ``OSError``."""
    proof = _read(root)
    return None if proof is None else proof["identity"]


# --- what the engine writes ------------------------------------------------------------------------------------------


def pack(proof: "Proof") -> bytes:
    """Returns the bytes of a proof's file."""
    body = marshal.dumps(dict(proof))
    return _HEAD + _hash(body) + body


def signed(signatures: "Mapping[str, Iterable[int]]") -> "Signed":
    """Returns paths with their signatures as a proof holds them.

    Raises ``OverflowError`` for a number that is negative or takes more than 64 bits.
    """
    numbers = [number for sign in signatures.values() for number in sign]
    return "\0".join(signatures), b"".join(
        [number.to_bytes(8, sys.byteorder) for number in numbers]
    )


def identity(root: str) -> str:
    """Returns what project and interpreter are, without the directory that a way of starting Python puts in front."""
    path = sys.path if sys.flags.safe_path else sys.path[1:]
    return "\0".join([root, sys.version, sys.prefix, *path])


def environment_hash(names: "Iterable[str]", environment: "Mapping[str, str]") -> str:
    """Returns a hash of Pivot's and Python's variables and of ``names``.

    ``*`` is all of them, but for those that are named with ``-`` in front; ``~NAME`` is a name in any case, ``~NAME*``
    every name that begins so.
    """
    wanted, left_out = {name for name in environment if name.startswith(_OWN)}, set[str]()
    is_all = False
    for name in names:
        if name[0] == "-":
            left_out.add(name[1:])
        elif name[0] == "~":
            wanted.update(_matching(name[1:].upper(), environment))
        elif name == "*":
            is_all = True
        else:
            wanted.add(name)
    if is_all:
        starts = tuple([name[:-1] for name in left_out if name[-1] == "*"])
        wanted.update(
            [n for n in environment if n not in left_out and not (starts and n.startswith(starts))]
        )
    said = [
        f"{name}={environment[name]}" if name in environment else name for name in sorted(wanted)
    ]
    return _hash("\0".join(said).encode("utf-8", "surrogateescape")).hex()


def _matching(wanted: str, environment: "Mapping[str, str]") -> list[str]:
    """Returns the names that are ``wanted`` in any case, or begin so where it ends in ``*``."""
    if wanted[-1:] == "*":
        return [name for name in environment if name.upper().startswith(wanted[:-1])]
    return [name for name in environment if name.upper() == wanted]


def names_hash(directory: str, _: "Container[str]") -> str:
    """Returns a hash of all names in ``directory``; ``""`` when it cannot be listed."""
    try:
        names = os.listdir(directory)
    except OSError:
        return ""
    return _hash(os.fsencode("\0".join(sorted(names)))).hex()


def module_names_hash(directory: str, sought: "Container[str]") -> str:
    """Returns a hash of the names in ``directory`` that an import could find; ``""`` when it cannot be listed.

    Directories count where they have a name that is ``sought``.
    """
    from importlib.machinery import EXTENSION_SUFFIXES  # asked only where names have changed

    suffixes = (".py", *EXTENSION_SUFFIXES)
    try:
        with os.scandir(directory) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(suffixes) or (entry.name in sought and entry.is_dir())
            )
    except OSError:
        return ""
    return _hash(os.fsencode("\0".join(names))).hex()


def places_hash(directory: str, _: "Container[str]" = ()) -> str:
    """Returns a hash of the names in ``directory`` that tell where definitions lie; ``""`` when it cannot be listed."""
    try:
        with os.scandir(directory) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name in _PLACES
                or (entry.name[0] != "." and entry.is_dir(follow_symlinks=False))
            )
    except OSError:
        return ""
    return _hash(os.fsencode("\0".join(names))).hex()


KINDS = {"all": names_hash, "modules": module_names_hash, "places": places_hash}


# --- checking --------------------------------------------------------------------------------------------------------


def _read(root: str) -> "Proof | None":
    with open(f"{root}/{PLACE}", "rb") as file:
        data = file.read()
    start = len(_HEAD) + _HASH_BYTES
    body = memoryview(data)[start:]
    if not data.startswith(_HEAD) or data[len(_HEAD) : start] != _hash(body):
        return None
    return marshal.loads(body)


def _names(proof: "Proof") -> list[str]:
    return [*proof["stages"], *(out for outs in proof["outs"] for out in outs)]


def _proven(root: str, environment: "Mapping[str, str]") -> "Proof | None":
    """Returns the proof of a project whose plan is what it was."""
    try:
        proof = _read(root)
        is_same = proof is not None and _is_same_plan(proof, root, environment)
    except (OSError, ValueError):
        return None
    return proof if is_same else None


def _is_same_plan(proof: "Proof", root: str, environment: "Mapping[str, str]") -> bool:
    """Tells whether the plan is what it was."""
    return (
        proof["identity"] == identity(root)
        and proof["environment"] == environment_hash(proof["variables"], environment)
        and not any(map(os.path.exists, proof["absent"]))
        and all(map(os.path.isdir, proof["directories"]))
        and all(_is_listed(known, proof["sought"]) for known in proof["listed"])
        and _is_same(*proof["plan"])
    )


def _is_listed(known: "Listed", sought: "Sequence[str]") -> bool:
    if _is_same(known["path"], known["signature"]):
        return True
    names = known["names"]
    return (
        bool(names)
        and all(KINDS[kind](known["path"], sought) == digest for kind, digest in names.items())
        and not any(map(os.path.exists, known["absent"]))
    )


def _is_same(paths: str, signatures: bytes) -> bool:
    """Tells whether every path leads to what it led to; raises ``OSError`` for one that leads nowhere."""
    stat = os.stat
    known = memoryview(signatures).cast("Q")
    names = paths.split("\0") if paths else []
    for start in range(0, len(names), _BATCH):
        now = list[int]()
        for path in names[start : start + _BATCH]:
            found = stat(path)
            now += (
                found.st_size,
                found.st_mtime_ns,
                found.st_ctime_ns,
                found.st_ino,
                found.st_dev,
            )
        if known[start * NUMBERS : start * NUMBERS + len(now)].tolist() != now:
            return False
    return len(known) == len(names) * NUMBERS


def _chosen(
    proof: "Proof",
    root: str,
    directory: str,
    command: str,
    targets: "Sequence[str]",
    is_whole: bool,
) -> "tuple[str | None, Collection[int]]":
    """Returns the pipeline that is meant where there are several, and the places of the stages that are selected.

    No stages when a target is not known here, or not proven.
    """
    stages, pipelines = proof["stages"], proof["pipelines"]
    chosen, around = set[int](), None
    proven = set(proof["proven"])
    if not targets:
        if len(pipelines) > 1 and not is_whole and command in _SCOPED:
            around = home(pipelines, place_in(root, directory))
        chosen.update(range(len(stages)) if around is None else pipelines[around])
    for target in targets:
        named = _named(proof, typed(root, directory, target))
        if not named or is_whole:
            return None, ()
        chosen.update(named)
    for place in range(len(stages) - 1, -1, -1):  # upstreams stand before what needs them
        if place in chosen:
            chosen.update(proof["upstream"][place])
    return around, chosen if chosen <= proven else ()


def _named(proof: "Proof", target: str) -> list[int]:
    stages = proof["stages"]
    if "//" in target:
        return []  # what a name means below the root is for the full path to say
    path = target.removeprefix("./")
    return (
        [place for place, name in enumerate(stages) if name == target]
        or [place for place, name in enumerate(stages) if name.startswith(f"{target}@")]
        or [place for place, outs in enumerate(proof["outs"]) if path in outs]
    )


def _hash(data: bytes | memoryview) -> bytes:
    from xxhash import xxh3_128_digest  # a project without a proof does without

    return xxh3_128_digest(data)


# --- the command line ------------------------------------------------------------------------------------------------


def _parse(
    arguments: "Sequence[str]", commands: "Sequence[str]" = _COMMANDS
) -> tuple[str, list[str], list[str], bool, bool] | None:
    """Returns command, values of ``-C``, targets, whether to be quiet, and whether every pipeline is meant.

    ``None`` for anything out of the ordinary.
    """
    command, is_quiet, is_whole = "", False, False
    places, targets = list[str](), list[str]()
    words = iter(arguments)
    for word in words:
        if word in ("-q", "--quiet"):
            is_quiet = True
        elif word == "-C":
            places.append(next(words, "-"))
        elif word == "--all" and command in _SCOPED:
            is_whole = True
        elif not word or word.startswith("-"):
            return None
        elif command:
            targets.append(word)
        else:
            command = word
    if command not in commands or any(place.startswith("-") for place in places):
        return None
    return command, places, targets, is_quiet, is_whole


def _typed(shell: str, environment: "Mapping[str, str]") -> tuple[list[str], str] | None:
    """Returns the words after ``pivot`` and the one that is begun; ``None`` where quoting or a shell is not known."""
    line, begun = environment.get("COMP_WORDS", ""), environment.get("COMP_CWORD", "")
    plain = (line + begun).replace("\n", "")
    if not (line and plain.isascii() and plain.isprintable()) or any(c in plain for c in "'\"\\="):
        return None
    words = line.split()
    if shell == "fish" and " " not in begun:
        if begun and words[-1] == begun:
            words.pop()
        return words[1:], begun
    if shell not in ("bash", "zsh") or not begun.isdecimal() or begun == "0":
        return None
    place = int(begun)
    return words[1:place], words[place] if place < len(words) else ""


def _directory(places: "Sequence[str]") -> str:
    """Returns the working directory after every ``-C``; raises ``OSError`` when one cannot be entered."""
    directory = os.getcwd()
    for place in places:
        directory = os.path.realpath(os.path.join(directory, place), strict=True)
        if not os.path.isdir(directory) or not os.access(directory, os.X_OK):
            raise NotADirectoryError(directory)
    return directory


def _find_root(start: str) -> str:
    """Returns the nearest directory, from ``start`` upwards, with ``.pivot/``; ``/`` may have none."""
    here: str = start
    while not os.path.isdir(f"{here}/.pivot") and len(here) > 1:
        here = os.path.dirname(here)
    return here


def _say(command: str, home: str | None, count: int, *, has_colour: bool) -> str:
    stages = "1 stage" if count == 1 else f"{count} stages"
    text, style, rest = {
        "repro": ("up to date", _GOOD, f": {stages}"),
        "status": (f"up to date: {stages}", _STRONG, ""),
        "verify": ("verified", _GOOD, ""),
    }[command]
    first = "" if home is None else f"{scope(home)}\n"
    if not has_colour:
        return f"{first}{text}{rest}\n"
    if first:
        first = f"\x1b[{_FAINT}m{scope(home or '')}\x1b[0m\n"
    return f"{first}\x1b[{style}m{text}\x1b[0m{rest}\n"
