"""Owns the way to a project's engine for a front end that stays open; builds none itself, and so loads little."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time

from pivot_core import quick
from pivot_core.cli import project
from pivot_core.errors import StoreError, UsageError
from pivot_core.model import codec
from pivot_core.port.client import SocketPort
from pivot_core.port.protocol import Port, Taste
from pivot_core.port.snapshot import PROTOCOL, Snapshot

_TRY_S = 0.02
"""How often a socket that is about to be there is tried."""
_ATTACH_S = 15.0


class ProjectDoor:
    """Connects, and where no engine is live starts one."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> str:
        """The working directory, relative to the root."""
        return quick.place_in(self.root, os.getcwd())

    def taste(self) -> Taste:
        """Returns what the settings say of a dashboard."""
        config = project.opened(self.root)[1]
        return Taste(config.ui_theme, config.ui_bell, config.ui_keys)

    def last(self) -> Snapshot | None:
        """Returns how everything stood when the last engine for front ends ended; ``None`` where that is not known."""
        try:
            found = codec.from_json(Snapshot, project.last_state(self.root))
        except ValueError:
            return None
        return found if found.engine.protocol == PROTOCOL else None

    def branch(self) -> str:
        """Returns the branch of git that the project is on; empty where there is none."""
        return project.branch(self.root)

    def wake(self) -> None:
        """Starts an engine where none is live, and does not wait for it."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self._socket_path)
            except OSError:
                self._server = start_server(self.root, "--until-idle")

    async def attach(self, *, start: bool = True) -> Port:
        """Connects to the live engine, or starts one."""
        deadline = time.monotonic() + _ATTACH_S
        path = self._socket_path
        if self._server is not None and self._server.poll() is not None:
            self._server = None  # it served an earlier connection, and was killed
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                return await SocketPort.connect(path)
            if not start:
                raise UsageError("no engine is live", self.root, "`pivot ui` starts one")
            ended = None if self._server is None else self._server.poll()
            if self._server is None or ended == 0:
                # One that ends well was not needed: something else has the project, perhaps not for long.
                self._server = start_server(self.root, "--until-idle")
            elif ended is not None:
                self._server = None
                break
            await asyncio.sleep(_TRY_S)
        raise StoreError("no engine could be started", log_path(self.root), log_of(self.root))

    @property
    def _socket_path(self) -> str:
        return project.opened(self.root)[0].socket_path


def start_server(root: str, *options: str) -> subprocess.Popen[bytes]:
    """Starts ``pivot serve`` apart from this process, its terminal and its signals."""
    path = log_path(root)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pivot_core", "-C", root, "serve", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def log_path(root: str) -> str:
    """Returns where an engine that was started apart says what went wrong."""
    return f"{project.opened(root)[0].engine_dir}/serve.log"


def log_of(root: str) -> str:
    """Returns the last of what it said."""
    with contextlib.suppress(OSError), open(log_path(root), encoding="utf-8") as file:
        return file.read()[-2000:].strip()
    return ""
