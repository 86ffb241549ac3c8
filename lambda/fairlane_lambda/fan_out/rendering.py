"""Templates of a fan-out, and the requests that they give with the values of a line."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fairlane_lambda.fan_out.json_text import NestingError, parse_json
from fairlane_lambda.training_job import Mistake, payload_mistakes

MAX_REQUEST: Final = 30 * 1024
"""Largest request of SubmitServiceJob and SubmitJob."""
PLACEHOLDERS: Final = ("data", "region", "image", "instance_type", "instance_count", "id", "account", "role")
FIELDS_TO_USE: Final = ("image", "instance_type", "instance_count")
"""Fields of a line that only the template can use."""
METRIC: Final = ("loss", "minimize")
"""Metric and direction of the runs in containers, if the template has none."""
RUN_MEMBERS: Final = ("metric", "direction")
"""Members of a template for containers that are no parameters of SubmitJob."""
_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")
_JOB_MEMBERS: Final = (
    "jobDefinition",
    "containerOverrides",
    "retryStrategy",
    "timeout",
    "parameters",
    "tags",
    "propagateTags",
    *RUN_MEMBERS,
)
_TAGS: Final = 50
_Value = str | int


class Template:
    """Template of a job: a CreateTrainingJob request, or a SubmitJob request with `jobDefinition`.

    Args:
        name: Name for errors.
        text: Text of the template.
        roles: Keys of the execution roles.

    Attributes:
        text: Text of the template.
        content: Members of the template. Empty if the text is not readable.
        is_array: True for a SubmitJob request.
        mistakes: Mistakes of the template that no line changes.
    """

    def __init__(self, name: str, text: str, roles: Mapping[str, str]) -> None:
        self.text = text
        self.content: dict[str, Any] = {}
        self.mistakes = []
        try:
            content = parse_json(text)
        except NestingError as error:
            self.mistakes.append(Mistake((name,), sentence=str(error)))
        except ValueError as error:
            self.mistakes.append(Mistake((name,), sentence=f"no JSON: {error}"))
        else:
            if isinstance(content, dict):
                self.content = content
            else:
                self.mistakes.append(Mistake((name,), sentence="no JSON object"))
        self.is_array = "jobDefinition" in self.content
        self._placeholders = frozenset(_placeholders(self.content))
        allowed = (*PLACEHOLDERS, *(f"role.{key}" for key in roles))
        for unknown in sorted(self._placeholders - set(allowed)):
            self.mistakes.append(Mistake((name,), f"${{{unknown}}}", ", ".join(f"${{{one}}}" for one in allowed)))
        if self.is_array and self.content.get("direction", METRIC[1]) not in ("maximize", "minimize"):
            self.mistakes.append(Mistake((name, "direction"), self.content["direction"], "maximize or minimize"))
        if self.is_array and not isinstance(self.content.get("metric", METRIC[0]), str):
            self.mistakes.append(Mistake((name, "metric"), self.content["metric"], "a text"))
        for member in sorted(set(self.content) - set(_JOB_MEMBERS)) if self.is_array else ():
            sentence = f"unknown; a template for containers has {', '.join(_JOB_MEMBERS)}"
            self.mistakes.append(Mistake((name, member), sentence=sentence))

    def default(self, field: str) -> Any:
        """Return the instance type or count of the template. None if the lines set it.

        Args:
            field: `instance_type` or `instance_count`.
        """
        resources = self.content.get("ResourceConfig")
        member = {"instance_type": "InstanceType", "instance_count": "InstanceCount"}[field]
        value = resources.get(member) if isinstance(resources, dict) else None
        return None if isinstance(value, str) and "${" in value else value

    def mistakes_of(self, values: Mapping[str, _Value | None], fields: Mapping[str, Any]) -> Iterator[Mistake]:
        """Yield the fields that the template needs, and those of the line that it does not use.

        Args:
            values: Values by placeholder.
            fields: Fields of the line as they were written.
        """
        for name in sorted(self._placeholders):
            if values.get(name) is None:
                yield Mistake((name,), sentence=f"missing; the template has ${{{name}}}")
        for name in FIELDS_TO_USE:
            if fields.get(name) is not None and name not in self._placeholders:
                yield Mistake((name,), sentence=f"not used: the template has no ${{{name}}}")

    def render(self, values: Mapping[str, _Value | None]) -> dict[str, Any]:
        """Return the request of a line. `${instance_count}` alone becomes a number."""
        rendered: dict[str, Any] = _render(self.content, values)
        return rendered


def service_request(payload: dict[str, Any], parameters: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mistake]]:
    """Return SubmitServiceJob parameters without queue and share, and their mistakes.

    Args:
        payload: Rendered CreateTrainingJob request. Its tags become tags of the job.
        parameters: Hyperparameters over those of the payload. Values other than texts become JSON.
    """
    payload = dict(payload)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    if texts and isinstance(payload.get("HyperParameters", {}), dict):
        payload["HyperParameters"] = payload.get("HyperParameters", {}) | texts
    tags, mistakes = _tags(payload.pop("Tags", []))
    mistakes += (mistake if mistake.field else mistake.within("payload") for mistake in payload_mistakes(payload))
    request: dict[str, Any] = {
        "serviceJobType": "SAGEMAKER_TRAINING",
        "serviceRequestPayload": json.dumps(payload, separators=(",", ":")),
    }
    return request | ({"tags": tags} if tags else {}), mistakes


def request_mistakes(request: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield a mistake if a complete request is too large."""
    size = len(json.dumps(request, separators=(",", ":")).encode())
    if size > MAX_REQUEST:
        yield Mistake(("request",), f"{size:,} bytes", f"at most {MAX_REQUEST:,} bytes")


def _tags(entries: Any) -> tuple[dict[str, str], list[Mistake]]:
    tags, mistakes = {}, []
    if not isinstance(entries, list) or len(entries) > _TAGS:
        return {}, [Mistake(("Tags",), sentence=f"use a list of at most {_TAGS} objects with Key and Value")]
    for index, entry in enumerate(entries):
        match entry:
            case {"Key": str(key), "Value": str(value)} if 1 <= len(key) <= 128 and len(value) <= 256:
                tags[key] = value
            case _:
                sentence = "use an object with Key, at most 128 characters, and Value, at most 256 characters"
                mistakes.append(Mistake(("Tags", index), sentence=sentence))
    return tags, mistakes


def _placeholders(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _PLACEHOLDER.findall(value)
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _placeholders(inner)


def _render(value: Any, values: Mapping[str, _Value | None]) -> Any:
    if isinstance(value, str):
        if value == "${instance_count}":
            return values["instance_count"]
        return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), value) if "${" in value else value
    if isinstance(value, dict):
        return {name: _render(inner, values) for name, inner in value.items()}
    return [_render(inner, values) for inner in value] if isinstance(value, list) else value
