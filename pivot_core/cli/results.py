"""Owns what the commands without a run find or do; ``look`` and ``project`` make the values, the verbs show them."""

from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.ids import Json
from pivot_core.port.values import Action, Change, Finding, FindingKind

__all__ = ["Action", "Change", "Finding", "FindingKind", "Scope", "Setting"]


class Scope(Enum):
    """Where a setting comes from; a later one wins over an earlier one."""

    DEFAULT = "default"
    USER = "user"
    PROJECT = "project"
    LOCAL = "local"
    """This machine's, in the project and kept out of git."""
    ENVIRONMENT = "environment"


@frozen
class Setting:
    """One setting as it takes effect."""

    key: str
    value: Json
    scope: Scope
