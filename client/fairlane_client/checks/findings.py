"""Checks of submissions: what AWS Batch refuses, what SageMaker refuses, and what never starts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from fairlane.errors import Advice, ConfigurationError, Path, Problem
from fairlane.scheduling import FairShare
from fairlane_client.checks.advice import share_advice, training_advice
from fairlane_client.checks.container_job_rules import (
    OVERRIDES,
    container_job_refusals,
    definition_refusals,
    merged_properties,
)
from fairlane_client.checks.container_placement import container_placement_problems
from fairlane_client.checks.placement import training_placement_problems
from fairlane_client.checks.request_rules import Refusal, share_refusals
from fairlane_client.checks.service_job_rules import (
    PAYLOAD,
    payload_refusals,
    read_training_request,
    service_job_refusals,
)
from fairlane_client.checks.shapes import read_shape
from fairlane_client.checks.submissions import Submission, as_submission
from fairlane_client.checks.training_rules import training_problems
from fairlane_client.queues.queue import Queue

_RESOURCES: Final[Path] = (PAYLOAD, "ResourceConfig")


class Stage(StrEnum):
    """Moment at which a mistake would show without the check."""

    SUBMISSION = "SUBMISSION"
    """AWS Batch, or the client before it, refuses the request."""
    TRAINING = "TRAINING"
    """AWS Batch accepts the request, and SageMaker refuses the training job when its turn has come."""
    NEVER = "NEVER"
    """The job waits forever, or until a time-limit action of the queue ends it."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Mistake of a submission.

    Attributes:
        stage: Moment at which it would show.
        problem: Field, value and what to change.
    """

    stage: Stage
    problem: Problem


@dataclass(frozen=True, slots=True)
class Findings:
    """Result of a check.

    Attributes:
        mistakes: All mistakes.
        warnings: Warnings about what AWS accepts and is probably not meant. Each has a name and a text.
    """

    mistakes: tuple[Mistake, ...]
    warnings: tuple[Advice, ...]


def check(
    submission: Mapping[str, Any],
    queue: Queue,
    *,
    share: str = "",
    priority: int | None = None,
    job_definition: Mapping[str, Any] | None = None,
    name: str = "submission",
) -> tuple[Advice, ...]:
    """Return the warnings about a submission without mistakes. No call is made.

    Args:
        submission: Request of SubmitServiceJob or SubmitJob, or payload of CreateTrainingJob, as JSON has it.
        queue: Queue, for example of `fairlane_client.queues.queue.queue_of_environment` or `read_queue`.
        share: Share of the job. Replaces the one of the request. Default: that of the request.
        priority: Scheduling priority, 0 to 9,999. Replaces the one of the request. Default: that of the request.
        job_definition: Job definition of a SubmitJob request, as DescribeJobDefinitions returns it. Default: unknown,
            so that overrides and sizes are not checked.
        name: Name of the submission in errors. Default: `submission`.

    Raises:
        ConfigurationError: If the submission has mistakes, with all of them.
    """
    findings = find_mistakes(submission, queue, share=share, priority=priority, job_definition=job_definition)
    if findings.mistakes:
        raise ConfigurationError(name, [mistake.problem for mistake in findings.mistakes])
    return findings.warnings


def find_mistakes(
    submission: Mapping[str, Any],
    queue: Queue,
    *,
    share: str = "",
    priority: int | None = None,
    job_definition: Mapping[str, Any] | None = None,
) -> Findings:
    """Return all mistakes of a submission and the warnings about it. No call is made.

    Args:
        submission: Request of SubmitServiceJob or SubmitJob, or payload of CreateTrainingJob, as JSON has it.
        queue: Queue.
        share: Share of the job. Replaces the one of the request. Default: that of the request.
        priority: Scheduling priority. Replaces the one of the request. Default: that of the request.
        job_definition: Job definition of a SubmitJob request. Default: unknown.

    Raises:
        ConfigurationError: If the members are those of no submission.
    """
    parsed = as_submission(submission, queue, share, priority)
    found = _Check(parsed, queue, job_definition)
    found.run()
    mistakes = tuple(_distinct(found.mistakes, skip=1 if parsed.is_payload else 0))
    return Findings(mistakes, tuple(found.warnings))


class _Check:
    def __init__(self, submission: Submission, queue: Queue, definition: Mapping[str, Any] | None) -> None:
        self.mistakes: list[Mistake] = []
        self.warnings: list[Advice] = []
        self._submission = submission
        self._queue = queue
        self._definition = definition

    def run(self) -> None:
        operation, request = self._submission.operation, self._submission.request
        is_service = operation == "SubmitServiceJob"
        shape = _shape("batch", operation)
        clean, problems = read_shape(request, shape, ignores_case=True)
        self._add(Stage.SUBMISSION, map(_text_problem, problems))
        self._add(Stage.SUBMISSION, self._queue_problems(clean, is_service=is_service))
        if is_service:
            self._refuse(service_job_refusals(clean))
        else:
            self._refuse(container_job_refusals(clean))
        is_right_kind = is_service == (self._queue.kind == "training")
        if is_right_kind:
            self._refuse(share_refusals(clean, self._queue.policy, self._queue.arn))
        if is_service:
            self._check_training(clean, request.get(PAYLOAD), is_right_kind=is_right_kind)
        elif is_right_kind and self._definition is not None:
            self._check_containers(clean, self._definition)
        if is_right_kind:
            name = "schedulingPriority" if is_service else "schedulingPriorityOverride"
            self.warnings[:0] = share_advice(self._queue, _share(clean), clean.get(name))

    def _check_training(self, clean: dict[str, Any], payload: object, *, is_right_kind: bool) -> None:
        training = _parsed(payload)
        if training is None:
            return
        if not isinstance(payload, str):
            self._refuse(payload_refusals(json.dumps(training)))
        wrong_counts = [mistake for mistake in self.mistakes if mistake.problem.field[:2] == _RESOURCES]
        is_readable = isinstance(training.get("ResourceConfig"), dict) and not wrong_counts
        members, problems = read_shape(
            training, _shape("sagemaker", "CreateTrainingJob"), (PAYLOAD,), optional=["TrainingJobName"]
        )
        self._add(Stage.TRAINING, problems)
        self._add(Stage.TRAINING, (problem.within(PAYLOAD) for problem in training_problems(members)))
        if not is_readable or not is_right_kind:
            return
        choices = read_training_request(json.dumps(training)).choices
        type_field, count_field = _choice_fields(training["ResourceConfig"])
        share = _share(clean)
        known = None if any(self._concerns_share()) else share
        self._add(Stage.NEVER, training_placement_problems(self._queue, known, *choices[0], type_field, count_field))
        if known is not None and not any(mistake.stage == Stage.NEVER for mistake in self.mistakes):
            self.warnings += training_advice(self._queue, share, clean, members, choices)

    def _check_containers(self, clean: dict[str, Any], definition: Mapping[str, Any]) -> None:
        if any(mistake.problem.field and mistake.problem.field[0] in OVERRIDES for mistake in self.mistakes):
            return
        before = len(self.mistakes)
        self._refuse(definition_refusals(clean, definition, is_fair_share=isinstance(self._queue.policy, FairShare)))
        if len(self.mistakes) == before:
            try:
                problems = [
                    *container_placement_problems(self._queue, _share(clean), merged_properties(clean, definition))
                ]
            except ValueError as error:
                self._add(Stage.SUBMISSION, [Problem.relation(("eksPropertiesOverride",), str(error))])
            else:
                self._add(Stage.NEVER, problems)

    def _queue_problems(self, clean: dict[str, Any], *, is_service: bool) -> Iterator[Problem]:
        queue, got = self._queue, clean.get("jobQueue")
        is_other_arn = bool(queue.arn) and got is not None and got.startswith("arn:") and got != queue.arn
        if got is not None and (is_other_arn or got.rpartition("/")[2] != queue.name):
            yield Problem(("jobQueue",), got, f"{queue.name}, the queue of the check")
        if is_service != (queue.kind == "training"):
            kind, operation = ("containers", "SubmitJob") if is_service else ("training jobs", "SubmitServiceJob")
            sentence = f"{queue.name} is a queue for {kind} and accepts {operation} only: use another queue"
            yield Problem.relation(("jobQueue",), sentence)
        if not queue.is_enabled:
            yield Problem.relation(("jobQueue",), f"{queue.name} is disabled and takes no jobs: enable it")

    def _concerns_share(self) -> Iterator[bool]:
        for mistake in self.mistakes:
            yield mistake.problem.field[:1] in (("quotaShareName",), ("shareIdentifier",))

    def _add(self, stage: Stage, problems: Iterable[Problem]) -> None:
        self.mistakes += [Mistake(stage, problem) for problem in problems]

    def _refuse(self, refusals: Iterable[Refusal]) -> None:
        self._add(Stage.SUBMISSION, (refusal.problem for refusal in refusals))


@cache
def _shape(service: str, operation: str) -> Any:
    import botocore.session

    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape


def _parsed(payload: object) -> dict[str, Any] | None:
    """Return the object of a payload, also of one that is no text. None if it has no object."""
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError:
            return None
    return payload if isinstance(payload, dict) else None


def _text_problem(problem: Problem) -> Problem:
    """Return a problem. A payload that is no text gets a sentence that says how to make one."""
    if problem.field != (PAYLOAD,) or problem.is_missing:
        return problem
    return Problem.relation(problem.field, f"got {problem.got}, and AWS Batch takes JSON as text: use json.dumps")


def _share(request: Mapping[str, Any]) -> str:
    return request.get("quotaShareName") or request.get("shareIdentifier") or ""


def _choice_fields(config: Mapping[str, Any]) -> tuple[Path, Path]:
    """Return the paths of the instance type and the number of instances that AWS Batch counts."""
    if config.get("InstancePreferences"):
        field: Path = (*_RESOURCES, "InstancePreferences", 0)
        is_own = "InstanceCount" in config["InstancePreferences"][0]
        return (*field, "InstanceType"), (*field, "InstanceCount") if is_own else (*_RESOURCES, "InstanceCount")
    if config.get("InstanceGroups"):
        return (*_RESOURCES, "InstanceGroups"), (*_RESOURCES, "InstanceGroups")
    return (*_RESOURCES, "InstanceType"), (*_RESOURCES, "InstanceCount")


def _distinct(mistakes: Iterable[Mistake], skip: int) -> Iterator[Mistake]:
    """Yield the mistakes, each field once at its first stage, without the payload's name if the payload is all."""
    fields = set()
    for mistake in sorted(mistakes, key=lambda each: [*Stage].index(each.stage)):
        field = mistake.problem.field
        if field in fields and not mistake.problem.sentence:
            continue
        fields.add(field)
        problem = mistake.problem
        if skip and field[:skip] == (PAYLOAD,):
            problem = Problem(field[skip:], problem.got, problem.allowed, sentence=problem.sentence)
        yield Mistake(mistake.stage, problem)
