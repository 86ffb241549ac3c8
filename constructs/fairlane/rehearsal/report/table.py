"""Table that compares rehearsals, for the terminal and the HTML report."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from rich import box
from rich.markup import escape
from rich.table import Table

from fairlane.rehearsal.report.summary import Numbers, Summary, Waits, has_gpu_hours

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))
NONE: Final = "–"  # noqa: RUF001 - a dash
"""Text of a cell without a number."""


def columns(summary: Summary) -> list[str]:
    """Return the headings of the columns of `rows`."""
    lost = "GPU-hours lost" if has_gpu_hours(summary) else "Instance-hours lost"
    waits = ["Wait, mean", "Wait, p50", "Wait, p95", "Wait, max"]
    return ["Share", "Rehearsal", "Jobs", *waits, "Starved", "Mean use", "Preemptions", lost, "Jain"]


def rows(summary: Summary) -> Iterator[list[str]]:
    """Yield the rows of the table as texts: all jobs, then each share, in each rehearsal.

    The name of a share is in its first row only.
    """
    rehearsals = summary["rehearsals"]
    in_gpus = has_gpu_hours(summary)
    shares = dict.fromkeys(share for rehearsal in rehearsals.values() for share in rehearsal["shares"])
    for share in [None, *shares]:
        label = "all" if share is None else share or "(none)"
        for name, rehearsal in rehearsals.items():
            numbers = rehearsal["total"] if share is None else rehearsal["shares"].get(share)
            if numbers is not None:
                lost = numbers["lost_gpu_hours"] if in_gpus else numbers["lost_instance_hours"]
                yield [label, name, *_cells(numbers, lost), _ratio(rehearsal["jain"]) if share is None else ""]
                label = ""


def comparison_table(summary: Summary) -> Table:
    """Return the table of a summary, for a terminal."""
    return text_table(columns(summary), rows(summary))


def text_table(headings: Sequence[str], body: Iterable[Sequence[str]]) -> Table:
    """Return a table for a terminal, with a section for each row whose first cell is not empty.

    Args:
        headings: Headings of the columns. The first two are aligned to the left.
        body: Rows.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for index, column in enumerate(headings):
        if index < 2:
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column, justify="right", overflow="fold")
    for number, row in enumerate(body):
        if row[0] and number:
            table.add_section()
        table.add_row(*map(escape, row))
    return table


def duration(seconds: float) -> str:
    """Return a duration in its largest unit, for example `1.5 h`."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    number = seconds / size
    return f"{number:.0f} {unit}" if number >= 10 or unit == "s" else f"{number:.1f}".removesuffix(".0") + f" {unit}"


def _cells(numbers: Numbers, lost: float | None) -> Iterator[str]:
    yield f"{numbers['jobs']:,}"
    yield from wait_cells(numbers["wait_seconds"], ("mean", "p50", "p95", "max"))
    starved = numbers["starved_seconds"]
    yield NONE if starved is None else duration(starved)
    yield f"{numbers['mean_use']:,.1f}"
    yield f"{numbers['preemptions']:,}"
    yield NONE if lost is None else f"{lost:,.1f}"


def wait_cells(waits: Waits | None, names: Sequence[Literal["mean", "p50", "p95", "max"]]) -> Iterator[str]:
    """Yield waiting times as texts. None stands for no jobs."""
    for name in names:
        if waits is None:
            yield NONE
        else:
            seconds = waits[name]
            yield "forever" if seconds is None else duration(seconds)


def _ratio(ratio: float | None) -> str:
    return NONE if ratio is None else f"{ratio:.2f}"
