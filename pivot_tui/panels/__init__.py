"""The detail panels: what each asks of the engine for the selected stage, and the lines that it shows."""

from pivot_tui.panels.artifacts import Artifacts
from pivot_tui.panels.attempts import Attempts
from pivot_tui.panels.errors import Errors
from pivot_tui.panels.remotes import Remotes
from pivot_tui.panels.timeline import Timeline
from pivot_tui.panels.why import Why

PAPERS = (Why, Artifacts, Attempts, Timeline, Remotes, Errors)
"""All but the log, in the order of their keys; a new panel is named here and has its scope in the binding table."""
