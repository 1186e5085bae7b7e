"""The detail panels: what each asks of the engine for the selected stage, and the lines that it shows."""

from pivot_tui.panels.why import Why

PAPERS = (Why,)
"""All but the log, in the order of their keys; a new panel is named here and has its scope in the binding table."""
