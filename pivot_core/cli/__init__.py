"""The command line: verbs that build or find an engine (``compose``) and show what it says."""
