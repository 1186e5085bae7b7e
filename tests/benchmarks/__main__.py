"""Runs the benchmarks: ``make bench``."""

from tests.benchmarks import stages

stages.main()
