"""A corpus of labelled edits: what each must run again, judged by running the command."""
