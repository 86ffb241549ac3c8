"""Model of the scheduler of Kueue 0.19.2: admission, fair sharing and preemption, cycle by cycle."""

from collections.abc import Mapping, Sequence

from fairlane.scheduler.kueue.objects import ClusterQueue, Cycle, FlavorResource, PreemptionStrategy, Workload


class Kueue:
    """Queues with their workloads. The caller starts each cycle and states its time.

    Args:
        queues: Queues with their quotas.
        fair_sharing: Rules of preemption with fair sharing, in their order. Default: None, without fair sharing.
    """

    def __init__(
        self, queues: Sequence[ClusterQueue], *, fair_sharing: Sequence[PreemptionStrategy] | None = None
    ) -> None:
        raise NotImplementedError

    def set_queue(self, queue: ClusterQueue) -> None:
        """Add a queue, or change its quota and policy. Workloads that run go on."""
        raise NotImplementedError

    def remove_queue(self, queue_name: str) -> None:
        """Remove a queue and all its workloads."""
        raise NotImplementedError

    def add(self, workload: Workload) -> None:
        """Add a workload.

        Raises:
            KeyError: If the queue does not exist.
            ValueError: If a workload of this name exists.
        """
        raise NotImplementedError

    def remove(self, workload_name: str) -> None:
        """Remove a workload that has finished or is no longer wanted. Its quota is free.

        Raises:
            KeyError: If the workload does not exist.
        """
        raise NotImplementedError

    def release(self, workload_name: str) -> None:
        """Free the quota of an evicted workload, whose pods have stopped. The workload waits again.

        Raises:
            KeyError: If the workload does not exist.
            ValueError: If the workload is not evicted.
        """
        raise NotImplementedError

    def cycle(self, now: float) -> Cycle:
        """Run one cycle at a time in seconds, and return its decisions. Without heads the cycle has no entries."""
        raise NotImplementedError

    def admitted(self) -> list[str]:
        """Return the names of the workloads that hold quota, including evicted ones."""
        raise NotImplementedError

    def waiting(self, queue_name: str) -> list[str]:
        """Return the names of the workloads that wait in a queue, in the order in which they are tried."""
        raise NotImplementedError

    def parked(self, queue_name: str) -> list[str]:
        """Return the names of the workloads that wait for a change of the cohort, in the order of their arrival."""
        raise NotImplementedError

    def usage(self, queue_name: str) -> Mapping[FlavorResource, int]:
        """Return what the admitted workloads of a queue hold."""
        raise NotImplementedError

    def share(self, queue_name: str) -> float:
        """Return the weighted dominant share of a queue: 1,000 times what it borrows of the cohort, by its weight."""
        raise NotImplementedError
