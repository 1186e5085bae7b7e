"""Owns what a project's settings say of a remote."""

from pivot_core.frozen import frozen

DEFAULT_JOBS = 20
"""Objects that travel at once."""


@frozen
class RemoteSettings:
    """How one remote is reached, as ``remotes.NAME`` has it."""

    name: str
    url: str = ""
    """``s3://bucket/prefix``, ``file:///directory`` or a directory, without credentials; empty where none is set."""
    endpoint_url: str | None = None
    """Of an S3 service that is not the usual one."""
    region: str | None = None
    profile: str | None = None
    """Of the AWS configuration; ``None`` for the usual chain of credentials."""
    jobs: int = DEFAULT_JOBS
    read_only: bool = False
    """Whether nothing may be pushed to it or removed from it."""
    connect_timeout_s: float = 4.0
    read_timeout_s: float = 30.0
    """How long a connection may stay silent."""
