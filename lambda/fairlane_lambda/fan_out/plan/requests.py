"""Requests of the jobs of lines: training jobs, and runs of array jobs."""

import json
from collections.abc import Generator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import fairlane_lambda
from fairlane_lambda.fan_out.arrays import Run, run_parameters
from fairlane_lambda.fan_out.lines import Line
from fairlane_lambda.fan_out.names import job_name
from fairlane_lambda.fan_out.placement import Choice
from fairlane_lambda.fan_out.plan.queues import Queue
from fairlane_lambda.fan_out.plan.scope import Place, Scope
from fairlane_lambda.fan_out.rendering import RUN_MEMBERS, Template, request_mistakes, service_request
from fairlane_lambda.training_job import Mistake

_REQUESTS: Final = 64
_GPUS: Final[Mapping[str, int]] = json.loads((Path(fairlane_lambda.__file__).parent / "gpus.json").read_text())


class Requests:
    """Requests of one plan.

    Args:
        scope: What the lines are checked against.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._submit_job_mistakes = lru_cache(_REQUESTS)(_submit_job_mistakes)

    def _values(self, line: Line, choice: Choice) -> dict[str, str | int | None]:
        roles = self._scope.roles
        return {
            **{f"role.{key}": arn for key, arn in roles.items()},
            "instance_type": line.instance_type,
            "instance_count": line.instance_count,
            "data": choice.data,
            "region": choice.region,
            "image": line.image,
            "id": line.id,
            "account": self._scope.account,
            "role": next(iter(roles.values()), None),
        }

    def job(self, line: Line, template: Template, place: Place) -> Generator[Mistake, None, dict[str, Any] | None]:
        """Yield the mistakes of the training job of a line, and return its line in the part of its Region."""
        values = self._values(line, place.choice)
        mistakes = [*template.mistakes_of(values, line.fields)]
        if mistakes:
            yield from mistakes
            return None
        payload = template.render(values)
        image = _member(payload, "AlgorithmSpecification", "TrainingImage")
        if isinstance(image, str):
            resolved = self._scope.images.resolve(image, place.choice.region)
            if isinstance(resolved, Mistake):
                yield resolved
                return None
            payload["AlgorithmSpecification"] = {**payload["AlgorithmSpecification"], "TrainingImage": resolved}
        request, mistakes = service_request(payload, line.parameters)
        role = payload.get("RoleArn")
        if isinstance(role, str) and role not in self._scope.roles.values():
            mistakes.append(Mistake(("RoleArn",), role, ", ".join(self._scope.roles.values())))
        request |= {"jobQueue": place.queue.name} | _share(line, place.queue)
        if line.priority is not None:
            request["schedulingPriority"] = line.priority
        name = job_name(self._scope.config.name, self._scope.manifest, line.id, place.digest)
        mistakes += request_mistakes({**request, "jobName": name, "clientToken": place.digest})
        if mistakes:
            yield from mistakes
            return None
        record = {
            "digest": place.digest,
            "id": line.id,
            "name": name,
            "kind": "service",
            "queue": place.queue.name,
            "gpus": _gpus(payload),
            "reason": place.choice.reason,
            "request": request,
        }
        return record | ({"share": line.share} if line.share else {})

    def run(self, line: Line, template: Template, place: Place) -> Generator[Mistake, None, tuple[str, Run] | None]:
        """Yield the mistakes of the run of a line, and return what its array job shares, in JSON, and the run."""
        region = place.choice.region
        values = self._values(line, place.choice)
        parameters, mistakes = run_parameters(line, region, place.choice.data)
        mistakes += template.mistakes_of(values, line.fields)
        if not self._scope.store:
            mistakes.append(Mistake(("queue",), sentence=f"{place.queue.name} has containers: the fan-out needs store"))
        if mistakes:
            yield from mistakes
            return None
        request = template.render(values) | {"jobQueue": place.queue.name} | _share(line, place.queue)
        name, allowed_names = str(request["jobDefinition"]), self._scope.config.job_definitions
        if name.rpartition("/")[2].partition(":")[0] not in allowed_names:
            allowed = f"an entry of job_definitions: {', '.join(allowed_names) or 'none'}"
            yield Mistake(("jobDefinition",), request["jobDefinition"], allowed)
            return None
        definition = self._scope.queues.definition(region, name)
        if definition is None:
            allowed = f"an active job definition of {region}"
            yield Mistake(("jobDefinition",), request["jobDefinition"], allowed)
            return None
        if line.priority is not None:
            request["schedulingPriorityOverride"] = line.priority
        elif line.share and not definition.has_priority:
            sentence = "missing; fair share requires it where the job definition has no scheduling priority"
            yield Mistake(("priority",), sentence=sentence)
            return None
        common = {"region": region, "queue": place.queue.name, "gpus": definition.gpus, "request": request}
        common |= {"share": line.share} if line.share else {}
        text = json.dumps(common, sort_keys=True)
        if mistakes := self._submit_job_mistakes(json.dumps(request)):
            yield from mistakes
            return None
        return text, Run(place.digest, line.id, place.choice.reason, parameters)


def _submit_job_mistakes(request: str) -> list[Mistake]:
    """Return the members of a SubmitJob request in JSON that are unknown or have a wrong type."""
    import botocore.session
    from botocore.validate import ParamValidator

    members = {name: value for name, value in json.loads(request).items() if name not in RUN_MEMBERS}
    model = botocore.session.get_session().get_service_model("batch")
    report = ParamValidator().validate({"jobName": "x", **members}, model.operation_model("SubmitJob").input_shape)
    return [Mistake(("template",), sentence=report.generate_report())] if report.has_errors() else []


def _share(line: Line, queue: Queue) -> dict[str, str]:
    return {queue.share_parameter: line.share} if line.share else {}


def _member(payload: Mapping[str, Any], *path: str) -> Any:
    value: Any = payload
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _gpus(payload: Mapping[str, Any]) -> int:
    """Return the GPUs of a training job. Unknown instance types count as 0 GPUs."""
    resources: Any = payload.get("ResourceConfig", {})
    groups = resources.get("InstanceGroups") or [resources]
    return sum(_GPUS.get(group.get("InstanceType", ""), 0) * group.get("InstanceCount", 0) for group in groups)
