"""Steps of one job of the training operator: its pods, the starts and stops of its processes, failures and its end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fairlane.hyperpod.manifest_fields import QUEUE_NAME
from fairlane.scheduler.kueue import Actions, Phase
from fairlane_local.hyperpod.training.events import record
from fairlane_local.hyperpod.training.job_status import JobStatuses
from fairlane_local.hyperpod.training.kueue_controller import KueueController, split_name
from fairlane_local.hyperpod.training.kueue_objects import WORKLOAD
from fairlane_local.hyperpod.training.pods import OPERATOR, Pods, job_pods, pod_index
from fairlane_local.hyperpod.training.replicas import Replicas, Status
from fairlane_local.hyperpod.training.running_job import RunningJob
from fairlane_local.hyperpod.training.workloads import workload_object
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.errors import Object

_STOPPED: Final = (Status.COMPLETED, Status.FAULTED)
"""Statuses of agents that must be stopped before they can start again."""
_ACTIVE: Final = (Status.RUNNING, Status.STOPPING, Status.COMPLETED)


class JobSteps:
    """Steps of the jobs of a cluster. Each looks at the agents and the objects, and does what is missing.

    Args:
        api: API of the cluster.
        kueue: Kueue of the cluster.
        replicas: Agents of the pods.

    Attributes:
        statuses: Statuses of the jobs.
    """

    def __init__(self, api: KubernetesApi, kueue: KueueController, replicas: Replicas) -> None:
        self.statuses = JobStatuses(api)
        self._api = api
        self._kueue = kueue
        self._replicas = replicas
        self._pods = Pods(api)

    def carry_out(self, job: RunningJob, actions: Actions) -> None:
        """Carry out the changes of Workloads, after the pods of those that stop are deleted."""
        gone = {*actions.release, *actions.remove}
        for pod in self._pods.of_job(job.item) if gone else ():
            if job.workload(pod) in gone:
                self._delete(pod)
        job.joined -= gone
        self._kueue.carry_out(actions)
        for workload in actions.add:
            self.put_workload(job, workload.workload_name)
        job.must_stop = job.must_stop or actions.stop
        if actions.start:
            job.members = set(job.joined)

    def put_workload(self, job: RunningJob, name: str) -> None:
        """Create the object of a Workload, unless it exists from before a restart of the operator."""
        namespace, own_name = split_name(name)
        if self._api.store.find(WORKLOAD, namespace, own_name) is None:
            queue, priority = job.item["metadata"]["labels"][QUEUE_NAME], job.priority(name)
            item = workload_object(job.item, own_name, queue, job.pod_sets(name), priority, job.class_name)
            self._api.create(WORKLOAD, namespace, item)

    def find_running(self, job: RunningJob) -> set[str]:
        """Find the processes that run since before a restart of the operator, and return their Workloads."""
        pods = [pod for pod in self._pods.of_job(job.item) if self._status(_uid(pod)) in _ACTIVE]
        job.world = [_uid(pod) for pod in pods]
        return {job.workload(pod) for pod in pods}

    def drive(self, job: RunningJob, now: float) -> None:
        """Take the next steps of a job."""
        if not job.elastic.workloads():
            return
        pods = self._pods_with_agents(job)
        self._join(job, pods, now)
        deadline = job.elastic.deadline
        if deadline is not None and deadline <= now and not job.is_recovering:
            self.carry_out(job, job.elastic.advance(now))
        pods = [pod for pod in pods if _uid(pod) in self._replicas.pods()]
        if job.elastic.phase is Phase.STOPPING:
            self._stop(job, now)
        else:
            self._run(job, pods)
        if job.elastic.workloads():
            statuses = {_uid(pod): self._status(_uid(pod)) for pod in pods}
            self.statuses.update(job, pods, statuses)

    def remove_agents(self) -> None:
        """End the agents of pods that were deleted, for example with their job or by a user."""
        existing = {_uid(pod) for pod in job_pods(self._api)}
        for uid in self._replicas.pods() - existing:
            self._replicas.remove(uid)

    def _pods_with_agents(self, job: RunningJob) -> list[Object]:
        """Create missing pods of the admitted Workloads, and return the pods that have an agent."""
        pods = {pod_index(pod): pod for pod in self._pods.of_job(job.item)}
        found = []
        for name in (name for name in job.elastic.workloads() if self._kueue.is_admitted(name)):
            for index in job.indexes(name):
                pod = pods.get(index) or self._pods.create(job.item, job.spec, index, split_name(name)[1])
                if pod is None:
                    break
                if _uid(pod) not in self._replicas.pods():
                    if not self._pods.assign(pod):
                        continue
                    self._replicas.launch(pod)
                self._pods.set_status(pod, self._status(_uid(pod)), self._replicas.message(_uid(pod)))
                found.append(pod)
        return sorted(found, key=pod_index)

    def _join(self, job: RunningJob, pods: Sequence[Object], now: float) -> None:
        """Let the Workloads whose pods are all ready join the job, the first one first."""
        ready = Counter(job.workload(pod) for pod in pods if self._status(_uid(pod)) is Status.READY)
        for name in job.elastic.workloads():
            if name not in job.joined and ready[name] == len(job.indexes(name)) and not self._kueue.is_evicted(name):
                job.joined.add(name)
                self.carry_out(job, job.elastic.admit(name, now))

    def _stop(self, job: RunningJob, now: float) -> None:
        """Stop the processes of a job, and let it start at its next size when all have ended."""
        world = {pod: self._status(pod) for pod in job.world}
        if world and all(status is Status.COMPLETED for status in world.values()):
            self._finish(job)
            return
        running = [pod for pod, status in world.items() if status is Status.RUNNING]
        deadline = job.elastic.stop_deadline or now
        if job.must_stop:
            job.must_stop = False
            self._replicas.stop(running, graceful_seconds=max(0.0, deadline - now))
            text = f"Stopping {len(running)} replicas, which save a checkpoint, to change the size of the job"
            record(self._api, OPERATOR, job.item, "Scaling", text)
        elif deadline <= now:
            self._replicas.stop(running, graceful_seconds=None)
        self._replicas.stop([pod for pod in world if self._status(pod) in _STOPPED], graceful_seconds=None)
        if all(self._status(pod) in (Status.READY, Status.ENDED) for pod in world):
            job.world, job.is_recovering = [], False
            self.carry_out(job, job.elastic.stopped(now))

    def _run(self, job: RunningJob, pods: Sequence[Object]) -> None:
        """Start the processes of a job, and follow their ends and failures."""
        if not job.world and job.elastic.phase is Phase.RUNNING:
            self._start(job, pods)
        statuses = [self._status(pod) for pod in job.world]
        ended = [pod for pod in pods if self._status(_uid(pod)) is Status.ENDED]
        if statuses and all(status is Status.COMPLETED for status in statuses):
            self._finish(job)
        elif ended or any(status in (Status.FAULTED, Status.ENDED) for status in statuses):
            self._fail(job, ended)
        elif statuses and all(status is Status.READY for status in statuses):
            job.world, job.is_recovering = [], False

    def _fail(self, job: RunningJob, ended: Sequence[Object]) -> None:
        """Stop the processes after a failure, and replace the pods whose agents have ended."""
        if not job.is_recovering:
            job.restarts += 1
            cause = next((self._replicas.message(_uid(pod)) for pod in ended), "") or "a process has failed"
            if job.restarts > job.spec.retries:
                self._finish(job, failure=f"{cause}, and the job had {job.spec.retries} restarts")
                return
            text = f"Restart {job.restarts} of at most {job.spec.retries}: {cause}"
            record(self._api, OPERATOR, job.item, "Restarting", text, warning=True)
            alive = [pod for pod in job.world if self._status(pod) is not Status.ENDED]
            self._replicas.stop(alive, graceful_seconds=None)
        for pod in ended:
            self._delete(pod)
        job.world = [pod for pod in job.world if pod in self._replicas.pods()]
        job.is_recovering = bool(job.world)

    def _start(self, job: RunningJob, pods: Sequence[Object]) -> None:
        """Start the processes when the agents of all replicas of the size are ready."""
        members = [pod for pod in pods if job.workload(pod) in job.members]
        uids = [*map(_uid, members)]
        if len(uids) == job.elastic.size and all(self._status(uid) is Status.READY for uid in uids):
            job.world = uids
            self._replicas.start(uids, job.restarts)
            record(self._api, OPERATOR, job.item, "Started", f"Started {len(uids)} replicas")
            self.statuses.scale(job.item, members)

    def _finish(self, job: RunningJob, *, failure: str = "") -> None:
        """End a job. Its pods stay without their agents if `cleanPodPolicy` says so."""
        text = failure or "All processes have exited with 0"
        for name in job.elastic.workloads():
            self._kueue.workloads.finish(*split_name(name), text, succeeded=not failure)
            self._kueue.remove(name)
        job.elastic.finish()
        policy = (job.item["spec"].get("runPolicy") or {}).get("cleanPodPolicy", "All")
        for pod in self._pods.of_job(job.item):
            if policy == "All" or (policy == "OnlyComplete" and not failure):
                self._delete(pod)
            else:
                self._pods.finish(pod, succeeded=not failure)
                self._remove_agent(_uid(pod))
        if failure:
            self.statuses.fail(job.item, "RetriesExceeded", failure)
        else:
            self.statuses.complete(job.item)

    def _delete(self, pod: Mapping[str, Any]) -> None:
        self._pods.delete(pod)
        self._remove_agent(_uid(pod))

    def _remove_agent(self, uid: str) -> None:
        if uid in self._replicas.pods():
            self._replicas.remove(uid)

    def _status(self, uid: str) -> Status:
        """Return the status of an agent. An agent that is gone has ended."""
        return self._replicas.status(uid) if uid in self._replicas.pods() else Status.ENDED


def _uid(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["uid"])
