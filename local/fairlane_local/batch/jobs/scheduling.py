"""Scheduling engine of the queues of one account and Region, kept equal to their records."""

from collections.abc import Iterator
from typing import Any, Final

from fairlane.scheduler import Engine, Listener, Strategies
from fairlane.scheduling import State
from fairlane.scheduling.api_records import capacity_limits, max_vcpus, scheduling_policy
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.batch.quota_shares import shares_of
from fairlane_local.batch.store import Batch, Record

_NO_ORDER: Final[Record] = {"serviceEnvironmentOrder": [], "computeEnvironmentOrder": []}


class Scheduling:
    """Source of the starts and stops of jobs.

    Args:
        batch: Records of the account and Region.
        listener: Listener to the starts and stops.
        options: Options of the jobs.

    Attributes:
        engine: Engine that schedules the jobs. Its names are the ARNs of queues and environments.
    """

    def __init__(self, batch: Batch, listener: Listener, options: JobOptions) -> None:
        self.engine = Engine(
            strategies=Strategies(stop_seconds=options.stop_seconds),
            pass_seconds=options.pass_seconds,
            listener=listener,
            external_stops=options.processes is not None,
        )
        self._batch = batch
        self._settings: dict[str, Any] = {}

    def next_moment(self) -> int | None:
        """Return the second of the next event. None if nothing is left to happen."""
        return self.engine.advance(self.engine.now)

    def advance(self, to: int, *, complete: bool = False) -> None:
        """Process all events before a second and the ends of runs at the second or, if complete, all of its events."""
        self.engine.advance(to, complete=complete)

    def synchronize(self) -> None:
        """Give the engine the environments and queues that have changed."""
        for arn, capacity, state in self._environments():
            if self._settings.get(arn) != (capacity, state):
                self.engine.set_environment(arn, capacity, state)
                self._settings[arn] = (capacity, state)
        for arn, queue in self._batch.queues.items():
            record = self._batch.policies.get(queue.get("schedulingPolicyArn", ""), {})
            # The API refuses jobs for a disabled queue or share. Jobs that are already there still start and finish.
            shares = [share | {"state": State.ENABLED} for share in shares_of(self._batch, queue)]
            settings = (scheduling_policy(record, shares), _environment_arns(queue), queue["priority"])
            if self._settings.get(arn) != settings:
                self.engine.set_queue(arn, settings[0], settings[1], priority=settings[2])
                self._settings[arn] = settings
        for arn in [arn for arn in self._settings if ":job-queue/" in arn and arn not in self._batch.queues]:
            del self._settings[arn]
            self.engine.remove_queue(arn)

    def instance_types(self, queue: str) -> list[str]:
        """Return the instance types of the compute environments of a queue."""
        arns = _environment_arns(self._batch.queues.get(queue, _NO_ORDER))
        environments = [
            self._batch.compute_environments[arn] for arn in arns if arn in self._batch.compute_environments
        ]
        resources = [environment.get("computeResources", {}) for environment in environments]
        return [name for resource in resources for name in resource.get("instanceTypes", [])]

    def _environments(self) -> Iterator[tuple[str, int | dict[str, int], State]]:
        for arn, environment in self._batch.service_environments.items():
            yield arn, capacity_limits(environment), State(environment["state"])
        for arn, environment in self._batch.compute_environments.items():
            yield arn, max_vcpus(environment), State(environment["state"])


def _environment_arns(queue: Record) -> list[str]:
    """Return the ARNs of the environments of a queue, in their order."""
    orders = queue["serviceEnvironmentOrder"] or queue["computeEnvironmentOrder"]
    key = "serviceEnvironment" if queue["serviceEnvironmentOrder"] else "computeEnvironment"
    return [order[key] for order in sorted(orders, key=lambda order: order["order"])]
