from typing import Annotated, TypedDict
from pivot_core import (
    JSON,
    Dep,
    DirectoryOut,
    IncrementalOut,
    Metric,
    Out,
    PathOnly,
    Pipeline,
    PlaceholderDep,
    StageParams,
    Text,
)

import os
import helpers
from parts import tools

EXTRA = open("extra.txt").read() if os.path.exists("extra.txt") else ""
SCALE = os.environ.get("WALK_SCALE", "1")
NAMES = sorted(os.listdir("plugins"))


class P(StageParams):
    times: int = 1


def clean(
    raw: Annotated[str, Dep("in/raw.txt", Text())],
) -> Annotated[str, Out("clean.txt", Text())]:
    return helpers.scale(raw)


def gather(
    files: Annotated[str, Dep("many/", PathOnly())],
) -> Annotated[dict, DirectoryOut("out/all/", Text())]:
    return {"a.txt": tools.join(files)}


def train(
    params: P,
    text: Annotated[str, Dep("clean.txt", Text())],
    all: Annotated[str, Dep("out/all/", PathOnly())],
) -> Annotated[str, Out("model.txt", Text())]:
    return text * params.times + SCALE + EXTRA + "".join(NAMES)


pipeline = Pipeline("walk")
for function in (clean, gather, train):
    pipeline.register(function)
