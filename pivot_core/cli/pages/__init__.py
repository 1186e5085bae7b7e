"""Owns the pages of the reference that are made from the code, and the JSON Schemas beside them."""
