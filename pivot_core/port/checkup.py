"""Owns what ``doctor`` finds: one thing looked at, how it stands, and what mends it."""

from dataclasses import dataclass
from enum import Enum


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


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    area: Area
    subject: str
    """A word: ``python``, ``cache``, ``definition``."""
    grade: Grade
    detail: str
    hint: str = ""
    """What mends it, with a command where there is one; empty where nothing needs to be done."""
