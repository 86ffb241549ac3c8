"""Rules of the requests that schedules send to AWS Batch. Imports no aws_cdk."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final

from fairlane._internal.checks import alternatives
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane_lambda.training_job import payload_mistakes

EXECUTION_ID: Final = "<aws.scheduler.execution-id>"
"""Keyword that EventBridge Scheduler replaces by the ID of an attempt."""
SCHEDULED_TIME: Final = "<aws.scheduler.scheduled-time>"
"""Keyword that EventBridge Scheduler replaces by the time of the schedule, the same for all attempts."""

_SAMPLES: Final = {
    "<aws.scheduler.attempt-number>": "1",
    EXECUTION_ID: "d32c5kddcf5bb8c3",
    "<aws.scheduler.schedule-arn>": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly",
    SCHEDULED_TIME: "2026-11-20T13:00:00Z",
}
_KEYWORD: Final = re.compile(r"<aws\.scheduler\.[^>]*>")
_ROLE: Final = "arn:aws:iam::123456789012:role/sample"
_MAX_REQUEST: Final = 30 * 1024
"""Largest request of SubmitJob."""


def payload_problems(payload: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of a CreateTrainingJob request, with samples of the role and of the keywords; tokens pass.

    The members are checked only if botocore is installed.
    """
    field: Path = ("payload",)
    if "RoleArn" in payload:
        yield Problem.relation((*field, "RoleArn"), "execution_role sets the role: remove RoleArn")
    yield from _keyword_problems(field, payload)
    if find_spec("botocore") is None:
        return
    for mistake in payload_mistakes(_with_samples(payload) | {"RoleArn": _ROLE}):
        path = (*field, *mistake.field)
        if not _has_token(payload, mistake.field):
            sentence = mistake.sentence
            yield Problem.relation(path, sentence) if sentence else Problem(path, mistake.got, mistake.allowed)


def parameter_problems(parameters: Mapping[str, str]) -> Iterator[Problem]:
    """Yield unknown keywords in the values of parameters, and values that are too long for a request."""
    field: Path = ("parameters",)
    yield from _keyword_problems(field, parameters)
    size = len(json.dumps(dict(parameters), default=str).encode())
    if size > _MAX_REQUEST:
        yield Problem(field, f"{size:,} bytes", f"at most {_MAX_REQUEST:,} bytes, with the rest of the request")


def command_problems(
    parameters: Mapping[str, str], job_definition: str, names: frozenset[str] | None
) -> Iterator[Problem]:
    """Yield parameters of a command without a value, and values without a parameter.

    Args:
        parameters: Values by the names of the parameters.
        job_definition: Name of the job definition.
        names: Names of the parameters in its command. None if they are unknown.
    """
    if names is None:
        return
    for name in sorted(names - parameters.keys()):
        yield Problem(("parameters", name), None, f"a value for Ref::{name} in the command of {job_definition}")
    for name in parameters:
        if name not in names:
            sentence = f"the command of {job_definition} has no Ref::{name}: add it there, or remove {name}"
            yield Problem.relation(("parameters", name), sentence)


def _keyword_problems(field: Path, node: Any) -> Iterator[Problem]:
    if isinstance(node, str):
        for keyword in dict.fromkeys(_KEYWORD.findall(node)):
            if keyword not in _SAMPLES:
                yield Problem(field, keyword, alternatives(list(_SAMPLES)))
        return
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list | tuple) else ()
    for key, value in items:
        yield from _keyword_problems((*field, key), value)


def _with_samples(node: Any) -> Any:
    match node:
        case str():
            return _KEYWORD.sub(lambda found: _SAMPLES.get(found[0], found[0]), node)
        case Mapping():
            return {key: _with_samples(value) for key, value in node.items()}
        case list() | tuple():
            return [_with_samples(value) for value in node]
    return str(node) if callable(getattr(node, "resolve", None)) else node


def _has_token(node: Any, path: Path) -> bool:
    """Return True if the value at a path, or a value around it, is a token."""
    for key in path:
        if is_token(node):
            return True
        try:
            node = node[key]
        except (IndexError, KeyError, TypeError):
            return False
    return is_token(node)
