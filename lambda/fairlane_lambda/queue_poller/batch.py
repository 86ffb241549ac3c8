"""What is asked of AWS Batch: calls that may fail without costing more than themselves, and definitions of jobs."""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from threading import Lock
from typing import Any, Final, NamedTuple

_AT_ONCE: Final = 100
_MOST: Final = 5_000


class Calls:
    """The calls of one poll of one queue.

    Args:
        client: boto3's client for AWS Batch.
        queue: the name of the queue, for the log.
        is_late: whether time runs out, so that no call is made any more.

    Attributes:
        errors: how many failed, or were not made.
    """

    def __init__(self, client: Any, queue: str, is_late: Callable[[], bool]) -> None:
        self._client = client
        self._is_late = is_late
        self._queue = queue
        self.errors = 0

    def __call__(self, operation: str, **request: object) -> dict[str, Any] | None:
        """The answer of a call, or None if it failed, boto3's retries included.

        Args:
            operation: as boto3 calls it.
            request: its parameters.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if self._is_late():
            self.errors += 1
            return None
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**request)
        except (BotoCoreError, ClientError) as error:
            self.errors += 1
            log_failure(self._queue, operation, error)
            return None
        return answer


def log_failure(queue: str, what: str, error: Exception) -> None:
    """Writes to the log what failed, and by what kind of error; never its message, which may name jobs.

    Args:
        queue: the name of the queue.
        what: what failed.
        error: how it failed.
    """
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    kind = answer.get("Error", {}).get("Code") or type(error).__name__
    print(f"{what} failed for queue {queue}: {kind}", file=sys.stderr)


class _Range(NamedTuple):
    first: int
    last: int
    gpus: int


class Needs(NamedTuple):
    """The GPUs that jobs of one revision of a job definition need.

    Attributes:
        alone: GPUs of a job that has no nodes.
        nodes: how many nodes a job has by definition, 0 if it is no multi-node job.
        ranges: the GPUs of nodes, widest range first.
    """

    alone: int = 0
    nodes: int = 0
    ranges: tuple[_Range, ...] = ()

    def gpus(self, nodes: int | None) -> int:
        """The GPUs of a job.

        Args:
            nodes: how many it has, if it was submitted with another number than the definition's: the definition's last
                range then ends with the last node.
        """
        if not self.nodes:
            return self.alone
        nodes = nodes or self.nodes
        of_node = [0] * nodes
        for first, last, gpus in self.ranges:
            end = nodes if last >= self.nodes - 1 else min(last + 1, nodes)
            of_node[first:end] = [gpus] * (end - first)
        return sum(of_node)


class Definitions:
    """Job definitions seen so far: a revision never changes, so each is asked for once. The last 5,000 are remembered.

    A revision that AWS no longer knows counts as one without GPUs, and so do definitions for EKS. Resource requirements
    that a job overrides at its submission are not seen: neither a listing nor a definition has them.
    """

    def __init__(self) -> None:
        self._known: dict[str, Needs] = {}
        self._lock = Lock()

    def needs(self, arns: Collection[str], calls: Calls) -> dict[str, Needs]:
        """What jobs of definitions need; definitions whose call failed are not in it.

        Args:
            arns: of revisions of job definitions.
            calls: what to ask for new ones with.
        """
        found = {arn: needs for arn in arns if (needs := self._known.get(arn))}
        new = sorted(set(arns) - found.keys())
        for start in range(0, len(new), _AT_ONCE):
            asked = new[start : start + _AT_ONCE]
            answer = calls("describe_job_definitions", jobDefinitions=asked)
            if answer is None:
                continue
            described = dict.fromkeys(asked, Needs())
            for definition in answer.get("jobDefinitions", []):
                described[definition.get("jobDefinitionArn", "")] = _read(definition)
            found.update(described)
            self._remember(described)
        return found

    def _remember(self, described: Mapping[str, Needs]) -> None:
        with self._lock:
            self._known.update(described)
            for arn in list(self._known)[: max(0, len(self._known) - _MOST)]:
                del self._known[arn]


def _read(definition: Mapping[str, Any]) -> Needs:
    node_properties = definition.get("nodeProperties") or {}
    nodes: int = node_properties.get("numNodes") or 0
    if not nodes:
        return Needs(alone=_container_gpus(definition.get("containerProperties"), definition.get("ecsProperties")))
    ranges = []
    for group in node_properties.get("nodeRangeProperties") or []:
        first, colon, last = group.get("targetNodes", "").partition(":")
        gpus = _container_gpus(group.get("container"), group.get("ecsProperties"))
        ranges.append(_Range(int(first or 0), int((last or nodes - 1) if colon else first), gpus))
    # A range within another one overrides it.
    return Needs(nodes=nodes, ranges=tuple(sorted(ranges, key=lambda group: group.first - group.last)))


def _container_gpus(container: Mapping[str, Any] | None, ecs: Mapping[str, Any] | None) -> int:
    containers: list[Mapping[str, Any]] = [container] if container else []
    for task in (ecs or {}).get("taskProperties") or []:
        containers += task.get("containers") or []
    return sum(_gpus(container.get("resourceRequirements") or []) for container in containers)


def _gpus(requirements: Iterable[Mapping[str, str]]) -> int:
    values = (need.get("value", "") for need in requirements if need.get("type") == "GPU")
    return sum(int(value) for value in values if value.isdecimal())
