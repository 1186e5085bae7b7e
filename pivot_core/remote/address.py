"""Owns where a remote lies: its URL and what the configuration says beside it, and which kind of remote that is."""

import os
from urllib.parse import unquote, urlsplit

from pivot_core.errors import RemoteError
from pivot_core.frozen import frozen
from pivot_core.remote.base import Remote

JOBS = 20
CONNECT_TIMEOUT_S = 4.0
READ_TIMEOUT_S = 30.0


@frozen
class Address:
    """One remote as it was configured."""

    name: str
    url: str
    """``s3://bucket/prefix``, ``file:///path`` or an absolute path."""
    endpoint_url: str | None = None
    """Where another S3 service than Amazon's listens."""
    region: str | None = None
    profile: str | None = None
    """Of the AWS configuration."""
    jobs: int = JOBS
    """Requests at a time."""
    read_only: bool = False
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    read_timeout_s: float = READ_TIMEOUT_S
    """How long a connection may be silent."""

    @property
    def shown_url(self) -> str:
        """The URL without user, password and query."""
        return _bare(self.url)

    @property
    def endpoint(self) -> str | None:
        """The same of the endpoint's: S3 signs requests, and nothing that a URL could hold beside the place is used."""
        return _bare(self.endpoint_url) if self.endpoint_url else None


def remote_at(address: Address) -> Remote:
    """Returns the remote at an address; raises ``RemoteError`` for a URL of no known kind."""
    parts = urlsplit(address.url)
    match parts.scheme:
        case "s3" if parts.netloc:
            from pivot_core.remote.s3 import S3Remote  # 380 ms of imports

            return S3Remote(address)
        case "file" if parts.netloc in ("", "localhost") and parts.path.startswith("/"):
            return _directory(address, unquote(parts.path))
        case "" if os.path.isabs(address.url):
            return _directory(address, address.url)
        case _:
            raise RemoteError(
                f"the remote '{address.name}' has a URL of no known kind: '{address.shown_url}'",
                f"remotes.{address.name}",
                "write `s3://bucket/prefix`, or an absolute path",
            )


def _directory(address: Address, path: str) -> Remote:
    from pivot_core.remote.directory import DirectoryRemote

    return DirectoryRemote(address, os.path.normpath(path))


def _bare(url: str) -> str:
    parts = urlsplit(url)
    if not parts.scheme:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
