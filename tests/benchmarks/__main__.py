"""Runs the benchmarks: ``make bench``, or with options ``python -m tests.benchmarks``.

Every figure is a median over rounds, and rounds alternate between the things compared. CPU is that of the whole process
tree, user and system; P is the CPU of ``python -I -c pass`` in the same rounds. Other work on the machine disturbs
wall times most; targets are marked but fail nothing.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator

from tests.benchmarks import dashboard, data, figures, first, leaf, noop, remotes, watch
from tests.benchmarks.figures import Figure


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        choices=("noop", "leaf", "hash", "first", "dashboard", "remotes", "watch"),
        help="one of them",
    )
    parser.add_argument("--rounds", type=int, help="instead of 15, 7, 5, 3, 5, 9 and 5")
    parser.add_argument(
        "--big", action="store_true", help="with files of 1 and 4 GiB; needs as much memory"
    )
    parser.add_argument("--keep", metavar="DIR", help="make projects there, for the next time too")
    parser.add_argument(
        "--tools",
        metavar="DIR",
        help="where other tools are: s5cmd and dvc, if not on PATH; doit, snakemake, pytask",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    given = parser.parse_args()
    rounds, is_big = given.rounds, bool(given.big)
    sections: dict[str, Callable[[str], Iterator[Figure]]] = {
        "noop": lambda scratch: noop.figures(
            scratch, rounds or 15, is_big=is_big, tools=given.tools or ""
        ),
        "leaf": lambda scratch: leaf.figures(scratch, rounds or 7),
        "hash": lambda scratch: data.figures(scratch, rounds or 5, is_big=is_big),
        "first": lambda scratch: first.figures(scratch, rounds or 3),
        "watch": lambda scratch: watch.figures(scratch, rounds or 5),
        "dashboard": lambda scratch: dashboard.figures(scratch, rounds or 9),
        "remotes": lambda scratch: remotes.figures(
            scratch, rounds or 5, is_big=is_big, tools=given.tools or ""
        ),
    }
    found = list[Figure]()
    for name, section in sections.items():
        if given.only not in (None, name):
            continue
        with contextlib.ExitStack() as stack:
            scratch = given.keep or stack.enter_context(tempfile.TemporaryDirectory())
            found += section(os.path.abspath(f"{scratch}/{name}"))
    if given.json:
        print(figures.to_json(found))
    else:
        print(*figures.lines(found), sep="\n")
    if any(figure.is_met is False for figure in found):
        print("some targets are missed", file=sys.stderr)


main()
