"""Two versions of a result laid beside each other: values, rows, lines and files; pure, but for the files it reads."""
