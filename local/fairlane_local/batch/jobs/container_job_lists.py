"""Batch API calls that describe and list container jobs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from fairlane_local.batch import store
from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.jobs.container_job import ContainerJob
from fairlane_local.batch.jobs.job import STATUSES, Job
from fairlane_local.batch.jobs.job_lists import JOB_FILTERS, PAGE, JobIndex, matches_name, page, select
from fairlane_local.batch.store import Batch, Record, Request, get

_MAX_JOBS: Final = 100
_LARGE_PAGE: Final = 1000
_SOURCES: Final = ("jobQueue", "arrayJobId", "multiNodeJobId")


class ContainerJobLists:
    """Lists of the container jobs of one account and Region.

    Args:
        batch: Records of the account and Region.
        jobs: All jobs.
    """

    def __init__(self, batch: Batch, jobs: JobIndex[Job]) -> None:
        self._batch = batch
        self._jobs = jobs

    def describe_jobs(self, request: Request) -> Record:
        if len(request["jobs"]) > _MAX_JOBS:
            raise RequestError(f"Maximum number of jobs supported is {_MAX_JOBS}")
        return {"jobs": [*self._describe(request["jobs"])]}

    def list_jobs(self, request: Request) -> Record:
        given = [name for name in _SOURCES if request.get(name)]
        if len(given) != 1:
            raise RequestError(f"Exactly one of {', '.join(_SOURCES)} must be specified.")
        size = PAGE if request.get("filters") else _LARGE_PAGE
        if given == ["multiNodeJobId"]:
            return self._list_nodes(request, size)
        if given == ["arrayJobId"]:
            jobs = self._children(request)
        else:
            queue = get(self._batch.queues, request["jobQueue"])["jobQueueArn"]
            statuses, matches = select(request, STATUSES, _FILTERS)
            jobs = (job for job in _top_level(self._jobs.of_queue(queue, statuses)) if matches(job))
        found, token = page(jobs, request, size)
        return {"jobSummaryList": [job.summary() for job in found], **token}

    def list_jobs_by_consumable_resource(self, request: Request) -> Record:
        resource = get(self._batch.consumable_resources, request["consumableResource"])["consumableResourceArn"]
        conditions = [_condition(item) for item in request.get("filters", [])]
        users = [
            job
            for job in self._jobs
            if isinstance(job, ContainerJob) and not job.children and resource in dict(job.spec.needs)
        ]
        jobs = [job for job in reversed(users) if all(condition(job) for condition in conditions)]
        found, token = page(jobs, request, PAGE)
        return {"jobs": [_consumer(job, resource) for job in found], **token}

    def _describe(self, ids: Iterable[str]) -> Iterator[Record]:
        for id_or_arn in ids:
            identifier, has_node, node = id_or_arn.partition("#")
            job = self._jobs.find(identifier)
            if not isinstance(job, ContainerJob):
                continue
            if not has_node:
                yield job.describe()
            elif node.isdecimal() and int(node) in job.nodes:
                yield job.describe(int(node))

    def _children(self, request: Request) -> Iterator[ContainerJob]:
        """Yield the children of an array job, the last child first. No filter applies to them."""
        statuses, _ = select({"jobStatus": request.get("jobStatus")}, STATUSES, {})
        parent = self._job(request["arrayJobId"])
        for child in reversed(parent.children):
            if child.status in statuses and self._jobs.find(child.id):
                yield child

    def _list_nodes(self, request: Request, size: int) -> Record:
        statuses, _ = select({"jobStatus": request.get("jobStatus")}, STATUSES, {})
        job = self._job(request["multiNodeJobId"])
        nodes = job.nodes if job.status in statuses else ()
        return store.page("jobSummaryList", [job.summary(node) for node in nodes], request, size)

    def _job(self, id_or_arn: str) -> ContainerJob:
        job = self._jobs.find(id_or_arn)
        if not isinstance(job, ContainerJob):
            raise RequestError(f"Job {id_or_arn} does not exist.")
        return job


def _top_level(jobs: Iterable[Job]) -> Iterator[ContainerJob]:
    """Yield the jobs that are no children of array jobs."""
    for job in jobs:
        if isinstance(job, ContainerJob) and job.parent is None:
            yield job


def _matches_definition(job: Job, value: str) -> bool:
    """Return True if a value is the ARN of a job's definition, its name, or the start of its name with `*`."""
    arn = job.spec.definition if isinstance(job, ContainerJob) else ""
    if value.startswith("arn:"):
        return arn == value
    name = arn.rpartition("/")[2].rpartition(":")[0]
    return name.startswith(value[:-1]) if value.endswith("*") else name == value


_FILTERS: Final[Mapping[str, Callable[[Job, str], bool]]] = {**JOB_FILTERS, "JOB_DEFINITION": _matches_definition}


def _condition(item: Request) -> Callable[[ContainerJob], bool]:
    name, values = item.get("name"), item.get("values", [])
    if name == "JOB_STATUS":
        return lambda job: job.status in values
    if name == "JOB_NAME":
        return lambda job: any(matches_name(job, value) for value in values)
    raise RequestError(f"Invalid filter name: {name}. Valid values: [JOB_STATUS, JOB_NAME]")


def _consumer(job: ContainerJob, resource: str) -> Record:
    """Return a job as ListJobsByConsumableResource lists it."""
    summary = job.summary()
    renamed = {"jobStatus": "status", "jobDefinitionArn": "jobDefinition"}
    kept = ("jobArn", "jobName", "shareIdentifier", "statusReason", "startedAt", "createdAt")
    needs = [{"consumableResource": arn, "quantity": quantity} for arn, quantity in job.spec.needs]
    return {
        **{name: summary[name] for name in kept if name in summary},
        **{name: summary[member] for name, member in renamed.items()},
        "jobQueueArn": job.queue,
        "quantity": dict(job.spec.needs)[resource],
        "consumableResourceProperties": {"consumableResourceList": needs},
    }
