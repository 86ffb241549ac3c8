"""Errors of the Kubernetes API, in the words of the API server of Kubernetes."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fairlane_local.errors import LocalAwsError
from fairlane_local.kubernetes.kinds import Kind

Object = dict[str, Any]
"""Kubernetes object, as in JSON."""


class KubernetesError(LocalAwsError):
    """Refusal of the Kubernetes API.

    Args:
        code: HTTP status code.
        reason: Reason for programs, for example NotFound.
        message: Message for people.
        details: Resource and causes. Default: none.
    """

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}

    def __str__(self) -> str:
        """Return the message, as kubectl prints it."""
        return f"Error from server ({self.reason}): {self.message}"

    @property
    def status(self) -> Object:
        """Object of kind Status that clients receive."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": self.details} if self.details else {}),
            "code": self.code,
        }


def bad_request(message: str) -> KubernetesError:
    """Return the error of a request that cannot be read."""
    return KubernetesError(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def no_such_path() -> KubernetesError:
    """Return the error of a path that the API does not serve."""
    return KubernetesError(HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the requested resource")


def not_allowed(message: str) -> KubernetesError:
    """Return the error of an action that the API does not offer."""
    return KubernetesError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message)


def unsupported_media_type(message: str) -> KubernetesError:
    """Return the error of a body in a format that the API does not read."""
    return KubernetesError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)


def not_found(kind: Kind, name: str) -> KubernetesError:
    """Return the error of an object that does not exist."""
    message = f'{kind.resource} "{name}" not found'
    return KubernetesError(HTTPStatus.NOT_FOUND, "NotFound", message, _details(kind, name))


def already_exists(kind: Kind, name: str) -> KubernetesError:
    """Return the error of an object that exists."""
    message = f'{kind.resource} "{name}" already exists'
    return KubernetesError(HTTPStatus.CONFLICT, "AlreadyExists", message, _details(kind, name))


def conflict(kind: Kind, name: str, cause: str) -> KubernetesError:
    """Return the error of a change that is based on another version of the object."""
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {cause}'
    return KubernetesError(HTTPStatus.CONFLICT, "Conflict", message, _details(kind, name))


def forbidden(kind: Kind, name: str, cause: str) -> KubernetesError:
    """Return the error of an object that admission refuses."""
    message = f'{kind.resource} "{name}" is forbidden: {cause}'
    return KubernetesError(HTTPStatus.FORBIDDEN, "Forbidden", message, _details(kind, name))


def invalid(kind: Kind, name: str, mistakes: Sequence[str]) -> KubernetesError:
    """Return the error of an object with invalid values.

    Args:
        kind: Kind of the object.
        name: Name of the object.
        mistakes: Field and mistake each, for example "spec.selector: Required value".
    """
    listed = mistakes[0] if len(mistakes) == 1 else f"[{', '.join(mistakes)}]"
    causes = [
        {"message": mistake.partition(": ")[2] or mistake, "field": mistake.partition(": ")[0]} for mistake in mistakes
    ]
    return KubernetesError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Invalid",
        f'{kind.qualified_kind} "{name}" is invalid: {listed}',
        {"name": name, "group": kind.group, "kind": kind.kind, "causes": causes},
    )


def _details(kind: Kind, name: str) -> Object:
    return {"name": name, "group": kind.group, "kind": kind.plural}
