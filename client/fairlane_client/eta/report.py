"""Text of an answer, for a terminal of 80 columns."""

from datetime import UTC, datetime, timedelta, tzinfo
from textwrap import wrap
from typing import Final

from fairlane.scheduler import WaitReason
from fairlane_client.eta.answer import Answer
from fairlane_client.eta.back_test import BackTest
from fairlane_client.eta.estimates import Estimate
from fairlane_client.eta.simulation import MAX_DAYS
from fairlane_client.queues.queue import VCPU
from fairlane_client.text import align, plural, shortened

_WIDTH: Final = 80
_HEADER: Final = ["job", "share", "needs", "half by", "90 % by", "run times of"]
_VERDICTS: Final = {
    "good": "close to what they should be",
    "late": "OFF: jobs started later than estimated. Do not rely on the estimates: the queue or its jobs have changed",
    "early": "OFF: jobs started earlier than estimated. The estimates are too pessimistic",
    "unknown": "too few past moments with waiting jobs to say how good the estimates are",
}


def render(answer: Answer, *, limit: int | None = None, zone: tzinfo = UTC) -> str:
    """Return an answer as text.

    Args:
        answer: Answer.
        limit: Maximum number of rows. Default: all.
        zone: Time zone of the times. Default: UTC.
    """
    now = datetime.fromtimestamp(answer.now, zone)
    lines = [f"Queue {answer.queue}, {now:%Y-%m-%d %H:%M} {now.tzname() or ''}".rstrip()]
    if answer.partial:
        lines.append("PARTIAL: AWS throttled, and jobs are missing.")
    if not answer.estimates:
        lines.append("No waiting job was read." if answer.partial else "No job waits.")
    else:
        rows = [_HEADER, *(_row(each, answer.now, zone) for each in answer.estimates[:limit])]
        rest = sum(2 + max(map(len, column)) for column in [*zip(*rows, strict=True)][1:])
        lines += ["", *align([[shortened(name, max(8, _WIDTH - rest)), *cells] for name, *cells in rows]).splitlines()]
        if limit is not None and len(answer.estimates) > limit:
            lines.append(f"... and {len(answer.estimates) - limit:,} more; --json prints all")
        lines.append("")
    if answer.runs:
        text = f"{answer.runs} simulations with the run times of {answer.past_jobs:,} past jobs, seed {answer.seed}."
        lines += wrap(text, _WIDTH)
    if answer.accuracy is not None:
        lines += wrap(_accuracy(answer.accuracy), _WIDTH)
    elif answer.runs:
        lines.append("Accuracy: unknown, because the history has no waits.")
    notes = [*answer.notes]
    if stuck := sum(bool(each.never) for each in answer.estimates):
        notes.append(f"{plural(stuck, 'job')} cannot start: fairlane explain JOB gives the reason")
    for note in notes:
        lines += wrap(f"- {note}", _WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _accuracy(test: BackTest) -> str:
    if not test.starts:
        return f"Accuracy: {_VERDICTS['unknown']}."
    return (
        f"Accuracy on the history: {test.inside_p90 / test.starts:.0%} of {test.starts} starts at {test.moments} past "
        f"moments were within the 90 % time, {test.inside_p50 / test.starts:.0%} within the half time: "
        f"{_VERDICTS[test.verdict]}."
    )


def _row(job: Estimate, now: int, zone: tzinfo) -> list[str]:
    needs = f"{job.amount:,}{' vCPU' * (job.unit == VCPU)}" if job.amount else "?"
    times = [_time(job, at, now, zone) for at in (job.p50, job.p90)]
    index = job.id.partition(":")[2]
    name = f"{job.name}:{index}" if index else job.name or job.id
    return [name, shortened(job.share, 12), needs, *times, job.basis]


def _time(job: Estimate, at: int | None, now: int, zone: tzinfo) -> str:
    if job.never:
        return "disabled" if job.never == WaitReason.DISABLED else "never"
    if at is None:
        return "unknown" if job.basis == "none" else f"> {MAX_DAYS} days"
    if at <= now + 60:
        return "now"
    moment, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone).date()
    if moment.date() == today:
        return f"{moment:%H:%M}"
    return f"{moment:%a %H:%M}" if moment.date() - today < timedelta(days=7) else f"{moment:%m-%d %H:%M}"
