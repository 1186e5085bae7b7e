"""Owns the shape of the ``--json`` output of ``import-dvc``; part of ``docs/reference/json.md``."""

from typing import TypedDict

from pivot_core.cli.records import LocationRecord


class TakenRecord(TypedDict):
    """A stage whose results, or a path whose data is taken over, or is not."""

    name: str
    """The stage, or the path."""
    is_taken: bool
    why: list[str]
    """Why it is not; a stage runs then."""


class NoteRecord(TypedDict):
    """Something that is not carried over, or otherwise than somebody may think."""

    where: LocationRecord
    """The line of DVC's file."""
    stage: str
    """Empty where no stage is meant."""
    text: str


class AdoptionRecord(TypedDict):
    """`import-dvc --json`."""

    schema: int
    is_done: bool
    """False for a dry run."""
    written: list[str]
    stages: list[TakenRecord]
    tracked: list[TakenRecord]
    notes: list[NoteRecord]
    next: list[str]
    """Commands to go on with: the remotes of the project."""
