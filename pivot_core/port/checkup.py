"""Owns what ``doctor`` finds: one thing looked at, how it stands, and what mends it."""

from enum import Enum

from pivot_core.frozen import frozen


class Grade(Enum):
    """How something stands."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as well as it could, or not for long."""
    PROBLEM = "problem"
    """Something does not work."""


class Area(Enum):
    """What was looked at."""

    MACHINE = "machine"
    PROJECT = "project"


@frozen
class Check:
    """One finding."""

    area: Area
    subject: str
    """A word: ``python``, ``cache``, ``definition``."""
    grade: Grade
    detail: str
    hint: str = ""
    """What mends it, with a command where there is one; empty where nothing needs to be done."""
