"""Errors of the Batch API, with the codes and HTTP statuses of AWS."""

from collections.abc import Iterable
from typing import ClassVar

from fairlane_client.checks.request_rules import Refusal


class BatchError(Exception):
    """Failed call of the Batch API.

    Attributes:
        code: Error code of AWS.
        status: HTTP status.
        message: Message of AWS, if AWS's message is known.
    """

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(BatchError):
    """ClientException: the request is invalid, or the resource does not exist."""

    code = "ClientException"
    status = 400


class ServiceError(BatchError):
    """ServerException: the service failed."""

    code = "ServerException"
    status = 500


class ThrottlingError(BatchError):
    """TooManyRequestsException: too many calls within a second."""

    code = "TooManyRequestsException"
    status = 429


def refuse(refusals: Iterable[Refusal]) -> None:
    """Raise RequestError with the message of the first mistake, if there is one."""
    for refusal in refusals:
        raise RequestError(refusal.message)
