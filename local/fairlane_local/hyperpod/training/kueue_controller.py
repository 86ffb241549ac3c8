"""Controller of Kueue: the queues of a cluster in the model of Kueue, and its decisions in Workload objects."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from fairlane.scheduler.kueue import (
    Actions,
    ClusterQueue,
    Decision,
    FlavorResource,
    Kueue,
    PreemptionStrategy,
    Workload,
)
from fairlane_local.hyperpod.training.kueue_objects import cluster_queues
from fairlane_local.hyperpod.training.workloads import Workloads
from fairlane_local.kubernetes.api import KubernetesApi

_MESSAGES: Final[Mapping[Decision, str]] = {
    Decision.PREEMPT: "Waits until the workloads that it preempts have stopped",
    Decision.NO_CANDIDATES: "Insufficient unused quota, and no workload that may be preempted",
    Decision.NO_FIT: "Insufficient quota: the request is above what the ClusterQueue can use",
    Decision.SKIP_OVERLAP: "Another workload preempts the same workloads",
    Decision.SKIP_NO_LONGER_FITS: "Another workload took the unused quota",
}
_TICK: Final = 1e-6
"""Seconds between two cycles, so that the newest of the admissions of a second is known."""


def split_name(workload: str) -> tuple[str, str]:
    """Return namespace and name of a Workload of the model, whose names are unique in the cluster."""
    namespace, _, name = workload.partition("/")
    return namespace, name


class KueueController:
    """Queues and Workloads of a cluster.

    Args:
        api: API of the cluster.

    Attributes:
        workloads: Workload objects.
    """

    def __init__(self, api: KubernetesApi) -> None:
        self.workloads = Workloads(api)
        self._api = api
        self._queues: dict[str, ClusterQueue] = {}
        self._known: dict[str, Workload] = {}
        self._evicted: set[str] = set()
        self._untold: set[str] = set()
        self._sharing: tuple[PreemptionStrategy, ...] | None = None
        self._kueue = Kueue([])
        self._time = 0.0

    def synchronize(self, queues: Iterable[ClusterQueue], sharing: tuple[PreemptionStrategy, ...] | None) -> None:
        """Give the model the queues of the cluster, and more queues that have no object.

        A queue without an object stays while workloads hold its quota, as with Kueue's finalizer, and without any quota
        while workloads wait for it.

        Args:
            queues: More queues.
            sharing: Rules of fair sharing. None without.
        """
        wanted = {queue.queue_name: queue for queue in (*cluster_queues(self._api), *queues)}
        held = {self._known[name].queue for name in self._kueue.admitted()}
        used = {workload.queue for workload in self._known.values()}
        orphans = {name: queue for name, queue in self._queues.items() if name in used - wanted.keys()}
        wanted |= {name: queue if name in held else _closed(queue) for name, queue in orphans.items()}
        if sharing != self._sharing:
            self._sharing = sharing
            self._rebuild(wanted)
            return
        for name in [name for name in self._queues if name not in wanted]:
            self._kueue.remove_queue(name)
        for name, queue in wanted.items():
            if self._queues.get(name) != queue:
                self._kueue.set_queue(queue)
        self._queues = wanted

    def has_queue(self, name: str) -> bool:
        """Return True if a queue exists."""
        return name in self._queues

    def flavor(self, queue: str, instance_type: str | None) -> str | None:
        """Return the flavor of a queue for an instance type, or its first flavor. None if it has none."""
        flavors = dict.fromkeys(key.flavor for key in self._queues[queue].nominal)
        return instance_type if instance_type in flavors else None if instance_type else next(iter(flavors), None)

    def covered(self, queue: str, flavor: str, requests: Mapping[str, int]) -> dict[FlavorResource, int]:
        """Return those of the requests that the queue has a quota for. Others are not counted, for example EFA."""
        keys = {FlavorResource(flavor, name): amount for name, amount in requests.items()}
        return {key: amount for key, amount in keys.items() if key in self._queues[queue].nominal}

    def is_admitted(self, workload: str) -> bool:
        """Return True if a workload holds quota."""
        return workload in self._kueue.admitted()

    def add(self, workload: Workload, *, reserved_at: float | None = None) -> None:
        """Add a workload, which waits or already holds quota."""
        added = replace(workload, reserved_at=reserved_at)
        self._known[workload.workload_name] = added
        self._kueue.add(added)

    def carry_out(self, actions: Actions) -> None:
        """Release, remove and add the Workloads of a job. Objects of added ones are made by the caller."""
        for name in actions.release:
            waiting = replace(self._known[name], reserved_at=None)
            if name in self._evicted:
                self._evicted.remove(name)
                self._kueue.release(name)
                self._known[name] = waiting
            else:  # the model was started anew
                self.remove(name)
                self.add(waiting)
            self.workloads.release(*split_name(name))
        for name in actions.remove:
            self.remove(name)
            self.workloads.delete(*split_name(name))
        for workload in actions.add:
            self.add(workload)

    def remove(self, workload: str) -> None:
        """Remove a workload from the model, if it is there."""
        self._evicted.discard(workload)
        self._untold.discard(workload)
        if self._known.pop(workload, None) is not None:
            self._kueue.remove(workload)

    def is_evicted(self, workload: str) -> bool:
        """Return True if a workload is evicted and still holds quota."""
        return workload in self._evicted

    def take_evicted(self, workloads: Iterable[str]) -> list[str]:
        """Return those of the workloads that Kueue has evicted since the latest call."""
        found = [name for name in workloads if name in self._untold]
        self._untold -= {*found}
        return found

    def schedule(self, now: float) -> None:
        """Run cycles until nothing changes."""
        settled = False
        while not settled:
            self._time = max(now, self._time + _TICK)
            cycle = self._kueue.cycle(self._time)
            settled = cycle.settled
            causes = {
                target.workload: (str(target.reason), entry.workload)
                for entry in cycle.entries
                if entry.decision is Decision.PREEMPT
                for target in entry.targets
            }
            for entry in cycle.entries:
                place = split_name(entry.workload)
                if entry.decision is Decision.ADMIT:
                    self._known[entry.workload] = replace(self._known[entry.workload], reserved_at=self._time)
                    self.workloads.reserve(*place, self._known[entry.workload].queue)
                else:
                    self.workloads.wait(*place, _MESSAGES[entry.decision])
            for name in cycle.evicted:
                self.workloads.evict(*split_name(name), *causes[name])
                self._evicted.add(name)
                self._untold.add(name)

    def _rebuild(self, queues: Mapping[str, ClusterQueue]) -> None:
        """Start the model anew, because fair sharing has changed."""
        self._queues = dict(queues)
        self._kueue = Kueue(list(queues.values()), fair_sharing=self._sharing)
        self._evicted.clear()
        for workload in self._known.values():
            self._kueue.add(workload)


def _closed(queue: ClusterQueue) -> ClusterQueue:
    """Return a queue that admits nothing."""
    none = dict.fromkeys(queue.nominal, 0)
    return replace(queue, nominal=none, borrowing_limits=none, lending_limits=None)
