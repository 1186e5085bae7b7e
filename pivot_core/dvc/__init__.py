"""Reads projects of DVC, and says in Pivot's terms what they define; nothing here writes a file."""
