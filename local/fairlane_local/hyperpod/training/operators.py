"""Training operators of all clusters of a local AWS, as a source of events."""

import math
from collections.abc import Sequence
from typing import Final

from fairlane.scheduler.kueue import ClusterQueue, PreemptionStrategy
from fairlane_local.hyperpod.training.governance import fair_sharing, idle_queue
from fairlane_local.hyperpod.training.process_replicas import ProcessReplicas
from fairlane_local.hyperpod.training.replicas import Replicas
from fairlane_local.hyperpod.training.simulated_replicas import SimulatedReplicas
from fairlane_local.hyperpod.training.training_operator import TrainingOperator
from fairlane_local.kubernetes.access import ClusterLocation
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.clusters import cluster_locations, kubernetes_api
from fairlane_local.simulation import Simulation

_current: Final[list["Operators"]] = []


class Operators:
    """Training operators of a local AWS. They look at a cluster at the end of each second in which it has changed.

    With processes, they also do so at once when the status of an agent changes.

    Args:
        simulation: Timeline, options and runner of the local AWS.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._timeline = simulation.timeline
        self._operators: dict[ClusterLocation, tuple[KubernetesApi, TrainingOperator]] = {}
        self._looked = -1
        self._timeline.add(self, permanent=True)

    def next_moment(self) -> int | None:
        """Return the second of the next event."""
        moments = []
        for api, operator in self._present():
            if api.store.revision != operator.revision:
                moments.append(self._timeline.second)
            elif (moment := operator.next_moment()) is not None:
                moments.append(max(math.ceil(moment), self._looked + 1))
        return min(moments, default=None)

    def advance(self, to: int, *, complete: bool = False) -> None:
        """Carry out what is due at a second, at its end."""
        if not complete:
            return
        for api, operator in self._present():
            moment = operator.next_moment()
            if api.store.revision != operator.revision or (moment is not None and moment <= to):
                self._reconcile(api, operator, to)
        self._looked = to

    def agent_changed(self) -> None:
        """Look at the clusters at once, because the status of an agent has changed."""
        with self._timeline.lock:
            self._timeline.catch_up()
            for api, operator in self._present():
                self._reconcile(api, operator, self._timeline.second)
        self._timeline.wake()

    def operator(self, location: ClusterLocation) -> TrainingOperator:
        """Return the operator of a cluster.

        Raises:
            LocalAwsError: If the cluster does not exist.
        """
        api = kubernetes_api(*location)
        known = self._operators.get(location)
        if known is None or known[0] is not api:
            if known is not None:
                known[1].replicas.close()
            self._operators[location] = api, TrainingOperator(api, self._replicas(location))
        return self._operators[location][1]

    def close(self) -> None:
        """End all agents."""
        for _, operator in self._operators.values():
            operator.replicas.close()

    def _replicas(self, location: ClusterLocation) -> Replicas:
        runner = self._simulation.runner
        if runner is None:
            return SimulatedReplicas(self._simulation.options, self._timeline)
        return ProcessReplicas(runner, location, self.agent_changed)

    def _present(self) -> Sequence[tuple[KubernetesApi, TrainingOperator]]:
        """Return the APIs and operators of the clusters that exist."""
        locations = cluster_locations()
        for location in [location for location in self._operators if location not in locations]:
            self._operators.pop(location)[1].replicas.close()
        for location in locations:
            self.operator(location)
        return [self._operators[location] for location in locations]

    def _reconcile(self, api: KubernetesApi, operator: TrainingOperator, now: int) -> None:
        location = next(place for place, known in self._operators.items() if known[1] is operator)
        operator.replicas.advance(now)
        queues: list[ClusterQueue] = [queue for queue in (idle_queue(location, api),) if queue]
        sharing: tuple[PreemptionStrategy, ...] | None = fair_sharing(location)
        operator.reconcile(now, queues, sharing)


def set_operators(operators: Operators) -> None:
    """Set the operators of a local AWS that starts."""
    _current[:] = [operators]


def current_operators() -> Operators:
    """Return the operators of the local AWS that started last in this process."""
    return _current[-1]
