"""Runs the command line: ``python -m pivot_core``."""

import sys

from pivot_core.cli.main import main

sys.exit(main())
