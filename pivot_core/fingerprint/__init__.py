"""Owns what a stage's code is: from source alone, without importing any of it."""
