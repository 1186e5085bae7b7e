"""Owns the names that pipeline authors import; each is loaded when it is first used."""

__version__ = "0.1.0"
