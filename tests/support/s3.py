"""Real S3 services on 127.0.0.1, started by who needs one and ended with it; each keeps its data below a directory."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

BIN = os.path.dirname(sys.executable)
KEY, SECRET = "PIVOTTESTKEY", "pivot-test-secret"
BUCKET = "bucket"
KINDS = ("rclone", "juicefs", "ministack")
"""The first ignores conditions, the second accepts and ignores them, the third honours them. The third checks no
credentials; the others do."""
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What makes a client use these services and nothing of the machine that it runs on."""
_START_S = 30.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service that answers."""

    kind: str
    endpoint: str
    data: Path
    """Below it lie its objects; with rclone as plain files, in a directory of the bucket's name."""


@contextlib.contextmanager
def serve(kind: str, directory: Path) -> Generator[Service]:
    """Starts a service with an empty bucket, and ends it."""
    directory.mkdir(parents=True)
    port = _free_port()
    command, env = _command(kind, port, directory)
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_port(process, port, directory / "log")
            service = Service(kind, f"http://127.0.0.1:{port}", directory / "data")
            if kind == "ministack":
                _make_bucket(service)
            yield service
        finally:
            process.kill()
            process.wait()


def _command(kind: str, port: int, directory: Path) -> tuple[list[str], Mapping[str, str]]:
    data = directory / "data"
    match kind:
        case "rclone":
            (data / BUCKET).mkdir(parents=True)
            options = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
            return [f"{BIN}/rclone", "serve", "s3", *options, str(data)], {
                "RCLONE_CONFIG": os.devnull
            }
        case "juicefs":
            meta = f"sqlite3://{directory}/meta.db"
            storage = ["--storage", "file", "--bucket", f"{data}/"]
            subprocess.run(
                [f"{BIN}/juicefs", "format", *storage, meta, BUCKET],
                capture_output=True,
                check=True,
                timeout=_START_S,
            )
            options = ["--no-banner", "--no-usage-report", "--backup-meta", "0", "--keep-etag"]
            places = ["--cache-dir", f"{directory}/cache", "--log", f"{directory}/juicefs.log"]
            command = [f"{BIN}/juicefs", "gateway", *options, *places, meta, f"127.0.0.1:{port}"]
            return command, {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET}
        case "ministack":
            return [f"{BIN}/ministack"], {
                "GATEWAY_PORT": str(port),
                "GATEWAY_HOST": "127.0.0.1",
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(data),
                "SERVICES": "s3",
            }
        case _:
            raise ValueError(kind)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)  # a process of somebody else's: its port is the only sign
    raise RuntimeError(f"the service does not answer:\n{log.read_text(errors='replace')[-2000:]}")


def _make_bucket(service: Service) -> None:
    """It checks no signature, so plain HTTP will do."""
    import urllib.request

    request = urllib.request.Request(f"{service.endpoint}/{BUCKET}", method="PUT")
    urllib.request.urlopen(request, timeout=_START_S).close()
