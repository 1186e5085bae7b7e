"""A page of the documentation, followed step by step as a reader would: files are written, commands run.

| block | what becomes of it |
|---|---|
| `python` or `yaml` that begins with `# FILE` | is written to that file |
| `bash` | runs, and must succeed |
| `console` | each command after `$` runs; what it says must be what stands below it |
| `bash` with `pivot repro --watch` alone | runs on; a `text` block after it must come to be said |

What differs from run to run (times, hashes, ids of runs, the width of columns) is not compared, nor the order of lines;
a line `…` stands for any others.
"""

import os
import re
import shlex
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cli.project import PIVOT, launcher
from tests.support.launcher import Done

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\S+\.(?:py|yaml))\n")
WATCH = "pivot repro --watch\n"
DASHBOARD = "pivot ui\n"
PLAIN = re.compile(r"pivot [\w ./@:=,~-]+")
"""A command that means the same without a shell."""
SIMPLE = re.compile(r"(?:(?!for |if |while )(?:(?!<<)[^$\n\\]|\\n)+\n)*")
"""A block of which each line is a command of its own."""
_VARIES = (
    (re.compile(r"\b(\d+m)?\d+(\.\d+)?m?s\b"), "TIME"),
    (re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{4}\b"), "RUN"),
    (re.compile(r"\b(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\b"), "WHEN"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,32}\b|(?<=\()[0-9a-f]{7,40}(?=\))"), "HASH"),
    (re.compile(r"\(pid \d+\)"), "(PID)"),
    (re.compile(r"\s+"), " "),
)


class Reader:
    """Somebody who follows a page, in a directory of their own."""

    def __init__(self, home: Path, *, is_warm: bool = True) -> None:
        self._home: Path = home
        self._is_warm: bool = is_warm
        self.root: Path = home / "project"
        """Where the page begins."""
        self.root.mkdir()
        self._here: Path = home / ".here"
        self._here.write_text(str(self.root))
        self._warmed: list[Path] = []
        self._watch: subprocess.Popen[str] | None = None

    def follow(self, text: str) -> None:
        """Does what a page says, block by block."""
        try:
            for language, block in BLOCK.findall(text):
                self._do(language, block)
                self._warm()
        finally:
            self._end()

    def _do(self, language: str, block: str) -> None:
        match language:
            case "python" | "yaml" if named := FILE.match(block):
                target = Path(self._here.read_text().strip(), named[1])
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block)
            case "bash" if block == WATCH:
                self._watch = self._begin(block)
            case "bash" if block != DASHBOARD:
                self._run(block)
            case "console":
                for command, said in steps(block):
                    differ(command, said, self.say(command))
            case "text" if self._watch is not None and "$" not in block:
                self._await(block)
            case _:
                pass

    def say(self, command: str) -> str:
        """Runs one command of a console where the last one left off; returns what it said, good or bad."""
        if PLAIN.fullmatch(command):
            done = self._pivot(command)
            return self._told(done.out + done.err)
        return self._shell(command, flags="-u")[1]

    def _run(self, block: str) -> None:
        """Runs a block, which must succeed."""
        for part in block.splitlines() if SIMPLE.fullmatch(block) else [block]:
            if PLAIN.fullmatch(part):
                done = self._pivot(part)
                code, said = done.code, done.out + done.err
            else:
                code, said = self._shell(part, flags="-eu")
            assert code == 0, f"$ {part}\n{said}"

    def _pivot(self, line: str) -> Done:
        """Runs a line that is one plain command of Pivot's; forked from a process that knows it, it costs little."""
        there = Path(self._here.read_text().strip())
        return launcher().run(there, *shlex.split(line)[1:], limit_s=120, **self._environment())

    def _shell(self, block: str, *, flags: str) -> tuple[int, str]:
        ending = f"\ncode=$?; pwd > '{self._here}'; exit $code"
        done = subprocess.run(
            ["sh", flags, "-c", f'cd "$(cat {self._here})"\n{block}{ending}'],
            env=self._around() | self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, self._told(done.stdout)

    def _told(self, said: str) -> str:
        """Returns what was said as if home were another place."""
        return said.replace(str(self._home), "/home/me")

    def _begin(self, block: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PIVOT, *block.split()[1:]],
            cwd=self._here.read_text().strip(),
            env=self._around() | self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _await(self, block: str) -> None:
        """Reads what the watch says until all that the block shows was said."""
        assert self._watch is not None
        assert self._watch.stdout is not None
        left = Counter(map(plain, block.splitlines()))
        read = list[str]()
        while +left:
            line = self._watch.stdout.readline()
            assert line, f"expected:\n{block}\nwas told:\n{''.join(read)}"
            read.append(line)
            left[plain(line)] -= 1

    def _warm(self) -> None:
        """Has an engine in the first project: it says the same as none, and its workers need not be started again."""
        there = Path(self._here.read_text().strip())
        if not self._warmed and (there / ".pivot").is_dir():
            self._warmed.append(there)
            if not self._is_warm:
                return
            self._pivot("pivot serve --detach")

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.send_signal(signal.SIGINT)
            self._watch.communicate(timeout=60)
            self._watch = None
        for there in self._warmed:
            self._here.write_text(str(there))
            self._pivot("pivot serve --stop")

    def _around(self) -> dict[str, str]:
        """What commands inherit here, without what changes what they say."""
        changes = ("GITHUB_", "PIVOT_", "GIT_", "COVERAGE_")
        return {name: text for name, text in os.environ.items() if not name.startswith(changes)}

    def _environment(self) -> dict[str, str]:
        """A machine on which somebody works: `pivot` is installed, git knows who they are."""
        settings = {"user.name": "me", "user.email": "me@example.org", "init.defaultBranch": "main"}
        git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            git |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return {
            **git,
            "PATH": f"{os.path.dirname(PIVOT)}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": f"{self._home}/.home",
        }


def steps(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yields each command of a console with what stands below it; `> ` goes on with a command."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        first, *lines = part.splitlines()
        while lines and lines[0].startswith("> "):
            first += "\n" + lines.pop(0)[2:]
        yield first, [line for line in lines if line]


def plain(line: str) -> str:
    """Returns a line without what differs from run to run."""
    for pattern, word in _VARIES:
        line = pattern.sub(word, line)
    return line.strip()


def differ(command: str, shown: Sequence[str], said: str) -> None:
    """Fails where a page shows something else than what a command says."""
    found = Counter([plain(line) for line in said.splitlines() if line.strip()])
    expected = Counter([plain(line) for line in shown if line.strip() != "…"])
    more = found - expected if len(shown) == expected.total() else Counter[str]()
    lacking = expected - found
    assert not lacking + more, f"$ {command}\nis said:\n{said}\nis shown:\n" + "\n".join(shown)
