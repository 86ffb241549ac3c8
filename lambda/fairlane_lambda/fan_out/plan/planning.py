"""Plan of a manifest: each line is checked, placed and rendered, one at a time."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import fairlane_lambda
from fairlane_lambda.fan_out.arrays import CHUNK, ArrayJob, Run, run_parameters
from fairlane_lambda.fan_out.config import Config
from fairlane_lambda.fan_out.lines import MAX_LINES, Line, parse_line
from fairlane_lambda.fan_out.names import TEMPLATES, job_name, line_digest
from fairlane_lambda.fan_out.placement import Choice, Refusal
from fairlane_lambda.fan_out.plan.answer import Answer
from fairlane_lambda.fan_out.plan.images import Images
from fairlane_lambda.fan_out.plan.index import Index, Known
from fairlane_lambda.fan_out.plan.objects import Parts
from fairlane_lambda.fan_out.plan.queues import Account, Queue
from fairlane_lambda.fan_out.records import Record
from fairlane_lambda.fan_out.rendering import Template, request_mistakes, service_request
from fairlane_lambda.training_job import Mistake

_GPUS: Final[Mapping[str, int]] = json.loads((Path(fairlane_lambda.__file__).parent / "gpus.json").read_text())
_RETRIED: Final = ("FAILED", "REFUSED")
_CLAIMED: Final = "SUBMITTING"


class Placer(Protocol):
    """Rules that choose the Region of a line."""

    def place(self, line: Line) -> Choice | Refusal:
        """Return the Region of a line, or the reason why no candidate is left."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the lines of a plan are checked against.

    Attributes:
        config: Configuration of the fan-out.
        manifest: Name of the manifest.
        retry: True to submit failed lines as a further attempt, and no others.
        is_csv: True if the manifest is CSV.
        account: ID of the account.
        roles: ARNs of the execution roles, by key. The first one is `${role}`.
        template: Function that returns a template by name, the one of the fan-out for None.
        queues: Queues of the account.
        images: Images of the account.
        placer: Rules of the placement.
        bucket_region: Function that returns the Region of a bucket. Empty if it is unknown.
        store: Bucket of the sweep store. Empty for none.
    """

    config: Config
    manifest: str
    retry: bool
    is_csv: bool
    account: str
    roles: Mapping[str, str]
    template: Callable[[str | None], Template | None]
    queues: Account
    images: Images
    placer: Placer
    bucket_region: Callable[[str], str]
    store: str


class _Place(NamedTuple):
    """Place of the job of a line."""

    digest: str
    choice: Choice
    queue: Queue


class Planner:
    """Plan of the lines of a manifest.

    Args:
        scope: What the lines are checked against.
        index: Index with the lines of the ledger.
        parts: Parts to which jobs are added.

    Attributes:
        answer: Answer of the plan.
        digest: Digest of all lines as they were written, with their templates.
        scope: What the lines are checked against.
        planned_arrays: Digests of array jobs of earlier plans that have lines of this manifest and are not submitted.
    """

    def __init__(self, scope: Scope, index: Index, parts: Parts) -> None:
        self.scope, self._index, self._parts = scope, index, parts
        self.answer = Answer()
        self.digest = hashlib.sha256(b"retry" if scope.retry else b"start")
        self.planned_arrays: dict[str, None] = {}

    def read(self, records: Iterable[Record]) -> None:
        """Plan the records of the manifest."""
        problems = self.answer.problems
        for record in records:
            self.answer.lines += 1
            if self.answer.lines > MAX_LINES:
                problems.add(f"over {MAX_LINES:,} lines: divide the manifest")
                return
            if record.fields is None:
                problems.add(record.problem, record.number)
                if record.is_last:
                    return
                continue
            line, mistakes = parse_line(record.number, record.fields, is_csv=self.scope.is_csv)
            problems.add_mistakes(mistakes, record.number)
            if line is None:
                continue
            if (other := self._index.add_id(line.id, line.number)) is not None:
                problems.add(f"id: {line.id} is the id of line {other} too", line.number)
            elif template := self._template(line):
                problems.add_mistakes(self._plan(line, template), line.number)
        if not self.answer.lines:
            problems.add("the manifest has no lines")
        if not self.scope.retry:
            self.answer.removed = self._index.removed()

    def arrays(self) -> Iterator[tuple[ArrayJob, str]]:
        """Yield the new array jobs with their names."""
        for common, runs in self._index.runs(CHUNK):
            job = ArrayJob(self.scope.manifest, json.loads(common), runs)
            yield job, job_name(self.scope.config.name, self.scope.manifest, job.id, job.digest)

    def _template(self, line: Line) -> Template | None:
        template = self.scope.template(line.template)
        if template is None:
            allowed = f"the name of an object {TEMPLATES}<name>.json"
            self.answer.problems.add(str(Mistake(("template",), line.template, allowed)), line.number)
        elif self.answer.problems.add_mistakes(template.mistakes) or template.mistakes:
            return None
        return template

    def _plan(self, line: Line, template: Template) -> Iterator[Mistake]:
        """Plan a line, and yield its mistakes."""
        digest, known = self._digest(line, template)
        if digest is None:
            self.answer.unchanged += 1
            return
        self.digest.update(digest.encode())
        planned = self._index.planned(digest)
        if known is not None and known.state != _CLAIMED:
            self.answer.unchanged += 1
            return
        if planned is not None:  # the lines of an array job stay together
            self.planned_arrays[planned.job] = None
            self.answer.place(line.id, planned.region, planned.reason)
            return
        line = _with_defaults(line, template)
        place = yield from self._place(line, digest, known)
        if place is not None:
            ready = self._add_run if template.is_array else self._add_job
            mistakes = [*place.queue.mistakes(line.share, is_array=template.is_array)]
            yield from mistakes or ready(line, template, place)

    def _digest(self, line: Line, template: Template) -> tuple[str | None, Known | None]:
        """Return the digest of the submission of a line, and the line in the ledger. None if it is not retried."""
        digest = line_digest(line.fields, template.text)
        known = self._index.known(digest)
        if not self.scope.retry:
            return digest, known
        attempt = 1
        latest: Known | None = None
        while known is not None and known.state in _RETRIED:
            latest, attempt = known, attempt + 1
            digest = line_digest(line.fields, template.text, attempt)
            known = self._index.known(digest)
        return (digest if latest is not None else None), known

    def _place(self, line: Line, digest: str, known: Known | None) -> Generator[Mistake, None, _Place | None]:
        """Yield the mistakes of the place of a line, and return the place."""
        regions = self.scope.config.regions
        for candidate in line.candidates:
            if candidate.region not in regions:
                yield Mistake(("region",), candidate.region, ", ".join(regions))
                return None
        fitting = [one for one in line.candidates if line.queue is None or line.queue in regions[one.region]]
        if not fitting:
            allowed = sorted({queue for one in line.candidates for queue in regions[one.region]})
            yield Mistake(("queue",), line.queue, ", ".join(allowed))
            return None
        if known is not None:  # a job may have been submitted there
            fitting = [one for one in fitting if one.region == known.region] or fitting
        choice = self.scope.placer.place(replace(line, candidates=tuple(fitting)))
        if isinstance(choice, Refusal):
            yield Mistake((), sentence=choice.text)
            return None
        names = regions[choice.region]
        name = line.queue or names[0]
        queue = self.scope.queues.queue(choice.region, name, names)
        if queue is None:
            yield Mistake(("queue",), sentence=f"{choice.region} has no queue {name}")
            return None
        self._warn(line, choice)
        return _Place(digest, choice if known is None else choice._replace(reason=known.reason), queue)

    def _warn(self, line: Line, choice: Choice) -> None:
        if choice.data is not None and choice.data.startswith("s3://"):
            place = self.scope.bucket_region(choice.data.split("/")[2])
            if place not in ("", choice.region):
                self.answer.warnings.add(f"data is in {place}, the job runs in {choice.region}", line.number)

    def _values(self, line: Line, choice: Choice) -> dict[str, str | int | None]:
        roles = self.scope.roles
        return {
            **{f"role.{key}": arn for key, arn in roles.items()},
            "instance_type": line.instance_type,
            "instance_count": line.instance_count,
            "data": choice.data,
            "region": choice.region,
            "image": line.image,
            "id": line.id,
            "account": self.scope.account,
            "role": next(iter(roles.values()), None),
        }

    def _add_job(self, line: Line, template: Template, place: _Place) -> Iterator[Mistake]:
        """Add the training job of a line to the part of its Region, and yield its mistakes."""
        values = self._values(line, place.choice)
        mistakes = [*template.mistakes_of(values, line.fields)]
        if mistakes:
            yield from mistakes
            return
        payload = template.render(values)
        image = _member(payload, "AlgorithmSpecification", "TrainingImage")
        if isinstance(image, str):
            resolved = self.scope.images.resolve(image, place.choice.region)
            if isinstance(resolved, Mistake):
                yield resolved
                return
            payload["AlgorithmSpecification"] = {**payload["AlgorithmSpecification"], "TrainingImage": resolved}
        request, mistakes = service_request(payload, line.parameters)
        role = payload.get("RoleArn")
        if isinstance(role, str) and role not in self.scope.roles.values():
            mistakes.append(Mistake(("RoleArn",), role, ", ".join(self.scope.roles.values())))
        request |= {"jobQueue": place.queue.name} | _share(line, place.queue)
        if line.priority is not None:
            request["schedulingPriority"] = line.priority
        name = job_name(self.scope.config.name, self.scope.manifest, line.id, place.digest)
        mistakes += request_mistakes({**request, "jobName": name, "clientToken": place.digest})
        if mistakes:
            yield from mistakes
            return
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
        self._parts.write(place.choice.region, record | ({"share": line.share} if line.share else {}))
        self._count(line, place)

    def _add_run(self, line: Line, template: Template, place: _Place) -> Iterator[Mistake]:
        """Add the run of a line to its array job, and yield its mistakes."""
        region = place.choice.region
        values = self._values(line, place.choice)
        parameters, mistakes = run_parameters(line, region, place.choice.data)
        mistakes += template.mistakes_of(values, line.fields)
        if not self.scope.store:
            mistakes.append(Mistake(("queue",), sentence=f"{place.queue.name} has containers: the fan-out needs store"))
        if mistakes:
            yield from mistakes
            return
        request = template.render(values) | {"jobQueue": place.queue.name} | _share(line, place.queue)
        definition = self.scope.queues.definition(region, str(request["jobDefinition"]))
        if definition is None:
            allowed = f"an active job definition of {region}"
            yield Mistake(("jobDefinition",), request["jobDefinition"], allowed)
            return
        if line.priority is not None:
            request["schedulingPriorityOverride"] = line.priority
        elif line.share and not definition.has_priority:
            sentence = "missing; fair share requires it where the job definition has no scheduling priority"
            yield Mistake(("priority",), sentence=sentence)
            return
        common = {"region": region, "queue": place.queue.name, "gpus": definition.gpus, "request": request}
        common |= {"share": line.share} if line.share else {}
        run = Run(place.digest, line.id, place.choice.reason, parameters)
        self._index.add_run(json.dumps(common, sort_keys=True), run)
        self._count(line, place)

    def _count(self, line: Line, place: _Place) -> None:
        answer, choice = self.answer, place.choice
        answer.place(line.id, choice.region, choice.reason)
        answer.changed += not self.scope.retry and self._index.has_id(line.id)
        if choice.copy is not None:
            answer.copies[choice.copy.source, choice.copy.target] = choice.copy


def _with_defaults(line: Line, template: Template) -> Line:
    """Return a line with the instance type and count of its template, for the placement."""
    kind, count = template.default("instance_type"), template.default("instance_count")
    return replace(
        line,
        instance_type=line.instance_type or (kind if isinstance(kind, str) else None),
        instance_count=line.instance_count or (count if type(count) is int else None),
    )


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
