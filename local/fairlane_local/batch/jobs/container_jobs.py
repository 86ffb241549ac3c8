"""Batch API calls for container jobs."""

from collections import deque
from itertools import count
from typing import Any, Final
from uuid import uuid4

from fairlane.scheduler import Outcome
from fairlane.scheduling import FairShare
from fairlane_client.checks.container_job_rules import container_job_refusals
from fairlane_local.batch.errors import RequestError, ThrottlingError, refuse
from fairlane_local.batch.job_definitions import active_definition
from fairlane_local.batch.jobs.consumables import Consumables
from fairlane_local.batch.jobs.container_job import ContainerJob
from fairlane_local.batch.jobs.container_requests import container_spec
from fairlane_local.batch.jobs.containers import Containers
from fairlane_local.batch.jobs.dependencies import Dependencies, DependencyList
from fairlane_local.batch.jobs.job import FAILED, RUNNABLE, SUCCEEDED, Attempt
from fairlane_local.batch.jobs.lifecycle import KILLED, Lifecycle
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.batch.jobs.retries import retries_after
from fairlane_local.batch.jobs.share_rules import check_share
from fairlane_local.batch.jobs.simulation_tags import FAILS, run_seconds
from fairlane_local.batch.rules import check_bulk
from fairlane_local.batch.store import Batch, Record, Request, get
from fairlane_local.batch.throttle import Throttle
from fairlane_local.processes.containers import ContainerWork
from fairlane_local.processes.runner import Runner
from fairlane_local.processes.work import End

_EXITED: Final = "Essential container in task exited"
_TIMED_OUT: Final = "Job attempt duration exceeded timeout"
_NOT_STARTED: Final = "Task failed to start"
_OUT_OF_MEMORY: Final = "OutOfMemoryError: Container killed due to memory usage"
_DEPENDENT_FAILED: Final = "Dependent Job failed"
_CHILD_FAILED: Final = "Array Child Job failed"
_MAX_TAGS: Final = 50
_WAITING: Final = ("SUBMITTED", "PENDING", RUNNABLE)


