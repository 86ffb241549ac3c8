"""Training operator and Kueue of one cluster: new jobs, deleted jobs, and the order of all steps.

The operator of AWS is closed source. This one follows its documentation, and the model of an elastic job in
`fairlane.scheduler.kueue` decides the sizes. A Workload joins its job when all of its pods are ready. What must survive
a restart of the operator is in the objects of the cluster: the restarts in the status of a job, and the admitted
Workloads, by which a new operator finds the size of a job that runs.
"""

from collections.abc import Sequence
from typing import Final

from fairlane.hyperpod.manifest_fields import PRIORITY_CLASS, QUEUE_NAME
from fairlane.scheduler.kueue import ClusterQueue, ElasticJob, PreemptionStrategy
from fairlane_local.hyperpod.training.events import record
from fairlane_local.hyperpod.training.job_specs import JOB, JobSpec, job_mistakes, job_spec
from fairlane_local.hyperpod.training.job_status import has_ended, restarts
from fairlane_local.hyperpod.training.job_steps import JobSteps
from fairlane_local.hyperpod.training.kueue_controller import KueueController, split_name
from fairlane_local.hyperpod.training.kueue_objects import (
    POD_CLASS,
    WORKLOAD,
    WORKLOAD_CLASS,
    local_queue,
)
from fairlane_local.hyperpod.training.pods import OPERATOR
from fairlane_local.hyperpod.training.replicas import Replicas
from fairlane_local.hyperpod.training.running_job import RunningJob
from fairlane_local.hyperpod.training.workloads import EVICTED, RESERVED, has_condition
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import Object

_MOST_ROUNDS: Final = 100


