"""What ``doctor`` makes of versions."""

import pytest

from pivot_core.cli import machine


@pytest.mark.parametrize(
    ("requirement", "version", "bound"),
    [
        ("click<9,>=8.4", "8.5.1", ""),
        ("click<9,>=8.4", "8.4", ""),
        ("click<9,>=8.4", "8.4.0rc1", ""),
        ("click<9,>=8.4", "8.3.9", ">=8.4"),
        ("click<9,>=8.4", "9.0", "<9"),
        ("click<9,>=8.4", "10", "<9"),
        ("lmdb", "1.0", ""),
        ("a-b.c==1.0.0; python_version > '3'", "1", ""),
        ("x!=2", "2.0.0", "!=2"),
    ],
)
def test_a_version_is_held_against_its_bounds(requirement: str, version: str, bound: str) -> None:
    assert machine.unmet(requirement, version) == bound
