"""Lists of jobs by queue and status, with the filters and pages of ListJobs and ListServiceJobs."""

import base64
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.jobs.job import Job
from fairlane_local.batch.store import Request

JobT = TypeVar("JobT", bound=Job)

PAGE: Final = 100
_STATUS_KEEPING: Final = ("SHARE_IDENTIFIER", "QUOTA_SHARE_NAME")


class JobIndex(Generic[JobT]):
    """Jobs by id, and by queue and status."""

    def __init__(self) -> None:
        self._jobs: dict[str, JobT] = {}
        self._by_status: dict[tuple[str, str], dict[str, JobT]] = defaultdict(dict)
        self._active: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, job: JobT) -> None:
        """Add a job."""
        self._jobs[job.id] = job
        self._by_status[job.queue, job.status][job.id] = job
        self._active[job.queue][job.share] += 1

    def set_status(self, job: JobT, status: str) -> None:
        """Change the status of a job."""
        del self._by_status[job.queue, job.status][job.id]
        job.status = status
        self._by_status[job.queue, status][job.id] = job
        if job.has_ended:
            active = self._active[job.queue]
            active[job.share] -= 1
            if not active[job.share]:
                del active[job.share]

    def remove(self, job: JobT) -> None:
        """Forget a job."""
        del self._jobs[job.id]
        del self._by_status[job.queue, job.status][job.id]

    def find(self, id_or_arn: str) -> JobT | None:
        """Return a job by its id or ARN, or None."""
        return self._jobs.get(id_or_arn.rpartition("/")[2])

    def of_queue(self, queue: str, statuses: Iterable[str]) -> list[JobT]:
        """Return the jobs of a queue with one of the statuses, newest first."""
        jobs = [job for status in statuses for job in self._by_status[queue, status].values()]
        return sorted(jobs, key=attrgetter("number"), reverse=True)

    def count(self, queue: str, statuses: Iterable[str]) -> int:
        """Return the number of jobs of a queue with one of the statuses."""
        return sum(len(self._by_status[queue, status]) for status in statuses)

    def active_shares(self, queue: str) -> Collection[str]:
        """Return the shares of a queue that have jobs that have not ended."""
        return self._active[queue].keys()

    def __iter__(self) -> Iterator[JobT]:
        return iter(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)


def select(
    request: Request, statuses: Collection[str], filters: Mapping[str, Callable[[Job, str], bool]]
) -> tuple[Collection[str], Callable[[Job], bool]]:
    """Return the statuses and the filter of a list request.

    Without a status and a filter, a list has the running jobs. A filter lists jobs of all statuses, except for filters
    by share, which apply to the status of the request.

    Args:
        request: Request of ListJobs or ListServiceJobs.
        statuses: All statuses of such jobs.
        filters: Filters of the operation, by name.

    Raises:
        RequestError: If the request has an unknown status or filter, or several filters.
    """
    status = request.get("jobStatus")
    if status is not None and status not in statuses:
        raise RequestError(f"Invalid jobStatus: {status}. Valid values: [{', '.join(statuses)}]")
    given = request.get("filters", [])
    if not given:
        return [status or "RUNNING"], lambda job: True
    if len(given) > 1:
        raise RequestError("Only one filter can be used.")
    name, values = given[0].get("name"), given[0].get("values", [])
    if name not in filters:
        raise RequestError(f"Invalid filter: {name}. Valid values: [{', '.join(filters)}]")
    if len(values) != 1:
        raise RequestError(f"Filter {name} must have one value.")
    if name.endswith("CREATED_AT") and not values[0].isdecimal():
        raise RequestError(f"Filter {name} must have a time in milliseconds.")
    matches, (value,) = filters[name], values
    selected = ([status] if status else statuses) if name in _STATUS_KEEPING else statuses
    return selected, lambda job: matches(job, value)


def matches_name(job: Job, pattern: str) -> bool:
    """Return True if the name of a job matches a pattern, whose `*` at the end stands for any text."""
    name, pattern = job.name.lower(), pattern.lower()
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


JOB_FILTERS: Final[Mapping[str, Callable[[Job, str], bool]]] = {
    "JOB_NAME": matches_name,
    "BEFORE_CREATED_AT": lambda job, value: job.created < int(value),
    "AFTER_CREATED_AT": lambda job, value: job.created > int(value),
    "SHARE_IDENTIFIER": lambda job, value: job.share == value,
}


def page(jobs: Iterable[JobT], request: Request, size: int) -> tuple[list[JobT], dict[str, Any]]:
    """Return a page of jobs, newest first, and the members of the response that lead to the next page.

    A token names the last job of its page, so that jobs that change their status move no other job to another page.

    Raises:
        RequestError: If the token is unknown.
    """
    before = _read_token(request["nextToken"]) if request.get("nextToken") else None
    limit = min(request.get("maxResults") or size, size)
    if limit < 1:
        raise RequestError(f"maxResults should be between 1 and {size}.")
    rest = [job for job in jobs if before is None or job.number < before]
    found = rest[:limit]
    return found, {"nextToken": _token(found[-1].number)} if len(rest) > limit else {}


def _token(number: int) -> str:
    return base64.urlsafe_b64encode(f"before:{number}".encode()).decode()


def _read_token(token: str) -> int:
    try:
        prefix, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if prefix == "before":
            return int(number)
    except ValueError:
        pass
    raise RequestError("Invalid nextToken")