class TrainingOperator:
    """Kueue and the training operator of one cluster.

    The caller holds the lock of the timeline, and calls `reconcile` when objects or agents have changed.

    Args:
        api: API of the cluster.
        replicas: Agents of the pods.

    Attributes:
        revision: Version of the newest change of an object that the operator has seen.
        replicas: Agents of the pods.
    """

    def __init__(self, api: KubernetesApi, replicas: Replicas) -> None:
        self.revision = -1
        self.replicas = replicas
        self._api = api
        self._kueue = KueueController(api)
        self._steps = JobSteps(api, self._kueue, replicas)
        self._jobs: dict[str, RunningJob] = {}
        self._again: float | None = None

    def reconcile(
        self, now: float, queues: Sequence[ClusterQueue] = (), sharing: tuple[PreemptionStrategy, ...] | None = None
    ) -> None:
        """Take all steps that are due, until nothing changes at this second.

        Kueue can preempt workloads in a circle for ever. Such a circle goes on a second later.

        Args:
            now: Second since the start of the clock.
            queues: Queues that have no object. Default: none.
            sharing: Rules of fair sharing. Default: without.
        """
        with self._api.store.lock:
            self._kueue.synchronize(queues, sharing)
            self._steps.remove_agents()
            self._follow_jobs(now)
            self._again = now + 1
            for _ in range(_MOST_ROUNDS):
                before = self._state()
                self._kueue.schedule(now)
                for job in self._jobs.values():
                    for name in self._kueue.take_evicted(job.elastic.workloads()):
                        self._steps.carry_out(job, job.evict(name, now))
                    self._steps.drive(job, now)
                if self._state() == before:
                    self._again = None
                    break
            self.revision = self._api.store.revision

    def next_moment(self) -> float | None:
        """Return the second of the next change that is due by time alone. None without."""
        moments = [job.elastic.deadline for job in self._jobs.values()] + [self.replicas.next_moment(), self._again]
        moments += [job.elastic.stop_deadline for job in self._jobs.values()]
        return min((moment for moment in moments if moment is not None), default=None)

    def _state(self) -> object:
        statuses = {pod: self.replicas.status(pod) for pod in self.replicas.pods()}
        return self._api.store.revision, statuses, [job.state() for job in self._jobs.values()]

    def _follow_jobs(self, now: float) -> None:
        """Take up new jobs, and forget those that are deleted."""
        items = {item["metadata"]["uid"]: item for item in self._api.store.items(JOB)}
        for uid in [uid for uid in self._jobs if uid not in items]:
            for workload in self._jobs.pop(uid).elastic.workloads():
                self._kueue.remove(workload)
        for uid, item in items.items():
            if uid in self._jobs:
                self._report_change(self._jobs[uid], item)
            elif not has_ended(item):
                job = self._new_job(item, now)
                if job is not None:
                    self._jobs[uid] = job

    def _report_change(self, job: RunningJob, item: Object) -> None:
        """Record a warning if the specification of a job has changed, which has no effect on it."""
        if item["spec"] != job.item["spec"]:
            text = "The job keeps the specification with which it began: delete it, and apply the new one"
            record(self._api, OPERATOR, item, "SpecChanged", text, warning=True)

    def _new_job(self, item: Object, now: float) -> RunningJob | None:
        """Return a job whose first Workload is queued, or that goes on after a restart of the operator.

        None if the job has failed, or if it waits for its queue.
        """
        self._steps.statuses.create(item)
        mistakes = list(job_mistakes(item))
        if mistakes:
            self._steps.statuses.fail(item, "InvalidSpec", "; ".join(mistakes))
            return None
        spec = job_spec(item)
        class_name = item["metadata"].get("labels", {}).get(PRIORITY_CLASS)
        priorities = self._priorities(spec, class_name)
        if isinstance(priorities, str):
            self._steps.statuses.fail(item, "UnknownPriorityClass", priorities)
            return None
        queue = self._queue_of(item)
        if queue is None:
            return None
        flavor = self._kueue.flavor(queue, spec.instance_type)
        if flavor is None:
            self._let_wait(item, f"ClusterQueue {queue} has no flavor for instance type {spec.instance_type}")
            return None
        elastic = ElasticJob(
            job_name=f"{item['metadata']['namespace']}/{item['metadata']['name']}",
            queue=queue,
            policy=spec.policy,
            requests=self._kueue.covered(queue, flavor, spec.requests()),
            first_size=spec.first_size,
            priority=priorities[0],
            elastic_priority=priorities[1],
            scale_up_snooze_seconds=spec.snooze_seconds,
        )
        job = RunningJob(item, spec, elastic, priorities, class_name, restarts(item))
        self._submit(job, now)
        return job

    def _submit(self, job: RunningJob, now: float) -> None:
        """Queue the first Workload of a job, or find the size of a job that runs since before a restart."""
        elastic, first = job.elastic, job.elastic.first_workload
        actions = [elastic.submit(now)]
        reserved = {name for name in job.names() if self._has_quota(name)}
        if first in reserved and (running := self._steps.find_running(job)):
            job.joined = {first, *(reserved & running)}
            actions += [elastic.admit(name, now) for name in job.names() if name in job.joined]
            if len(job.joined) > 1:
                later = now + job.spec.policy.scaling_timeout_seconds
                actions += [elastic.advance(later), elastic.stopped(now)]
            job.members = set(job.joined)
        added = {workload.workload_name: workload for each in actions for workload in each.add}
        for name in elastic.workloads():
            self._kueue.add(added[name], reserved_at=now if name in reserved else None)
            self._steps.put_workload(job, name)
        for name in reserved - set(elastic.workloads()):
            self._kueue.workloads.delete(*split_name(name))

    def _has_quota(self, workload: str) -> bool:
        item = self._api.store.find(WORKLOAD, *split_name(workload))
        return item is not None and has_condition(item, RESERVED) and not has_condition(item, EVICTED)

    def _queue_of(self, item: Object) -> str | None:
        """Return the ClusterQueue of a job. None if a queue does not exist: the job then waits."""
        namespace = item["metadata"]["namespace"]
        name = item["metadata"].get("labels", {}).get(QUEUE_NAME, "")
        found = local_queue(self._api, namespace, name)
        if found is None:
            self._let_wait(item, f"LocalQueue {name} doesn't exist" if name else f"the label {QUEUE_NAME} is missing")
            return None
        queue: str = found["spec"]["clusterQueue"]
        if not self._kueue.has_queue(queue):
            self._let_wait(item, f"ClusterQueue {queue} doesn't exist")
            return None
        return queue

    def _let_wait(self, item: Object, text: str) -> None:
        record(self._api, OPERATOR, item, "Inadmissible", text, warning=True)
        self._steps.statuses.wait(item, "Inadmissible", text)

    def _priorities(self, spec: JobSpec, class_name: str | None) -> tuple[int, int] | str:
        """Return the priorities of the first Workload and of the slices, or a sentence on a class that does not exist.

        The label of a job counts before the PriorityClasses of its pods, as in Kueue.
        """
        if class_name:
            found = self._api.store.find(WORKLOAD_CLASS, "", class_name)
            text = f'{WORKLOAD_CLASS.resource} "{class_name}" not found'
            return (found["value"], found["value"]) if found else text
        priorities = []
        for replica in (spec.replicas[0], spec.replicas[-1]):
            name = replica.template["spec"].get("priorityClassName")
            found = self._api.store.find(POD_CLASS, "", name) if name else {"value": 0}
            if found is None:
                return f'{POD_CLASS.resource} "{name}" not found'
            priorities.append(found["value"])
        return priorities[0], priorities[1]
