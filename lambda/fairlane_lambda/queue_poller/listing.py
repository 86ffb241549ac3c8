"""Totals of the jobs of a queue, listed page by page."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fairlane_lambda.queue_poller.batch import Calls, Definitions
from fairlane_lambda.queue_poller.queue import IN_USE, RUNNABLE, Queue, Units, amounts

_GPUS: Final[dict[str, int]] = json.loads(Path(__file__).parents[1].joinpath("gpus.json").read_text())
_WITH_GPUS: Final = (RUNNABLE, *IN_USE)
_PAGE: Final = {"service": 100, "compute": 1000}
_LIST: Final = {"service": "list_service_jobs", "compute": "list_jobs"}


class Tally:
    """Totals of jobs. The size of a tally does not depend on the number of jobs.

    Attributes:
        jobs: Number of jobs, by state.
        gpus: GPUs of the jobs, by state.
        usage: Capacity in use, by unit.
        oldest: Time of submission of the oldest job in state RUNNABLE, in epoch milliseconds.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, int] = {}
        self.gpus: dict[str, float] = {}
        self.usage: Units = {}
        self.oldest: int | None = None

    def add(self, state: str, count: int, created: int | None, gpus: float, usage: Units) -> None:
        """Add jobs with the same state, time of submission and resources.

        Args:
            state: State of the jobs.
            count: Number of jobs.
            created: Time of submission in epoch milliseconds.
            gpus: GPUs of each job.
            usage: Capacity of each job, by unit.
        """
        self.jobs[state] = self.jobs.get(state, 0) + count
        self.gpus[state] = self.gpus.get(state, 0) + count * gpus
        if state == RUNNABLE and created is not None and count:
            self.oldest = created if self.oldest is None else min(self.oldest, created)
        if state in IN_USE:
            for unit, quantity in usage.items():
                self.usage[unit] = self.usage.get(unit, 0) + count * quantity


class Listing:
    """Totals of the jobs of a queue.

    A job that changes its state during the listing may count twice or not at all. Children of an array job count in
    their own states, with the submission time and the share of their parent.

    Args:
        queue: The queue.
        measured: Identifiers of shares whose capacity in use is in the snapshot, so that their jobs do not add to it.

    Attributes:
        total: Totals of all jobs.
        shares: Totals of each declared share, and of `other` if undeclared shares have jobs.
        truncated: True if there were more jobs than the allowed pages.
    """

    def __init__(self, queue: Queue, measured: Collection[str]) -> None:
        self._queue = queue
        self._measured = measured
        self.total = Tally()
        self.shares = {name: Tally() for name in queue.shares}
        self.truncated = False
        self._failed: set[str] = set()
        self._without_gpus: set[str] = set()

    def list_jobs(self, calls: Calls, definitions: Definitions) -> None:
        """List the jobs of all states: at most `max_pages` pages in total, but at least one page for each state.

        Args:
            calls: Calls of the poll.
            definitions: Job definitions, for the GPUs of compute jobs.
        """
        pages = 0
        for state in self._queue.states:
            states_left = len(self._queue.states) - 1 - self._queue.states.index(state)
            last = max(pages + 1, self._queue.max_pages - states_left)
            request = {"jobQueue": self._queue.name, "jobStatus": state, "maxResults": _PAGE[self._queue.kind]}
            while True:
                response = calls(_LIST[self._queue.kind], **request)
                pages += 1
                if response is None:
                    self._failed.add(state)
                    break
                self._add_page(state, response.get("jobSummaryList", []), calls, definitions)
                if not response.get("nextToken"):
                    break
                if pages >= last or calls.is_late():
                    self.truncated = True
                    break
                request["nextToken"] = response["nextToken"]

    def is_complete(self, *states: str) -> bool:
        """Return True if no listing of these states failed. A truncated listing counts as complete.

        Children of array jobs are counted from their parents, which are PENDING in all states of their children.
        """
        needed = {*states, "PENDING"} if self._queue.kind == "compute" and states != ("SUBMITTED",) else {*states}
        return not needed & self._failed

    def has_gpus(self, *states: str) -> bool:
        """Return True if the GPUs of all listed jobs of these states are available."""
        return self.is_complete(*states) and not self._without_gpus.intersection(states)

    def _add_page(self, state: str, summaries: list[Mapping[str, Any]], calls: Calls, definitions: Definitions) -> None:
        jobs = [(summary, dict(_counts(state, summary))) for summary in summaries]
        needs = {}
        if self._queue.kind == "compute" and state not in self._without_gpus:
            arns = {
                summary["jobDefinition"]
                for summary, counts in jobs
                if summary.get("jobDefinition") and any(counts.get(state) for state in _WITH_GPUS)
            }
            needs = definitions.needs(arns, calls)
        for summary, counts in jobs:
            usage = amounts(summary.get("capacityUsage"))
            gpus: float | None = None
            if self._queue.kind == "service":
                gpus = self._queue.gpus(usage, _GPUS) if usage else None
            elif need := needs.get(summary.get("jobDefinition", "")):
                gpus = need.gpus((summary.get("nodeProperties") or {}).get("numNodes"))
            self._add(summary, counts, gpus, self._queue.units(usage))

    def _add(self, summary: Mapping[str, Any], counts: Mapping[str, int], gpus: float | None, usage: Units) -> None:
        created = summary.get("createdAt")
        identifier = summary.get("shareIdentifier") or summary.get("quotaShareName")
        for state, count in counts.items():
            if gpus is None and count and state in _WITH_GPUS:
                self._without_gpus.add(state)
            self.total.add(state, count, created, gpus or 0, usage)
            if identifier:
                share = self.shares.setdefault(self._queue.share(identifier), Tally())
                share.add(state, count, created, gpus or 0, {} if identifier in self._measured else usage)


def _counts(state: str, summary: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the number of jobs of a summary by state: 1 for a job, and its children for an array job."""
    array = summary.get("arrayProperties") or {}
    if "size" not in array or "index" in array:
        yield state, 1
    elif array.get("statusSummary"):
        yield from array["statusSummary"].items()
    else:
        yield state, array["size"]
