"""Table that compares rehearsals, for the terminal and the HTML report."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fairlane.rehearsal.report.summary import Numbers, Summary, Waits, has_gpu_hours

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))
NONE: Final = "–"  # noqa: RUF001 - a dash
"""Text of a cell without a number."""
NO_SHARE: Final = "(none)"
"""Name of the jobs without a share."""
_LONGEST_NAME: Final = 16  # columns of names that are not folded


_LEFT: Final = ("GPU-hours left", "Instance-hours left")
_LOST: Final = ("GPU-hours lost", "Instance-hours lost")
LEAST_IMPORTANT: Final = (
    "Wait, p50",
    "Wait, max",
    "Preemptions",
    "Starved",
    "Mean use",
    *_LEFT,
    "Jain",
    "Slowdown",
    *_LOST,
)
"""Columns that a narrow terminal does not show, the least important first."""


def columns(summary: Summary) -> list[str]:
    """Return the headings of the columns of `rows`."""
    unit = "GPU-hours" if has_gpu_hours(summary) else "Instance-hours"
    waits = ["Wait, mean", "Wait, p50", "Wait, p95", "Wait, max", "Slowdown"]
    jobs = ["Jobs", "Never ran", "Failed"]
    return [
        "Share",
        "Rehearsal",
        *jobs,
        *waits,
        "Starved",
        "Mean use",
        f"{unit} left",
        "Preemptions",
        f"{unit} lost",
        "Jain",
    ]


def rows(summary: Summary, *, all_shares: bool = False) -> Iterator[list[str]]:
    """Yield the rows of the table as texts: all jobs, the largest shares and all others, in each rehearsal.

    The name of a share is in its first row only.

    Args:
        summary: Summary of rehearsals.
        all_shares: True for a row for each share, without a row for all others. Default: False.
    """
    rehearsals = summary["rehearsals"]
    in_gpus = has_gpu_hours(summary)
    everything = dict.fromkeys(share for rehearsal in rehearsals.values() for share in rehearsal["shares"])
    shares = everything if all_shares else summary["largest_shares"]
    groups: list[tuple[str, list[Numbers | None]]] = [
        ("all", [rehearsal["total"] for rehearsal in rehearsals.values()])
    ]
    groups += [
        (share or NO_SHARE, [rehearsal["shares"].get(share) for rehearsal in rehearsals.values()]) for share in shares
    ]
    if len(shares) < len(everything):
        groups.append((others_label(summary), [rehearsal["others"] for rehearsal in rehearsals.values()]))
    for number, (label, cells) in enumerate(groups):
        labels = chain([label], repeat(""))
        for (name, rehearsal), numbers in zip(rehearsals.items(), cells, strict=True):
            if numbers is not None:
                yield [next(labels), name, *_cells(numbers, in_gpus), "" if number else _ratio(rehearsal["jain"])]


def others_label(summary: Summary) -> str:
    """Return the name of all shares together that are not among the largest."""
    return f"others ({summary['other_shares']:,})"


def comparison_table(summary: Summary, *, all_shares: bool = False) -> "FittedTable":
    """Return the table of a summary, for a terminal. A narrow terminal does not show all columns.

    Args:
        summary: Summary of rehearsals.
        all_shares: True for a row for each share. Default: the ten largest, and all others together.
    """
    return FittedTable(columns(summary), [*rows(summary, all_shares=all_shares)], LEAST_IMPORTANT)


@dataclass(frozen=True)
class FittedTable:
    """Table for a terminal, with a section for each row whose first cell is not empty.

    Args:
        headings: Headings of the columns.
        body: Rows.
        least_important: Headings of the columns that a narrow terminal does not show, in the order in which they go.
        names: Number of the first columns that are aligned to the left and can be folded. Default: 2.
    """

    headings: Sequence[str]
    body: Sequence[Sequence[str]]
    least_important: Sequence[str] = ()
    names: int = 2

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield the table, and a line with the columns that it does not show."""
        lines = [heading.replace("-", "- ").split() for heading in self.headings]
        widths = [max(map(cell_len, [*words, *column])) for words, column in zip(lines, self._columns(), strict=True)]
        widths[: self.names] = [min(width, _LONGEST_NAME) for width in widths[: self.names]]
        hidden: list[str] = []
        for heading in filter(self.headings.__contains__, self.least_important):
            if sum(widths) + 2 * (len(widths) - len(hidden)) <= options.max_width:
                break
            hidden.append(heading)
            widths[self.headings.index(heading)] = 0
        shown = [index for index, heading in enumerate(self.headings) if heading not in hidden]
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
        for index in shown:
            left = index < self.names
            table.add_column(
                "\n".join(lines[index]),
                justify="left" if left else "right",
                min_width=widths[index],
                overflow="fold",
                no_wrap=not left,
            )
        for number, row in enumerate(self.body):
            if row[0] and number:
                table.add_section()
            table.add_row(*(escape(row[index]) for index in shown))
        yield table
        if hidden:
            yield Text(f"columns that the terminal is too narrow for: {'; '.join(hidden)}")

    def _columns(self) -> Iterator[Sequence[str]]:
        return zip(*self.body, strict=True) if self.body else iter([()] * len(self.headings))


def text_table(headings: Sequence[str], body: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> Table:
    """Return a table for a terminal, with a section for each group of rows whose first has a first cell.

    Args:
        headings: Headings of the columns.
        body: Rows.
        left: Indexes of the columns that are aligned to the left. Default: the first.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index in left else "right", overflow="fold")
    has_groups = not all(row[0] for row in body)
    for row in body:
        if has_groups and row[0] and table.row_count:
            table.add_section()
        table.add_row(*map(escape, row))
    return table


def duration(seconds: float) -> str:
    """Return a duration in its largest unit, for example `1.5 h`."""
    size, unit = time_unit(seconds)
    number = seconds / size
    return f"{number:.0f} {unit}" if number >= 10 or unit == "s" else f"{number:.1f}".removesuffix(".0") + f" {unit}"


def time_unit(seconds: float) -> tuple[int, str]:
    """Return the seconds and the name of the largest unit of time that is not longer than a duration."""
    return next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))


def _cells(numbers: Numbers, in_gpus: bool) -> Iterator[str]:
    backlog = numbers["backlog"]
    left = backlog["gpu_hours"] if in_gpus else backlog["instance_hours"]
    lost = numbers["lost_gpu_hours"] if in_gpus else numbers["lost_instance_hours"]
    yield f"{numbers['jobs']:,}"
    yield f"{numbers['never_ran']:,}"
    yield f"{numbers['failed']:,}"
    yield from wait_cells(numbers["wait_seconds"], ("mean", "p50", "p95", "max"))
    yield NONE if numbers["slowdown"] is None else f"{numbers['slowdown']:,.1f}"
    starved = numbers["starved_seconds"]
    yield NONE if starved is None else duration(starved)
    yield f"{numbers['mean_use']:,.1f}"
    yield NONE if left is None else f"{left:,.1f}"
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
