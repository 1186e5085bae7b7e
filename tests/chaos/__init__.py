"""Faults: kills, crashes and starvation, at length."""
