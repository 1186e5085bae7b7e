"""Owns the pipeline that a new project can begin with."""

SAMPLE = '''\
"""Two stages: one writes numbers, the other adds them up. Change a number and run again."""

from typing import Annotated

from pivot_core import JSON, Dep, Metric, Out, Pipeline, StageParams


class NumbersParams(StageParams):
    count: int = 10


def numbers(params: NumbersParams) -> Annotated[list[int], Out("data/numbers.json", JSON())]:
    """Writes the first square numbers."""
    return [number * number for number in range(params.count)]


def total(
    squares: Annotated[list[int], Dep("data/numbers.json", JSON())],
) -> Annotated[dict[str, float], Metric("metrics/total.json")]:
    """Adds them up."""
    print(f"adding {len(squares)} numbers")
    return {"total": sum(squares)}


pipeline = Pipeline("sample")
pipeline.register(numbers)
pipeline.register(total)
'''
