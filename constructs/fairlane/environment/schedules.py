"""Environment-file model of `schedules`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Tag

from fairlane.environment.base import Model, branch, entry_problem
from fairlane.environment.queues import GpuQueueModel, TrainingQueueModel
from fairlane.environment.text_file import TextFile
from fairlane.errors import Problem
from fairlane.schedules.schedule_rules import ScheduleSpec, kind_problems, share_problems
from fairlane.scheduling import FairShare, State
from fairlane_lambda.fan_out.json_text import parse_json

PayloadField = Annotated[
    Annotated[dict[str, Any], Tag("<mapping>")] | Annotated[TextFile, Tag("<file>")],
    branch("<mapping>", otherwise="<file>"),
]
_ARGUMENTS = ("schedule", "time_zone", "priority", "parameters")


class ScheduleModel(Model, title="schedule"):
    """Job that Amazon EventBridge Scheduler submits to a queue of the Region."""

    model_config = ConfigDict(json_schema_extra={"required": ["queue", "schedule"]})

    schedule: str | None = None
    """Rate or cron expression, for example rate(1 day) or cron(0 2 ? * MON-FRI *). Required."""
    queue: str | None = None
    """Queue of the Region. Required."""
    time_zone: str = "UTC"
    """Time zone of the expression, for example Europe/Berlin. Default: UTC."""
    share: str | None = None
    """Share of the jobs. Required for fair-share and quota-management."""
    priority: int | None = None
    """Priority of the jobs in their share, 0 to 9999. Only for fair-share and quota-management. Default: 0 for training
    jobs, scheduling_priority of the job definition for containers."""
    payload: PayloadField | None = None
    """CreateTrainingJob request without RoleArn, at most 10,240 bytes: a mapping, or the path of a JSON file relative
    to the folder of the environment file. Required for training queues."""
    execution_role: str | None = None
    """Key of `execution_roles`. Required for training queues."""
    job_definition: str | None = None
    """Key of `job_definitions`. Jobs use the newest revision. Required for GPU queues."""
    parameters: dict[str, str] | None = None
    """Values of the parameters that the command of the job definition has as Ref::NAME. Default: none."""
    state: Literal["enabled", "disabled"] = "enabled"
    """A disabled schedule submits no jobs. Default: enabled."""

    def problems(self, name: str) -> Iterator[Problem]:
        """Yield the problems of the schedule by itself.

        Args:
            name: Name of the schedule, its key in the file.
        """
        if self.queue is None:
            yield Problem(("queue",), None, "a queue of the Region")
        mistake = _payload_mistake(self.payload)
        if mistake:
            yield Problem.relation(("payload",), mistake)
        for problem in self._spec(name, None if mistake else self._payload).problems():
            yield entry_problem(problem, "schedule_name")

    def queue_problems(self, queue: TrainingQueueModel | GpuQueueModel) -> Iterator[Problem]:
        """Yield the problems between the schedule and its queue."""
        given: dict[str, object] = {
            key: getattr(self, key) for key in ("payload", "execution_role", "job_definition", "parameters")
        }
        yield from kind_problems(isinstance(queue, TrainingQueueModel), given)
        policy = queue.scheduling.build() if queue.scheduling else None
        if policy is not None and not any(policy.problems()):
            yield from share_problems(("share",), self.share, policy, str(self.queue), self.priority)

    def settings(self, name: str, queue: TrainingQueueModel | GpuQueueModel) -> dict[str, Any]:
        """Return the keyword arguments of `TrainingSchedule` that are no constructs.

        Args:
            name: Name of the schedule, its key in the file.
            queue: Queue of the schedule.
        """
        policy = queue.scheduling.build() if queue.scheduling else None
        share = "share_identifier" if isinstance(policy, FairShare) else "quota_share"
        arguments = {key: getattr(self, key) for key in _ARGUMENTS}
        spec = self._spec(name, self._payload)
        return {**arguments, share: self.share, "schedule_name": name, "payload": spec.payload, "state": spec.state}

    @property
    def _payload(self) -> Mapping[str, Any] | None:
        return parse_json(self.payload.text) if isinstance(self.payload, TextFile) else self.payload

    def _spec(self, name: str, payload: Mapping[str, Any] | None) -> ScheduleSpec:
        arguments: dict[str, Any] = {key: getattr(self, key) for key in _ARGUMENTS}
        state = State.DISABLED if self.state == "disabled" else State.ENABLED
        return ScheduleSpec(schedule_name=name, payload=payload, state=state, **arguments)


def _payload_mistake(payload: object) -> str:
    """Return the mistake of a file that is no JSON object. Empty if there is none."""
    if not isinstance(payload, TextFile) or payload.mistake:
        return payload.mistake if isinstance(payload, TextFile) else ""
    use = "use the JSON text of a CreateTrainingJob request"
    try:
        request = parse_json(payload.text)
    except ValueError as error:
        return f"{payload.path} is not JSON, {error}: {use}"
    return "" if isinstance(request, dict) else f"{payload.path} has no JSON object: {use}"
