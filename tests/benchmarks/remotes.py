"""Measures pushes and pulls on one S3 service on this machine, beside the library that they stand on, s5cmd and DVC.

Two loads: 1,000 files of 100 KiB and one of 1 GiB. Every tool is a process that is given the same files, the same
service and 20 requests at a time; each round takes all tools, each to a place of its own. The service shares the
machine with who talks to it, so that walls hold its work too: CPU is that of the tool alone.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pivot_core.store.cache import Cache
from pivot_core.store.layout import Layout
from tests.benchmarks import cost
from tests.benchmarks.cost import Cost
from tests.benchmarks.figures import Figure
from tests.remote.mover import Task
from tests.support import s3

JOBS = 20
_VERBS = ("push", "no-op push", "pull")
_ROOT = str(Path(__file__).parents[2])
_RAW = """
import asyncio, io, json, os, sys
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

PART, AT_ONCE = 8 << 20, 5
verb, endpoint, bucket, prefix, directory = sys.argv[1:6]

async def up(client, path, key):
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if size <= 16 << 20:
            await client.put_object(Bucket=bucket, Key=key, Body=io.BytesIO(file.read()))
            return
        begun = await client.create_multipart_upload(Bucket=bucket, Key=key)
        name, free = begun["UploadId"], asyncio.Semaphore(AT_ONCE)
        async def part(number):
            async with free:
                data = os.pread(file.fileno(), PART, (number - 1) * PART)
                done = await client.upload_part(
                    Bucket=bucket, Key=key, UploadId=name, PartNumber=number, Body=io.BytesIO(data)
                )
                return {"PartNumber": number, "ETag": done["ETag"]}
        parts = await asyncio.gather(*[part(each + 1) for each in range(-(-size // PART))])
        await client.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=name, MultipartUpload={"Parts": parts}
        )

async def down(client, key, path, size):
    with open(path, "wb") as file:
        async def bring(begin, end):
            given = {} if end == size and not begin else {"Range": f"bytes={begin}-{end - 1}"}
            answer = await client.get_object(Bucket=bucket, Key=key, **given)
            while chunk := await answer["Body"].read(1 << 20):
                os.pwrite(file.fileno(), chunk, begin)
                begin += len(chunk)
        ranges = [(at, min(at + PART, size)) for at in range(0, size, PART)] if size > 16 << 20 else [(0, size)]
        free = asyncio.Semaphore(20)
        async def one(begin, end):
            async with free:
                await bring(begin, end)
        await asyncio.gather(*[one(*each) for each in ranges])

async def main():
    config = AioConfig(max_pool_connections=20)
    free = asyncio.Semaphore(20)
    async with get_session().create_client("s3", endpoint_url=endpoint, config=config) as client:
        there, token = {}, {}
        while True:
            page = await client.list_objects_v2(Bucket=bucket, Prefix=prefix, **token)
            there |= {each["Key"]: each["Size"] for each in page.get("Contents", ())}
            if not page.get("IsTruncated"):
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
        async def one(work):
            async with free:
                await work
        if verb == "push":
            names = [name for name in os.listdir(directory) if prefix + name not in there]
            await asyncio.gather(*[one(up(client, f"{directory}/{n}", prefix + n)) for n in names])
        else:
            os.makedirs(directory)
            await asyncio.gather(*[
                one(down(client, key, f"{directory}/{key.removeprefix(prefix)}", size))
                for key, size in there.items()
            ])
asyncio.run(main())
"""


@dataclass(frozen=True)
class Load:
    """Files to be moved: as plain ones, and in a cache."""

    name: str
    directory: str
    cache: Cache
    wanted: dict[str, int]


def figures(scratch: str, rounds: int, *, is_big: bool, tools: str = "") -> Iterator[Figure]:
    """Measures both loads; the large one has 64 MiB unless ``is_big``."""
    os.environ.update(s3.ENVIRONMENT)
    shutil.rmtree(scratch, ignore_errors=True)
    large = (1 << 30) if is_big else (64 << 20)
    loads = (
        _load(f"{scratch}/many", "1,000 × 100 KiB", 1000, 100 << 10),
        _load(f"{scratch}/large", f"1 × {large >> 20} MiB", 1, large),
    )
    for load in loads:
        with s3.serve("rclone", Path(f"{scratch}/service-{load.name[:3]}")) as service:
            yield from _figures(load, service.endpoint, rounds, tools)
    shutil.rmtree(scratch)


def _load(root: str, name: str, count: int, size: int) -> Load:
    directory = f"{root}/files"
    os.makedirs(directory)
    os.makedirs(f"{root}/project/.pivot")
    cache = Cache(Layout.at(f"{root}/project"))
    wanted = dict[str, int]()
    for number in range(count):
        path = f"{directory}/{number:04}.bin"
        with open(path, "wb") as file:
            file.writelines(os.urandom(min(1 << 20, size - at)) for at in range(0, size, 1 << 20))
        found = cache.put_file(path)
        wanted[str(found.hash)] = found.size_bytes
    return Load(name, directory, cache, wanted)


def _figures(load: Load, endpoint: str, rounds: int, tools: str) -> Iterator[Figure]:
    found = dict[tuple[str, str], list[Cost]]()
    search = os.pathsep.join(filter(None, (tools, os.environ["PATH"])))
    movers: list[_Mover] = [_Ours(load, endpoint), _Raw(load, endpoint)]
    for kind in (_S5cmd, _Dvc):
        path = shutil.which(kind.name, path=search)
        if path is None:
            print(f"{kind.name} is not installed: left out", file=sys.stderr)
        else:
            movers.append(kind(load, endpoint, path))
    for number in range(rounds):
        for mover in tuple(movers):
            place = f"{mover.name}-{number}"
            try:
                costs = (mover.push(place), mover.push(place), mover.pull(place))
            except SystemExit as failure:
                print(f"{mover.name} is left out of {load.name}: {failure}", file=sys.stderr)
                movers.remove(mover)
                continue
            mover.forget(place)
            for verb, each in zip(_VERBS, costs, strict=True):
                found.setdefault((mover.name, verb), []).append(each)
    for verb in _VERBS:
        costs = {mover.name: cost.medians(found[mover.name, verb]) for mover in movers}
        ours = costs["pivot"]
        case = f"remotes: {load.name}, {verb}"
        is_no_op = verb == "no-op push" and len(load.wanted) > 1
        yield Figure(f"{case}, wall", ours.wall_s, "s", 1 if is_no_op else None)
        yield Figure(f"{case}, CPU", ours.cpu_s, "s")
        yield Figure(f"{case}, peak memory", ours.memory_bytes / 2**20, "MiB", 150)
        for name, other in costs.items():
            if name != "pivot":
                most = {"raw": 1.1, "dvc": 1.0}.get(name)
                yield Figure(f"{case}, wall", ours.wall_s / other.wall_s, f"× {name}", most)
                yield Figure(f"{case}, CPU", ours.cpu_s / other.cpu_s, f"× {name}")


class _Mover(Protocol):
    """A tool; the place that it was pushed to is that which it is pulled from, into a cache that is empty."""

    name: str

    def push(self, place: str) -> Cost: ...

    def pull(self, place: str) -> Cost: ...

    def forget(self, place: str) -> None: ...


class _Ours:
    name: str = "pivot"

    def __init__(self, load: Load, endpoint: str) -> None:
        self._load: Load = load
        self._endpoint: str = endpoint
        self._root: str = os.path.dirname(load.directory)

    def push(self, place: str) -> Cost:
        return self._move("push", place, self._load.cache.layout.root)

    def pull(self, place: str) -> Cost:
        os.makedirs(f"{self._root}/{place}/.pivot")
        return self._move("fetch", place, f"{self._root}/{place}")

    def forget(self, place: str) -> None:
        shutil.rmtree(f"{self._root}/{place}")

    def _move(self, verb: str, place: str, root: str) -> Cost:
        url = f"s3://{s3.BUCKET}/{place}"
        task = Task(
            verb=verb,
            root=root,
            url=url,
            endpoint=self._endpoint,
            jobs=JOBS,
            wanted=self._load.wanted,
        )
        with open(f"{self._root}/task.json", "w", encoding="utf-8") as file:
            json.dump(task, file)
        command = (sys.executable, "-m", "tests.remote.mover", f"{self._root}/task.json")
        return cost.measure(command, _ROOT)


class _Raw:
    name: str = "raw"

    def __init__(self, load: Load, endpoint: str) -> None:
        self._load: Load = load
        self._endpoint: str = endpoint

    def push(self, place: str) -> Cost:
        return self._move("push", place, self._load.directory)

    def pull(self, place: str) -> Cost:
        return self._move("pull", place, f"{self._load.directory}-{place}")

    def forget(self, place: str) -> None:
        shutil.rmtree(f"{self._load.directory}-{place}")

    def _move(self, verb: str, place: str, directory: str) -> Cost:
        given = (verb, self._endpoint, s3.BUCKET, f"{place}/", directory)
        return cost.measure((sys.executable, "-c", _RAW, *given), _ROOT)


class _S5cmd:
    name: str = "s5cmd"

    def __init__(self, load: Load, endpoint: str, path: str) -> None:
        self._load: Load = load
        self._command: tuple[str, ...] = (
            *(path, "--endpoint-url", endpoint, "--numworkers", str(JOBS)),
            *("--log", "error", "sync", "--concurrency", "5"),
        )

    def push(self, place: str) -> Cost:
        command = (*self._command, f"{self._load.directory}/", f"s3://{s3.BUCKET}/{place}/")
        return cost.measure(command, "/")

    def pull(self, place: str) -> Cost:
        target = f"{self._load.directory}-{place}/"
        os.makedirs(target)
        return cost.measure((*self._command, f"s3://{s3.BUCKET}/{place}/*", target), "/")

    def forget(self, place: str) -> None:
        shutil.rmtree(f"{self._load.directory}-{place}")


class _Dvc:
    name: str = "dvc"

    def __init__(self, load: Load, endpoint: str, path: str) -> None:
        self._path: str = path
        self._root: str = f"{os.path.dirname(load.directory)}/dvc"
        empty = f"{self._root}/aws"  # it wants a real file
        self._env: Mapping[str, str] = {
            "DVC_NO_ANALYTICS": "1",
            "HOME": self._root,
            "AWS_CONFIG_FILE": empty,
        }
        os.makedirs(self._root)
        Path(empty).touch()
        shutil.copytree(load.directory, f"{self._root}/files")
        self._dvc("init", "--no-scm", "-q")
        self._dvc("remote", "add", "-q", "-d", "origin", f"s3://{s3.BUCKET}/dvc")
        self._dvc("remote", "modify", "-q", "origin", "endpointurl", endpoint)
        self._dvc("add", "-q", "files")

    def push(self, place: str) -> Cost:
        self._dvc("remote", "modify", "-q", "origin", "url", f"s3://{s3.BUCKET}/{place}")
        return self._dvc("push", "-q", "-j", str(JOBS))

    def pull(self, place: str) -> Cost:
        os.rename(f"{self._root}/.dvc/cache", f"{self._root}/{place}")
        return self._dvc("fetch", "-q", "-j", str(JOBS))

    def forget(self, place: str) -> None:
        shutil.rmtree(f"{self._root}/{place}")

    def _dvc(self, *words: str) -> Cost:
        return cost.measure((self._path, *words), self._root, self._env)
