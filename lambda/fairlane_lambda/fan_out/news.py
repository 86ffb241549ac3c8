"""News of the jobs of a fan-out, from events and descriptions of AWS Batch, and their record in the ledger."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.ledger import STATES, SUBMITTING, Ledger, expiry, key_of
from fairlane_lambda.fan_out.names import JobName, parse_job_name
from fairlane_lambda.fan_out.table import Item, Write
from fairlane_lambda.job_events.jobs import job_attempts, number, run_times

FINAL: Final = ("SUCCEEDED", "FAILED")
"""States in which a job stays."""
RUNNING: Final = ("STARTING", "RUNNING")
_STATUSES: Final = tuple(state for state in STATES if state not in (SUBMITTING, "REFUSED", "UNKNOWN"))
_SAGEMAKER: Final = "Received status from SageMaker: "
_TIME_LIMIT: Final = re.compile(r"(Canceled|Terminated) by JobStateTimeLimit action due to reason: [A-Z_:]+")
_EXIT_CODE: Final = re.compile(r"exit code:? (\d{1,5})", re.IGNORECASE)
_CODE: Final = re.compile(r"[A-Za-z]+(?=[:.]|$)")
_EXPLANATION: Final = re.compile(r"[:;({\"'`=]| - ")
_LONGEST_REASON: Final = 200
_MOST_ATTEMPTS: Final = 99
_OPTIONAL: Final = ("status_reason", "started_at", "stopped_at", "training_job")
_INHERITED: Final = ("kind", "region", "queue", "share", "gpus", "placement", "job_name", "version")


class NewsError(ValueError):
    """Event with missing or invalid fields."""


class News(NamedTuple):
    """State of the job of a line at a time.

    Attributes:
        name: Parts of the name of the job.
        child: Index of the line in its array job. None for a job of its own, and for the array job.
        status: Status of the job.
        order: Time in epoch milliseconds, to order the news of a job. AWS gives seconds: the milliseconds are the
            progress of the job within the second.
        fields: Fields of the line. None removes a field.
    """

    name: JobName
    child: int | None
    status: str
    order: int
    fields: dict[str, Any]

    @property
    def is_final(self) -> bool:
        """True if the job has ended."""
        return self.status in FINAL


def parse_news(job: Mapping[str, Any], time: int) -> News | None:
    """Return the news in an event or a description of a job. None if it is no job of a fan-out.

    Args:
        job: `detail` of an event, or the description of a job or service job.
        time: Time of the event in epoch milliseconds.

    Raises:
        NewsError: If a field is missing or invalid.
    """
    name = parse_job_name(str(job.get("jobName")))
    if name is None:
        return None
    job_id, status, child = job.get("jobId"), job.get("status"), _child(job)
    if not isinstance(job_id, str) or not job_id or status not in _STATUSES:
        raise NewsError
    summary = _mapping(job.get("preemptionSummary"))
    recent = _attempts(summary.get("recentPreemptedAttempts"))
    ended = _ended_attempts(job, is_ended=status in FINAL and not recent)
    older = max(0, int(number(summary.get("preemptedAttemptCount")) or 0) - len(recent))
    attempts = len(_distinct([*recent, *ended])) + older
    fields = {
        "state": status,
        "job_id": job_id,
        "attempts": attempts + (status in RUNNING),
        "run_seconds": round(sum(run_times(_distinct([*recent, *ended]))), 3),
        "status_reason": public_reason(job) or None,
        "started_at": number(job.get("startedAt")) or None,
        "stopped_at": number(job.get("stoppedAt")) or None,
        "training_job": _training_job(job) or None,
    }
    progress = min(attempts, _MOST_ATTEMPTS) * 10 + _STATUSES.index(str(status))
    return News(name, child, str(status), time // 1000 * 1000 + progress, fields)


def record_news(ledger: Ledger, news: News, now: int) -> Item | None:
    """Record news of a line, unless newer ones are recorded. Return the line if they were recorded.

    News come in any order, and twice. Those of the end of a job count for good. A line gets the job of its news, even
    if its submission was not recorded. News of a second job of a line do not count.

    Args:
        ledger: Ledger of the fan-out.
        news: News of the job of a line.
        now: Current time in epoch milliseconds.
    """
    write = _update(ledger, news, {})
    if write.is_done or write.item or news.child is None:
        return write.item if write.is_done else None
    _, lines = ledger.read(news.name.manifest, [news.name.digest])
    if not (parent := lines.get(news.name.digest)):
        return None
    inherited: dict[str, Any] = {name: parent[name] for name in _INHERITED if name in parent}
    write = _update(ledger, news, {**inherited, "expires": expiry(now)})
    return write.item if write.is_done else None


def public_reason(job: Mapping[str, Any]) -> str:
    """Return the reason of the status of a job without what AWS quotes: commands and parameters of the job.

    What remains is the code in front of the explanation, and the exit code.
    """
    text = job.get("statusReason")
    if not isinstance(text, str) or not text:
        return ""
    container = _mapping(job.get("container"))
    why = _CODE.match(str(container.get("reason") or ""))
    exit_code: Any = number(container.get("exitCode"))
    if text.startswith(_SAGEMAKER):
        code = _CODE.match(text, len(_SAGEMAKER))
        start = _SAGEMAKER + (code[0] if code else "Other")
        quoted = _EXIT_CODE.search(text)
        exit_code = quoted and quoted[1]
    else:
        limit = _TIME_LIMIT.match(text)
        start = limit[0] if limit else _EXPLANATION.split(text, maxsplit=1)[0].strip()
    parts = (start[:_LONGEST_REASON], why and why[0], exit_code and f"exit code {exit_code}")
    return ", ".join(str(part) for part in parts if part)


def _update(ledger: Ledger, news: News, inherited: Mapping[str, Any]) -> Write:
    """Update a line that exists, or create the child of an array job with fields of its parent."""
    fields = {**news.fields, "updated_at": news.order}
    changes = {name: value for name, value in fields.items() if value is not None}
    sets = [f"#{name} = :{name}" for name in changes]
    sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in inherited]
    removed = [f"#{name}" for name in _OPTIONAL if fields[name] is None]
    expression = f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removed)}" if removed else "")
    conditions = [
        *([] if inherited else ["attribute_exists(#pk)"]),
        "#state <> :succeeded",
        "#state <> :failed",
        "(attribute_not_exists(#job_id) OR #job_id = :job_id)",
        *([] if news.is_final else ["(attribute_not_exists(#updated_at) OR #updated_at < :updated_at)"]),
    ]
    values = {**changes, **inherited, "succeeded": FINAL[0], "failed": FINAL[1]}
    if not inherited:
        return ledger.table.update(_key(news), expression, " AND ".join(conditions), values)
    condition = f"attribute_not_exists(#pk) OR ({' AND '.join(conditions)})"
    return ledger.table.update(_key(news), expression, condition, values)


def _key(news: News) -> tuple[str, str]:
    return key_of(news.name.manifest, news.name.digest, news.child)


def _child(job: Mapping[str, Any]) -> int | None:
    array = _mapping(job.get("arrayProperties"))
    if array.get("index") is None:
        return None
    index = number(array["index"])
    if not isinstance(index, int):
        raise NewsError
    return index


def _ended_attempts(job: Mapping[str, Any], *, is_ended: bool) -> list[dict[str, Any]]:
    """Return the attempts that ended. Those of an ended job without a list are its own times."""
    if not is_ended:
        return [attempt for attempt in _attempts(job.get("attempts")) if number(attempt.get("stoppedAt")) is not None]
    times = {"started": job.get("startedAt") or None, "stopped": job.get("stoppedAt")}
    return job_attempts({**times, "attempts": job.get("attempts"), "cancelled": job.get("isCancelled")})


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _attempts(listed: object) -> list[dict[str, Any]]:
    return [attempt for attempt in listed if isinstance(attempt, dict)] if isinstance(listed, list) else []


def _distinct(attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return attempts, each once: AWS does not document if preempted attempts are in both lists."""
    resources = {}
    for place, attempt in enumerate(attempts):
        resources[_resource(attempt) or str(place)] = attempt
    return list(resources.values())


def _training_job(job: Mapping[str, Any]) -> str:
    attempts = [job.get("latestAttempt"), *reversed(_attempts(job.get("attempts")))]
    arns = (_resource(attempt) for attempt in attempts if isinstance(attempt, Mapping))
    return next((arn.rpartition("/")[2] for arn in arns if ":training-job/" in arn), "")


def _resource(attempt: Mapping[str, Any]) -> str:
    return str(_mapping(attempt.get("serviceResourceId")).get("value") or "")
