"""The worker process: runs one stage at a time in a child that it forks, reads its output, and reports."""
