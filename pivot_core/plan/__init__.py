"""Decisions as pure functions over the model's values: what must run, in which order."""
