"""Remotes of every kind for the tests; the services are started once a session, those that are asked for."""

import contextlib
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pivot_core.model.ids import ContentHash
from pivot_core.remote.address import Address
from pivot_core.remote.transfer import News
from pivot_core.store.cache import Cache
from pivot_core.store.layout import Layout
from tests.support import s3
from tests.support.s3 import Service

type Services = Callable[[str], Service]


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Gives the running service of a kind."""
    running = dict[str, Service]()
    with contextlib.ExitStack() as stack:

        def service(kind: str) -> Service:
            if kind not in running:
                directory = tmp_path_factory.mktemp("services") / kind
                running[kind] = stack.enter_context(s3.serve(kind, directory))
            return running[kind]

        yield service


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets clients find the credentials of the tests and none of this machine."""
    for name, text in s3.ENVIRONMENT.items():
        monkeypatch.setenv(name, text)


@pytest.fixture(params=["directory", *s3.KINDS])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """An empty remote of each kind."""
    kind: str = request.param
    if kind == "directory":
        (tmp_path / "share").mkdir()
        return Address("origin", str(tmp_path / "share"))
    running: Services = request.getfixturevalue("services")
    return s3_address(running(kind))


def s3_address(service: Service, **settings: object) -> Address:
    """Returns an empty place in a service's bucket."""
    url = f"s3://{s3.BUCKET}/{uuid.uuid4().hex}"
    return Address("origin", url, endpoint_url=service.endpoint, region="us-east-1", **settings)  # pyright: ignore[reportArgumentType] settings by name


def quiet(_: News) -> None:
    """Hears of progress and does nothing."""


def a_cache(root: Path) -> Cache:
    """Makes a project with an empty cache."""
    (root / ".pivot").mkdir(parents=True)
    return Cache(Layout.at(str(root)))


def fill(cache: Cache, count: int, size: int = 100, seed: int = 0) -> dict[ContentHash, int]:
    """Caches some files of random bytes."""
    chance = random.Random(seed)
    wanted = dict[ContentHash, int]()
    for number in range(count):
        path = Path(cache.layout.root) / f"file{number}"
        path.write_bytes(chance.randbytes(size))
        found = cache.put_file(str(path))
        wanted[found.hash] = found.size_bytes
    return wanted
