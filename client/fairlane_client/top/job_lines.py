"""Lines of a live view: the jobs of a share. No line is wider than the terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.top.reading import ShareJobs
from fairlane_client.top.text import clean, duration, fit, number

_COLUMNS: Final = (("POS", 4), ("STATE", 10), ("NEEDS", 7), ("TIME", 8))
_ID: Final = 43  # of a child of an array job
_WIDE: Final = 120
_STYLES: Final = {"RUNNING": "green", "STARTING": "cyan", "SCHEDULED": "cyan"}


def job_lines(jobs: ShareJobs, width: int, now: float, cursor: int) -> Iterator[Text]:
    """Yield the lines of jobs: the titles of the columns, one line for each job, and the problem.

    Args:
        jobs: Jobs of a share.
        width: Width of the terminal in cells.
        now: Current time, in seconds since 1970.
        cursor: Index of the job to mark.
    """
    yield _line(("POS", "STATE", "NEEDS", "TIME"), "NAME", "ID", "REASON", width, "bold cyan")
    for index, job in enumerate(jobs.jobs):
        position = jobs.positions.get(job.id)
        since = job.created if job.since is None or not job.holds_capacity else job.since
        cells = (
            "-" if position is None else str(position),
            job.state,
            number(job.amount) if job.amount else "?",
            duration(now + jobs.ahead - since),
        )
        style = "reverse" if index == cursor else _STYLES.get(job.state, "")
        yield _line(cells, job.name, job.id, job.reason, width, style)
    if not jobs.jobs:
        yield fit(Text("  No job runs or waits."), width)
    if jobs.problem:
        yield fit(Text(f"  ! {clean(jobs.problem)}", "yellow"), width)


def job_detail(job: QueuedJob) -> str:
    """Return the id of a job, and its status reason."""
    return clean(f"{job.id}  {job.reason}").rstrip()


def _line(cells: Sequence[str], name: str, job_id: str, reason: str, width: int, style: str) -> Text:
    line = Text("  ")
    for cell, (column, size) in zip(cells, _COLUMNS, strict=True):
        line.append(cell.ljust(size) if column == "STATE" else f"{cell.rjust(size - 1)} ")
    rest = max(0, width - line.cell_len)
    if width >= _WIDE:
        rest -= _ID
        line.append_text(fit(Text(job_id), _ID - 1)).append(" ")
    own = min(rest, max(16, rest // 2))
    line.append_text(fit(Text(clean(name)), own - 1)).append(" ").append_text(fit(Text(clean(reason)), rest - own))
    line.stylize(style)
    return fit(line, width)
