"""Questions to AWS Batch about lines without news, the oldest first."""

import heapq
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from math import inf
from typing import Any, Final

from fairlane_lambda.aws_errors import error_name
from fairlane_lambda.fan_out.ledger import REFUSED, SUBMITTING, UNKNOWN, Ledger
from fairlane_lambda.fan_out.models import DAY_MS, lacks_model, record_model
from fairlane_lambda.fan_out.names import line_key
from fairlane_lambda.fan_out.news import FINAL, parse_news, record_news
from fairlane_lambda.fan_out.reconcile.lines import Line
from fairlane_lambda.fan_out.submit.batch import ARRAY, find
from fairlane_lambda.fan_out.table import Item

QUIET_MS: Final = 3600 * 1000
"""Milliseconds without news after which AWS Batch is asked about a line."""
_KEPT_DAYS: Final = 8  # AWS Batch keeps ended jobs for seven days
_LAG_MS: Final = 60_000
_PER_CALL: Final = 100
_MOST: Final = 3_000
_THREADS: Final = 8
_UNKNOWN_JOB: Final = "ClientException"


class Questions:
    """Questions of one run of the function: at most 3,000 for each Region.

    Args:
        now: Current time in epoch milliseconds.
    """

    def __init__(self, now: int) -> None:
        self._now = now
        self._regions: dict[str, list[tuple[int, int, Line]]] = {}
        self._number = count()

    def add(self, line: Line) -> bool:
        """Add a line if it is without news for an hour. Return True if its state is going to change by itself."""
        item = line.item
        age, days = self._now - last_news(item), self._days(line)
        if not days:
            return False
        if age >= QUIET_MS:
            questions = self._regions.setdefault(item["region"], [])
            heapq.heappush(questions, (age, next(self._number), line))
            if len(questions) > _MOST:
                heapq.heappop(questions)
        since: int = item.get("stopped_at") or item.get("attempted_at", 0)
        return self._now - since < days * DAY_MS

    def ask(self, ledger: Ledger, client: Callable[[str], Any], is_late: Callable[[], bool]) -> None:
        """Ask the questions, all Regions at a time. A failed call ends the questions of its Region.

        Args:
            ledger: Ledger of the fan-out.
            client: Function that returns the boto3 client of AWS Batch in a Region.
            is_late: Function that returns True if too little time is left for a call.
        """

        def ask_region(region: str) -> None:
            lines = [line for _, _, line in sorted(self._regions[region], reverse=True)]
            try:
                for answer in _Region(ledger, client(region)).answers(lines):
                    answer()
                    if is_late():
                        return
            except Exception as error:  # the questions are asked again
                print(f"questions to {region} failed: {error_name(error)}", file=sys.stderr, flush=True)

        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(ask_region, self._regions))

    def _days(self, line: Line) -> float:
        """Return the days after the last attempt, or the end, in which a line has news to come. 0 for no questions."""
        state = line.item["state"]
        if line.item["child"] is not None and "job_id" not in line.item:
            return 0  # the array job is looked up
        if not line.has_item:
            return _KEPT_DAYS
        if state == SUBMITTING or lacks_model(line.item):
            return 1
        if state == UNKNOWN:
            return 0 if "job_id" in line.item else 1
        return 0 if state in (*FINAL, REFUSED) else inf


class _Region:
    def __init__(self, ledger: Ledger, client: Any) -> None:
        self._ledger = ledger
        self._client = client

    def answers(self, lines: Iterable[Line]) -> Iterator[Callable[[], None]]:
        """Yield functions, each of which asks about a line, or about a page of container jobs."""
        page: list[Line] = []
        for line in lines:
            item = line.item
            if lacks_model(item):
                yield partial(self._ask_model, line)
            elif "job_id" not in item:
                yield partial(self._look_up, line)
            elif item["kind"] != ARRAY:
                yield partial(self._ask_service_job, line, item["job_id"])
            else:
                page.append(line)
                if len(page) == _PER_CALL:
                    yield partial(self._ask_jobs, page)
                    page = []
        if page:
            yield partial(self._ask_jobs, page)

    def _ask_model(self, line: Line) -> None:
        self._mark(line)
        record_model(self._ledger, line.item)

    def _look_up(self, line: Line) -> None:
        item = line.item
        job = find(self._client, {**item, "name": item["job_name"]})
        if job is None:
            self._mark(line)
        elif item["kind"] == ARRAY:
            self._ask_jobs([line._replace(item={**item, "job_id": job})])
        else:
            self._ask_service_job(line, job)

    def _ask_service_job(self, line: Line, job: str) -> None:
        called = _now()
        try:
            description = self._client.describe_service_job(jobId=job)
        except Exception as error:
            if error_name(error) != _UNKNOWN_JOB:
                raise
            self._miss(line, called)
        else:
            self._record(description, called)

    def _ask_jobs(self, lines: list[Line]) -> None:
        called = _now()
        response = self._client.describe_jobs(jobs=[line.item["job_id"] for line in lines])
        descriptions = {job["jobId"]: job for job in response["jobs"]}
        for line in lines:
            if line.item["job_id"] in descriptions:
                self._record(descriptions[line.item["job_id"]], called)
            else:
                self._miss(line, called)

    def _record(self, description: dict[str, Any], called: int) -> None:
        news = parse_news(description, called - _LAG_MS)
        if news is not None:
            record_news(self._ledger, news, called)

    def _miss(self, line: Line, now: int) -> None:
        """Mark a line whose job AWS Batch does not know: unknown if it was submitted over a day ago."""
        item = line.item
        if not line.has_item or item["state"] == SUBMITTING or now - item.get("attempted_at", now) < DAY_MS:
            self._mark(line)
            return
        self._ledger.table.update(
            (item["pk"], item["sk"]),
            "SET #state = :unknown",
            "#state = :state AND (attribute_not_exists(#updated_at) OR #updated_at <= :updated)",
            {"unknown": UNKNOWN, "state": item["state"], "updated": item.get("updated_at", 0)},
        )

    def _mark(self, line: Line) -> None:
        """Record the time of a question that brought no news: of a child without an item at its array job."""
        item = line.item
        key = (item["pk"], item["sk"] if line.has_item else line_key(item["digest"]))
        self._ledger.table.update(key, "SET #asked_at = :now", "attribute_exists(#pk)", {"now": _now()})


def last_news(item: Item) -> int:
    """Return the time of the last news of a line, or of the last question about it, in epoch milliseconds."""
    times: list[int] = [item.get(name, 0) for name in ("updated_at", "asked_at", "attempted_at")]
    return max(times)


def _now() -> int:
    return int(time.time() * 1000)
