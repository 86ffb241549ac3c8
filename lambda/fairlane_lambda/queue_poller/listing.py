"""What the jobs of a queue add up to, from listing them page by page."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fairlane_lambda.queue_poller._batch import Calls, Definitions
from fairlane_lambda.queue_poller._queue import IN_USE, RUNNABLE, Queue, Units, amounts

_GPUS: Final[dict[str, int]] = json.loads(Path(__file__).parents[1].joinpath("gpus.json").read_text())
_WITH_GPUS: Final = (RUNNABLE, *IN_USE)
_PAGE: Final = {"service": 100, "compute": 1000}
_LIST: Final = {"service": "list_service_jobs", "compute": "list_jobs"}


class Tally:
    """What jobs add up to; it does not grow with their number.

    Attributes:
        jobs: how many, by state.
        gpus: theirs, by state.
        usage: capacity in use, by unit.
        oldest: when the oldest job in state RUNNABLE was submitted, in epoch milliseconds.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, int] = {}
        self.gpus: dict[str, float] = {}
        self.usage: Units = {}
        self.oldest: int | None = None

    def add(self, state: str, count: int, created: int | None, gpus: float, usage: Units) -> None:
        """Adds jobs that are alike.

        Args:
            state: theirs.
            count: how many.
            created: when they were submitted, in epoch milliseconds.
            gpus: of each.
            usage: the capacity of each, by unit.
        """
        self.jobs[state] = self.jobs.get(state, 0) + count
        self.gpus[state] = self.gpus.get(state, 0) + count * gpus
        if state == RUNNABLE and created is not None and count:
            self.oldest = created if self.oldest is None else min(self.oldest, created)
        if state in IN_USE:
            for unit, quantity in usage.items():
                self.usage[unit] = self.usage.get(unit, 0) + count * quantity


class Listing:
    """The jobs of a queue, added up.

    A job that changes its state while they are listed may be counted twice or not at all. Children of array jobs are
    counted in their own states, as old as their parent and with its share.

    Args:
        queue: whose they are.
        measured: the identifiers of shares whose use of capacity is known already, so that it is not added up here.

    Attributes:
        total: of all jobs.
        shares: of the jobs of each declared share, and of `other` if there are any.
        truncated: there were more jobs than pages.
    """

    def __init__(self, queue: Queue, measured: Collection[str]) -> None:
        self._queue = queue
        self._measured = measured
        self.total = Tally()
        self.shares = {name: Tally() for name in queue.shares}
        self.truncated = False
        self._failed: set[str] = set()
        self._without_gpus: set[str] = set()

    def list_jobs(self, calls: Calls, definitions: Definitions, is_late: Callable[[], bool]) -> None:
        """Lists the jobs of all states, at most `max_pages` pages in all but a page for each state.

        Args:
            calls: what to list with.
            definitions: what tells the GPUs of compute jobs.
            is_late: whether time runs out, so that listing must come to its end.
        """
        pages = 0
        for state in self._queue.states:
            states_to_come = len(self._queue.states) - 1 - self._queue.states.index(state)
            last = max(pages + 1, self._queue.max_pages - states_to_come)
            request = {"jobQueue": self._queue.name, "jobStatus": state, "maxResults": _PAGE[self._queue.kind]}
            while True:
                answer = calls(_LIST[self._queue.kind], **request)
                pages += 1
                if answer is None:
                    self._failed.add(state)
                    break
                self._add_page(state, answer.get("jobSummaryList", []), calls, definitions)
                if not answer.get("nextToken"):
                    break
                if pages >= last or is_late():
                    self.truncated = True
                    break
                request["nextToken"] = answer["nextToken"]

    def knows(self, *states: str) -> bool:
        """Whether all jobs of these states were listed, but for what was truncated.

        Children of array jobs are known from their parents, which are PENDING whatever their children are.
        """
        needed = {*states, "PENDING"} if self._queue.kind == "compute" and states != ("SUBMITTED",) else {*states}
        return not needed & self._failed

    def knows_gpus(self, *states: str) -> bool:
        """Whether the GPUs of all jobs of these states are known, but for what was truncated."""
        return self.knows(*states) and not self._without_gpus.intersection(states)

    def _add_page(self, state: str, summaries: list[Mapping[str, Any]], calls: Calls, definitions: Definitions) -> None:
        counted = [(summary, dict(_count(state, summary))) for summary in summaries]
        needs = {}
        if self._queue.kind == "compute" and state not in self._without_gpus:
            wanted = {
                summary["jobDefinition"]
                for summary, counts in counted
                if summary.get("jobDefinition") and any(counts.get(state) for state in _WITH_GPUS)
            }
            needs = definitions.needs(wanted, calls)
        for summary, counts in counted:
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


def _count(state: str, summary: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """How many jobs in which states a summary stands for: one, but those of its children if it is an array job."""
    array = summary.get("arrayProperties") or {}
    if "size" not in array or "index" in array:
        yield state, 1
    elif array.get("statusSummary"):
        yield from array["statusSummary"].items()
    else:
        yield state, array["size"]
