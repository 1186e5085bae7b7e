"""Owns what can go wrong with a remote: one class for each thing that somebody can mend, each with its own sentence.

    RemoteError
    └── RemoteFault
        ├── Unreachable    no answer: address, network, a service that is down   ends the batch
        ├── NoBucket       the bucket or directory is not there                  ends the batch
        ├── NoCredentials  nobody to be, an unknown key, a wrong secret          ends the batch
        ├── Expired        credentials that were good once                       ends the batch
        ├── ClockSkew      this machine's time is wrong                          ends the batch
        ├── ReadOnly       the remote is set to be read only                     ends the batch
        ├── Denied         no permission for one request
        ├── Absent         no such object
        ├── Corrupt        bytes that are not what their name says
        ├── Busy           the service is overloaded, or failed for a moment
        ├── Interrupted    a connection that broke or fell silent
        └── Refused        any other answer of the service

Texts from a service pass the sanitiser here, and nothing of a request but its key is ever quoted.
"""

from pivot_core.errors import RemoteError


class RemoteFault(RemoteError):
    """A request that a remote did not carry out."""

    is_transient: bool = False
    """Another try may succeed."""
    ends_batch: bool = False
    """Every other request would meet the same."""


class Unreachable(RemoteFault):
    """No connection, or no answer on it."""

    is_transient: bool = True
    ends_batch: bool = True


class NoBucket(RemoteFault):
    """The bucket, or the directory, does not exist."""

    ends_batch: bool = True


class NoCredentials(RemoteFault):
    """There are no credentials, or the service does not know them."""

    ends_batch: bool = True


class Expired(RemoteFault):
    """The credentials were good once; reading them anew did not help."""

    ends_batch: bool = True


class ClockSkew(RemoteFault):
    """This machine's clock is too far from the service's."""

    ends_batch: bool = True


class ReadOnly(RemoteFault):
    """The configuration says that nothing is written there."""

    ends_batch: bool = True


class Denied(RemoteFault):
    """The credentials do not allow this request."""


class Absent(RemoteFault):
    """The remote does not have the object."""


class Corrupt(RemoteFault):
    """The bytes that came are not those that the name promises, however often they were asked for."""


class Busy(RemoteFault):
    """The service asks to slow down, or failed by its own account."""

    is_transient: bool = True


class Interrupted(RemoteFault):
    """A connection broke, or a body ended early."""

    is_transient: bool = True


class Refused(RemoteFault):
    """An answer that none of the others describes."""
