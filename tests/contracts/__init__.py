"""Rules of the code base that a reader cannot see in one file, each held by a test."""