class ContainerJobs:
    """Container jobs of one account and Region.

    Args:
        batch: Records of the account and Region.
        lifecycle: Lifecycle of all jobs.
        options: Options of the jobs.
        throttle: Request rates.
    """

    def __init__(self, batch: Batch, lifecycle: Lifecycle, options: JobOptions, throttle: Throttle) -> None:
        self._batch = batch
        self._lifecycle = lifecycle
        self._options = options
        self._throttle = throttle
        self._containers = Containers(batch)
        self._dependencies = Dependencies(lifecycle.jobs)
        self._consumables = Consumables(batch)
        self._numbers = count()
        self._ended: deque[ContainerJob] = deque()
        synchronize = batch.on_change

        def on_change() -> None:
            synchronize()
            self._admit()

        batch.on_change = on_change

    def submit_job(self, request: Request) -> Record:
        if not self._throttle.admits("submit_job"):
            raise ThrottlingError("Too Many Requests")
        refuse(container_job_refusals(request))
        queue = self._queue(request["jobQueue"])
        if queue["state"] != "ENABLED":
            raise RequestError(f"Job queue {queue['jobQueueName']} is DISABLED.")
        definition = active_definition(self._batch, request["jobDefinition"])
        policy = check_share(self._batch, self._lifecycle.jobs, queue, request)
        priority = request.get("schedulingPriorityOverride", definition.get("schedulingPriority"))
        size = request.get("arrayProperties", {}).get("size")
        spec, units = container_spec(self._batch, request, definition, is_fair_share=isinstance(policy, FairShare))
        dependencies = self._dependencies.read(request)
        tags = dict(request.get("tags", {}))
        job_id = str(uuid4())
        members: dict[str, Any] = {
            "kind": self,
            "name": request["jobName"],
            "queue": queue["jobQueueArn"],
            "created": self._batch.now(),
            "share": request.get("shareIdentifier", ""),
            "priority": priority,
            "units": units,
            "run_seconds": run_seconds(tags, self._options.run_seconds),
            "failure": tags.get(FAILS),
            "retry": spec.detail["retryStrategy"],
            "timeout_seconds": spec.detail.get("timeout", {}).get("attemptDurationSeconds"),
            "tags": tags,
            "spec": spec,
        }
        arn = self._batch.arn(f"job/{job_id}")
        job = ContainerJob(arn=arn, id=job_id, number=next(self._numbers), **members)
        self._lifecycle.add(job, size or 1)
        if spec.detail["propagateTags"] and len({**definition["tags"], **tags}) > _MAX_TAGS:
            self._fail(job, f"The number of tags of a job and its job definition cannot exceed {_MAX_TAGS}.")
        elif size:
            self._begin_array(job, members, size, dependencies)
        else:
            self._begin(job, dependencies)
        return {"jobArn": job.arn, "jobName": job.name, "jobId": job.id}

    def cancel_job(self, request: Request) -> Record:
        self._cancel(self._job(request["jobId"]), request["reason"])
        return {}

    def cancel_jobs(self, request: Request) -> Record:
        for job in self._known(request["jobs"]):
            self._cancel(job, request["reason"])
        return {"successful": request["jobs"], "errors": []}

    def terminate_job(self, request: Request) -> Record:
        self._terminate(self._job(request["jobId"]), request["reason"])
        return {}

    def terminate_jobs(self, request: Request) -> Record:
        for job in self._known(request["jobs"]):
            self._terminate(job, request["reason"])
        return {"successful": request["jobs"], "errors": []}

    def new_attempt(self, job: ContainerJob) -> Attempt:
        """Start a task."""
        self._consumables.start(job)
        return self._containers.create(job.queue, job.spec.definition, job.spec.nodes)

    def plan(self, job: ContainerJob) -> tuple[int, Outcome, str]:
        """Return when and how an attempt ends: as the tags of its job say, or at the timeout."""
        assert job.attempt
        job.attempt.exit_code = job.spec.exit_code
        if job.timeout_seconds is not None and job.timeout_seconds < job.run_seconds:
            job.attempt.exit_code = KILLED
            return job.timeout_seconds, Outcome.REFUSED, _TIMED_OUT
        if not job.spec.exit_code:
            return job.run_seconds, Outcome.SUCCEEDED, _EXITED
        reason = job.failure or _EXITED
        facts = {"onStatusReason": reason, "onExitCode": str(job.spec.exit_code)}
        return job.run_seconds, Outcome.FAILED if retries_after(job.retry, facts) else Outcome.REFUSED, reason

    def work(self, job: ContainerJob, attempt: Attempt, runner: Runner) -> ContainerWork:
        """Return the process of a container, or of each node."""
        batch = self._batch
        order = batch.queues[job.queue]["computeEnvironmentOrder"][0]
        return ContainerWork(
            job,
            attempt,
            environment_name=order["computeEnvironment"].rpartition("/")[2],
            options=runner.options,
            environment=lambda: runner.environment(batch.account_id, batch.region),
            secret=lambda name: runner.secret(batch.account_id, batch.region, name),
            limits={} if job.timeout_seconds is None else {_TIMED_OUT: job.timeout_seconds},
        )

    def outcome(self, job: ContainerJob, end: End) -> tuple[Outcome, str]:
        """Return the outcome and the reason of an attempt whose processes have ended."""
        assert job.attempt
        job.attempt.exit_code = end.exit_code
        job.attempt.container_reason = _OUT_OF_MEMORY if end.out_of_memory else end.reason
        if end.limit:
            return Outcome.REFUSED, end.limit
        if end.exit_code == 0:
            return Outcome.SUCCEEDED, _EXITED
        reason = _EXITED if end.exit_code is not None else _NOT_STARTED
        facts = {"onStatusReason": reason, "onReason": job.attempt.container_reason}
        if end.exit_code is not None:
            facts["onExitCode"] = str(end.exit_code)
        return Outcome.FAILED if retries_after(job.retry, facts) else Outcome.REFUSED, reason

    def ended(self, job: ContainerJob) -> None:
        """Begin or fail the jobs that waited for a job, and end its array job after the last child."""
        self._ended.append(job)
        if len(self._ended) > 1:
            return  # a job that ends within the loop, which may be the next of thousands in a chain
        while self._ended:
            self._settle(self._ended[0])
            self._ended.popleft()

    def forgotten(self, job: ContainerJob) -> None:
        """Forget the log streams of a job."""
        self._containers.forget(job.attempts)

    def _begin_array(self, job: ContainerJob, members: dict[str, Any], size: int, dependencies: DependencyList) -> None:
        job.children = tuple(
            ContainerJob(
                arn=f"{job.arn}:{index}",
                id=f"{job.id}:{index}",
                number=next(self._numbers),
                parent=job,
                index=index,
                **members,
            )
            for index in range(size)
        )
        job.unended = size
        for child in job.children:
            self._lifecycle.jobs.add(child)
        self._lifecycle.hold(job, "PENDING")
        for child in job.children:
            self._begin(child, dependencies)

    def _begin(self, job: ContainerJob, dependencies: DependencyList) -> None:
        if not self._dependencies.wait(job, dependencies):
            self._fail(job, _DEPENDENT_FAILED)
        elif job.blockers:
            self._lifecycle.hold(job, "PENDING")
        else:
            self._make_runnable(job)

    def _make_runnable(self, job: ContainerJob) -> None:
        if job.spec.needs:
            self._consumables.wait(job)
            self._lifecycle.hold(job, RUNNABLE)
            self._admit()
        else:
            self._lifecycle.submit(job)

    def _admit(self) -> None:
        """Make the jobs whose consumable resources are available eligible to run."""
        while (job := self._consumables.next()) is not None:
            self._lifecycle.submit(job)

    def _fail(self, job: ContainerJob, reason: str) -> None:
        job.reason = reason
        self._lifecycle.end(job, FAILED)

    def _settle(self, job: ContainerJob) -> None:
        self._consumables.end(job)
        for other in self._dependencies.release(job):
            if job.status == FAILED:
                self._fail(other, _DEPENDENT_FAILED)
            elif not other.blockers:
                self._make_runnable(other)
        if (parent := job.parent) is not None:
            parent.unended -= 1
            if not parent.unended and not parent.has_ended:
                self._end_array(parent)
        self._admit()

    def _end_array(self, parent: ContainerJob) -> None:
        if parent.is_cancelled or parent.is_terminated:
            self._lifecycle.end(parent, FAILED)
        elif any(child.status == FAILED for child in parent.children):
            self._fail(parent, _CHILD_FAILED)
        else:
            self._lifecycle.end(parent, SUCCEEDED)

    def _cancel(self, job: ContainerJob, reason: str) -> None:
        """Cancel a job that has not started, or the children of an array job that have not started.

        An array job without such a child is not marked as cancelled. AWS documents only that it cancels no such job.
        """
        waiting = [each for each in job.children[::-1] or (job,) if each.status in _WAITING]
        if job.children and waiting:
            job.is_cancelled, job.reason = True, reason
        for each in waiting:
            self._lifecycle.stop(each, reason, cancel=True)

    def _terminate(self, job: ContainerJob, reason: str) -> None:
        """Stop a job, or all children of an array job, the last child first because others can wait for it."""
        if not job.has_ended and job.children:
            job.is_terminated, job.reason = True, reason
        for each in job.children[::-1] or (job,):
            if not each.has_ended:
                self._lifecycle.stop(each, reason)

    def _known(self, ids: list[str]) -> list[ContainerJob]:
        """Return the jobs of a request. Unknown jobs are left out."""
        check_bulk(ids)
        return [job for each in ids if isinstance(job := self._lifecycle.jobs.find(each), ContainerJob)]

    def _job(self, id_or_arn: str) -> ContainerJob:
        job = self._lifecycle.jobs.find(id_or_arn)
        if not isinstance(job, ContainerJob):
            raise RequestError(f"Job {id_or_arn} does not exist.")
        return job

    def _queue(self, name_or_arn: str) -> Record:
        queue = get(self._batch.queues, name_or_arn)
        if queue.get("jobQueueType") == "SAGEMAKER_TRAINING":
            raise RequestError(f"Job queue {queue['jobQueueName']} accepts only service jobs.")
        return queue
