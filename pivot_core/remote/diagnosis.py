"""Owns what an error of the S3 library means: which fault it is, and the sentence that names it and its mend.

The library's own texts quote addresses as they were configured and whatever the service said, so none of them is
shown; of an answer that is not known here, code and message pass the sanitiser.
"""

import asyncio
from collections.abc import Mapping
from typing import cast, override

import aiohttp
from botocore import exceptions

from pivot_core.model.text import one_line
from pivot_core.remote.address import Address
from pivot_core.remote.errors import (
    Absent,
    Busy,
    ClockSkew,
    Denied,
    Expired,
    Interrupted,
    NoBucket,
    NoCredentials,
    Refused,
    RemoteFault,
    Unreachable,
)

_TEXT_MAX = 200
_ASK_THE_OWNER = "ask the owner of the bucket for permission"
_SLOW = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_UNKNOWN = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId"}
_REGION = {
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}
_DAMAGED = {
    "BadDigest",
    "InvalidDigest",
    "XAmzContentSHA256Mismatch",
    "RequestTimeout",
    "IncompleteBody",
}

PRECONDITION_FAILED = 412
CONFLICT = 409
NOT_IMPLEMENTED = 501

BROKEN = (
    exceptions.BotoCoreError,
    exceptions.ClientError,
    aiohttp.ClientError,
    OSError,
    asyncio.IncompleteReadError,
)
"""What a request may raise; a time that ran out (``TimeoutError``) is an ``OSError``."""


class Answer(Refused):
    """An answer that means something to who asked: a precondition that failed, an upload that is gone."""

    def __init__(self, what: str, where: str = "", code: str = "", status: int = 0) -> None:
        super().__init__(what, where)
        self.code: str = code
        self.status: int = status

    @override
    def __reduce__(self) -> tuple[type["Answer"], tuple[object, ...]]:
        return type(self), (self.what, self.where, self.code, self.status)


class Doctor:
    """Names the faults of one remote."""

    def __init__(self, address: Address, bucket: str) -> None:
        self._address: Address = address
        self._setting: str = f"remotes.{address.name}"
        self._bucket: str = bucket
        self._service: str = address.endpoint or "Amazon S3"
        self._name: str = f"the remote '{address.name}'"

    def fault(self, error: BaseException, key: str = "") -> RemoteFault:
        """Returns the fault that an error of a request stands for."""
        match error:
            case exceptions.ClientError():
                return self._answered(error, f"s3://{self._bucket}/{key}")
            case exceptions.SSLError():
                return self._unsafe()
            case exceptions.ConnectTimeoutError():
                return self.silent("no connection within the time limit")
            case exceptions.EndpointConnectionError() | exceptions.ProxyConnectionError():
                return self._unconnected(error)
            case (
                exceptions.NoCredentialsError()
                | exceptions.PartialCredentialsError()
                | exceptions.CredentialRetrievalError()
                | exceptions.ProfileNotFound()
                | exceptions.NoAuthTokenError()
            ):
                return self._nobody(type(error).__name__)
            case exceptions.TokenRetrievalError() | exceptions.SSOError():
                return self._expired()
            case (
                exceptions.HTTPClientError() | aiohttp.ClientError() | asyncio.IncompleteReadError()
            ):
                return self.interrupted(key)
            case OSError():
                return self.interrupted(key)
            case _:
                return Refused(
                    f"{self._name} cannot be asked: {type(error).__name__}",
                    self._setting,
                    "check its settings with `pivot config list`",
                )

    def silent(self, why: str) -> Unreachable:
        """Says that nothing answers at all."""
        return Unreachable(
            f"no answer from '{self._service}': {why}",
            self._setting,
            f"check `{self._setting}.endpoint_url` and the network, then run it again",
        )

    def interrupted(self, key: str) -> Interrupted:
        """Says that a connection broke or fell silent."""
        return Interrupted(
            f"the connection to '{self._service}' broke or fell silent",
            f"s3://{self._bucket}/{key}",
            "run it again: it goes on where it stopped",
        )

    def absent(self, what: str, key: str) -> Absent:
        """Says that an object is not there."""
        return Absent(
            f"{what} is not on the remote",
            f"s3://{self._bucket}/{key}",
            "push it from a machine that has it, or run the stage that makes it",
        )

    def refused(self, code: str, key: str) -> RemoteFault:
        """Says that one of several keys in a request was refused."""
        what = f"{self._name} does not allow this ({one_line(code)[:_TEXT_MAX]})"
        return Denied(what, f"s3://{self._bucket}/{one_line(key)}", _ASK_THE_OWNER)

    def _answered(self, error: exceptions.ClientError, where: str) -> RemoteFault:
        response = cast("Mapping[str, Mapping[str, object]]", error.response)
        code = one_line(str(response.get("Error", {}).get("Code", "")))[:_TEXT_MAX]
        status = cast("int", response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _SLOW or status in (429, 503):
            hint = f"set a smaller `{self._setting}.jobs`, or run it again later"
            return Busy(f"'{self._service}' asks to slow down", where, hint)
        if code == "NoSuchBucket":
            what = f"the bucket '{self._bucket}' does not exist"
            hint = f"create it, or correct `{self._setting}.url`"
            return NoBucket(what, self._setting, hint)
        if code in _EXPIRED:
            return self._expired()
        if code == "RequestTimeTooSkewed":
            what = f"this machine's clock is too far from that of '{self._service}'"
            return ClockSkew(what, self._setting, "set the clock, best by NTP")
        if code in _UNKNOWN:
            return self._nobody(code)
        if code in _REGION or status == 301:
            what = f"the bucket '{self._bucket}' lies in another region"
            return Refused(what, self._setting, f"set `{self._setting}.region`")
        if code in _DAMAGED or code == "InternalError" or status in (500, 502, 504):
            hint = "run it again: it goes on where it stopped"
            return Interrupted(f"'{self._service}' failed: {code or status}", where, hint)
        if code in ("NoSuchKey", "NotFound", "404"):
            return Absent("the object is not on the remote", where)
        if status == 403:
            what = f"{self._name} does not allow this ({code})"
            return Denied(what, where, _ASK_THE_OWNER)
        message = one_line(str(response.get("Error", {}).get("Message", "")))[:_TEXT_MAX]
        return Answer(f"{self._name} refused: {code}: {message}", where, code, status)

    def _unconnected(self, error: exceptions.BotoCoreError) -> RemoteFault:
        cause = cast("object", cast("Mapping[str, object]", error.kwargs).get("error"))
        if isinstance(cause, aiohttp.ClientConnectorError):
            reason = cause.os_error.strerror or "the name is not known"
            return self.silent(one_line(reason).lower())
        if isinstance(error, exceptions.ProxyConnectionError):
            return self.silent("the proxy does not answer")
        return self.interrupted("")

    def _unsafe(self) -> RemoteFault:
        return Refused(
            f"the certificate of '{self._service}' is not trusted",
            self._setting,
            "correct the address, or name the authority with AWS_CA_BUNDLE",
        )

    def _nobody(self, why: str) -> RemoteFault:
        profile = f" of the profile '{self._address.profile}'" if self._address.profile else ""
        return NoCredentials(
            f"{self._name} has no valid credentials{profile} ({why})",
            self._setting,
            f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `{self._setting}.profile`",
        )

    def _expired(self) -> RemoteFault:
        return Expired(
            f"the credentials for {self._name} have expired",
            self._setting,
            "log in again (`aws sso login`, or new keys), then run it again",
        )
