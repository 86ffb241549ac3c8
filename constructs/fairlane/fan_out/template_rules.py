"""Rules of the request template of a fan-out. Imports no aws_cdk."""

import re
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from typing import Any, Final

from fairlane._internal.checks import alternatives, listing
from fairlane.errors import Path, Problem
from fairlane_lambda.fan_out.json_text import NestingError, parse_json
from fairlane_lambda.training_job import Mistake, payload_mistakes

SAMPLES: Final[dict[str, str | int]] = {
    "account": "123456789012",
    "data": "s3://example-datasets/drives/1/",
    "id": "drive-1",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/training/pytorch:1",
    "instance_count": 1,
    "instance_type": "ml.p4d.24xlarge",
    "region": "us-east-1",
}
"""Sample value of each placeholder."""

_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")
_ROLE: Final = "arn:aws:iam::123456789012:role/sample"
_REQUEST: Final = "the JSON text of a CreateTrainingJob or SubmitJob request"
_SET_BY_FAIRLANE: Final = ("arrayProperties", "jobName", "jobQueue")


def template_problems(
    text: object, execution_roles: Collection[str], job_definitions: Collection[str]
) -> Iterator[Problem]:
    """Yield the problems of a template: its syntax, its placeholders and, with sample values, its members.

    The members of a CreateTrainingJob request are checked only if botocore is installed.

    Args:
        text: Text of the template.
        execution_roles: Keys of the execution roles.
        job_definitions: Names of the job definitions that jobs can use.
    """
    if isinstance(execution_roles, str) or isinstance(job_definitions, str):
        return  # another problem names them
    field: Path = ("template",)
    try:
        request = parse_json(text) if isinstance(text, str) else None
    except NestingError as error:
        yield Problem.relation(field, f"the text is {error}: use {_REQUEST}")
        return
    except ValueError as error:
        yield Problem.relation(field, f"the text is not JSON, {error}: use {_REQUEST}")
        return
    if not isinstance(request, dict):
        yield Problem(field, text, f"{_REQUEST}, an object")
        return
    samples = SAMPLES | {f"role.{key}": _ROLE for key in execution_roles}
    samples |= {"role": _ROLE} if execution_roles else {}
    mistakes = list(_placeholder_mistakes(request, samples))
    if not mistakes and "jobDefinition" in request:
        mistakes = list(_container_mistakes(request, job_definitions))
    elif not mistakes:
        mistakes = list(_training_mistakes(request, samples))
    for mistake in mistakes:
        path = (*field, *mistake.field)
        sentence = mistake.sentence
        yield Problem.relation(path, sentence) if sentence else Problem(path, mistake.got, mistake.allowed)


def container_definition(text: object) -> str | None:
    """Return the job definition of a template that is a SubmitJob request. None for other templates."""
    try:
        request = parse_json(text) if isinstance(text, str) else None
    except ValueError:
        return None
    name = request.get("jobDefinition") if isinstance(request, dict) else None
    return name if isinstance(name, str) else None


def _placeholder_mistakes(node: Any, samples: Collection[str]) -> Iterator[Mistake]:
    if isinstance(node, str):
        for name in dict.fromkeys(_PLACEHOLDER.findall(node)):
            if name not in samples:
                yield Mistake((), f"${{{name}}}", alternatives([f"${{{known}}}" for known in samples]))
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from (mistake.within(key) for mistake in _placeholder_mistakes(value, samples))


def _rendered(node: Any, samples: dict[str, str | int]) -> Any:
    """Return a template with sample values. A value that is one placeholder gets the type of its sample."""
    match node:
        case dict():
            return {key: _rendered(value, samples) for key, value in node.items()}
        case list():
            return [_rendered(value, samples) for value in node]
        case str() if whole := _PLACEHOLDER.fullmatch(node):
            return samples[whole[1]]
        case str():
            return _PLACEHOLDER.sub(lambda found: str(samples[found[1]]), node)
    return node


def _training_mistakes(request: dict[str, Any], samples: dict[str, str | int]) -> Iterator[Mistake]:
    role = request.get("RoleArn")
    if isinstance(role, str) and not role.startswith("${role"):
        yield Mistake(("RoleArn",), role, "${role} or ${role.KEY}: the jobs get only roles of execution_roles")
    if find_spec("botocore") is not None:
        yield from payload_mistakes(_rendered(request, samples))


def _container_mistakes(request: dict[str, Any], job_definitions: Collection[str]) -> Iterator[Mistake]:
    name = request["jobDefinition"]
    if name not in job_definitions:
        yield Mistake(("jobDefinition",), name, f"an entry of job_definitions: {listing(job_definitions) or 'none'}")
    for member in _SET_BY_FAIRLANE:
        if member in request:
            yield Mistake((member,), sentence="the fan-out sets this member: remove it")
