"""Job that the training operator follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlane.scheduler.kueue import Actions, ElasticJob
from fairlane_local.hyperpod.training.job_specs import JobSpec
from fairlane_local.hyperpod.training.pods import workload_of
from fairlane_local.kubernetes.errors import Object


@dataclass(slots=True)
class RunningJob:
    """Job between its submission and its end.

    Args:
        item: Object of the job.
        spec: Specification.
        elastic: Sizes of the job. Its Workloads are named `<namespace>/<job>-<number>`.
        priorities: Priorities of the first Workload and of the others.
        class_name: WorkloadPriorityClass. None without.
        restarts: Number of restarts after failures.

    Attributes:
        joined: Workloads whose pods are ready, so that the job can run on them.
        members: Workloads that the job runs on.
        world: Pods whose processes were started together, in the order of their ranks.
        must_stop: True if the processes are to be stopped.
        is_recovering: True if the processes stop because of a failure.
    """

    item: Object
    spec: JobSpec
    elastic: ElasticJob
    priorities: tuple[int, int]
    class_name: str | None
    restarts: int
    joined: set[str] = field(default_factory=set, init=False)
    members: set[str] = field(default_factory=set, init=False)
    world: list[str] = field(default_factory=list, init=False)
    must_stop: bool = field(default=False, init=False)
    is_recovering: bool = field(default=False, init=False)

    def evict(self, workload: str, now: float) -> Actions:
        """Note that Kueue has evicted a Workload."""
        self.joined.discard(workload)
        return self.elastic.evict(workload, now)

    def priority(self, workload: str) -> int:
        """Return the priority of a Workload."""
        return self.priorities[workload != self.elastic.first_workload]

    def indexes(self, workload: str) -> range:
        """Return the numbers of the replicas of a Workload."""
        start = 0
        for name in self.names():
            count = self.elastic.replicas(name)
            if name == workload:
                return range(start, start + count)
            start += count
        raise KeyError(workload)

    def workload(self, pod: Mapping[str, Any]) -> str:
        """Return the Workload of a pod."""
        return f"{pod['metadata']['namespace']}/{workload_of(pod)}"

    def pod_sets(self, workload: str) -> list[Object]:
        """Return the pods of a Workload by part."""
        replicas = [self.spec.replicas[index] for index in self.indexes(workload)]
        parts = {replica.part: replica.template for replica in replicas}
        return [
            {"name": name, "count": sum(replica.part == name for replica in replicas), "template": template}
            for name, template in parts.items()
        ]

    def state(self) -> object:
        """Return what a step of the operator can change."""
        sizes = self.elastic.phase, self.elastic.size, self.elastic.workloads()
        return sizes, sorted(self.joined), tuple(self.world), self.must_stop, self.is_recovering, self.restarts

    def names(self) -> list[str]:
        """Return the names of all Workloads that the job can have, the first one first."""
        prefix, _, number = self.elastic.first_workload.rpartition("-")
        return [f"{prefix}-{index:0{len(number)}}" for index in range(len(self.elastic.sizes))]
