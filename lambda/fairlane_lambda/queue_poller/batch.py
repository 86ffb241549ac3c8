"""Calls to AWS Batch, each of which can fail alone, and job definitions."""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from threading import Lock
from typing import Any, Final, NamedTuple

from fairlane_lambda.aws_errors import error_name, is_temporary
from fairlane_lambda.queue_poller.pace import Pace

_ATTEMPTS: Final = 4
_PER_CALL: Final = 100
_MOST_DEFINITIONS: Final = 5_000


class Calls:
    """Calls of one poll of one queue.

    Args:
        client: boto3 client of AWS Batch, without retries of its own.
        queue: Name of the queue, for the log.
        pace: Pace of the calls.
        seconds_left: Returns the number of seconds in which another call can start. Negative if it is too late.

    Attributes:
        errors: Number of calls that failed or were not made.
    """

    def __init__(self, client: Any, queue: str, pace: Pace, seconds_left: Callable[[], float]) -> None:
        self._client = client
        self._seconds_left = seconds_left
        self._pace = pace
        self._queue = queue
        self.errors = 0

    def __call__(self, operation: str, **request: object) -> dict[str, Any] | None:
        """Return the response of a call, or None if the call and its retries failed or time ran out.

        Args:
            operation: Name of the operation in boto3.
            request: Parameters of the call.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        failure: Exception | None = None
        for _ in range(_ATTEMPTS):
            pace = self._pace.wait(self._seconds_left())
            if pace is None:
                break
            try:
                response: dict[str, Any] = getattr(self._client, operation)(**request)
            except (BotoCoreError, ClientError) as error:
                failure = error
                if not is_temporary(error):
                    break
                self._pace.slow_down(pace)
            else:
                self._pace.speed_up()
                return response
        self.errors += 1
        if failure is not None:
            log_failure(self._queue, operation, failure)
        return None

    def is_late(self) -> bool:
        """Return True if too little time is left for a call."""
        return self._seconds_left() < 0


def log_failure(queue: str, operation: str, error: Exception) -> None:
    """Write a failure to the log, without the message of the error, which can contain names of jobs.

    Args:
        queue: Name of the queue.
        operation: Operation that failed.
        error: Error of the operation. The log contains its AWS error code or its class.
    """
    print(f"{operation} failed for queue {queue}: {error_name(error)}", file=sys.stderr)


class _Range(NamedTuple):
    first: int
    last: int
    gpus: int


class Needs(NamedTuple):
    """GPUs of jobs with one revision of a job definition.

    Attributes:
        single: GPUs of a job without nodes.
        nodes: Number of nodes in the job definition. 0 for jobs without nodes.
        ranges: GPUs of the node ranges, widest range first.
    """

    single: int = 0
    nodes: int = 0
    ranges: tuple[_Range, ...] = ()

    def gpus(self, nodes: int | None) -> int:
        """Return the GPUs of a job.

        Args:
            nodes: Number of nodes of the job. The last range of the definition then ends at the last node. None for the
                number in the definition.
        """
        if not self.nodes:
            return self.single
        nodes = nodes or self.nodes
        gpus_by_node = [0] * nodes
        for first, last, gpus in self.ranges:
            end = nodes if last >= self.nodes - 1 else min(last + 1, nodes)
            gpus_by_node[first:end] = [gpus] * (end - first)
        return sum(gpus_by_node)


class Definitions:
    """Cache of job definitions. A revision never changes, so each is described once. The cache keeps the last 5,000.

    Deleted revisions and definitions for EKS count as definitions without GPUs. Resource requirements that a job
    overrides at submission do not count: AWS returns them neither in a listing nor in a definition.
    """

    def __init__(self) -> None:
        self._needs: dict[str, Needs] = {}
        self._lock = Lock()

    def needs(self, arns: Collection[str], calls: Calls) -> dict[str, Needs]:
        """Return the needs of job definitions, without the definitions whose call failed.

        Args:
            arns: ARNs of revisions of job definitions.
            calls: Calls that describe new definitions.
        """
        needs_by_arn = {arn: needs for arn in arns if (needs := self._needs.get(arn))}
        new = sorted(set(arns) - needs_by_arn.keys())
        for start in range(0, len(new), _PER_CALL):
            page = new[start : start + _PER_CALL]
            response = calls("describe_job_definitions", jobDefinitions=page)
            if response is None:
                continue
            new_needs = dict.fromkeys(page, Needs())
            for definition in response.get("jobDefinitions", []):
                new_needs[definition.get("jobDefinitionArn", "")] = _definition_needs(definition)
            needs_by_arn.update(new_needs)
            self._add(new_needs)
        return needs_by_arn

    def _add(self, new_needs: Mapping[str, Needs]) -> None:
        with self._lock:
            self._needs.update(new_needs)
            for arn in list(self._needs)[: max(0, len(self._needs) - _MOST_DEFINITIONS)]:
                del self._needs[arn]


def _definition_needs(definition: Mapping[str, Any]) -> Needs:
    node_properties = definition.get("nodeProperties") or {}
    nodes: int = node_properties.get("numNodes") or 0
    if not nodes:
        return Needs(single=_container_gpus(definition.get("containerProperties"), definition.get("ecsProperties")))
    ranges = []
    for group in node_properties.get("nodeRangeProperties") or []:
        first, colon, last = group.get("targetNodes", "").partition(":")
        gpus = _container_gpus(group.get("container"), group.get("ecsProperties"))
        ranges.append(_Range(int(first or 0), int((last or nodes - 1) if colon else first), gpus))
    # A range inside another range overrides the outer range.
    return Needs(nodes=nodes, ranges=tuple(sorted(ranges, key=lambda group: group.first - group.last)))


def _container_gpus(container: Mapping[str, Any] | None, ecs: Mapping[str, Any] | None) -> int:
    containers: list[Mapping[str, Any]] = [container] if container else []
    for task in (ecs or {}).get("taskProperties") or []:
        containers += task.get("containers") or []
    return sum(_gpus(container.get("resourceRequirements") or []) for container in containers)


def _gpus(requirements: Iterable[Mapping[str, str]]) -> int:
    values = (item.get("value", "") for item in requirements if item.get("type") == "GPU")
    return sum(int(value) for value in values if value.isdecimal())
