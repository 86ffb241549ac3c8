"""Use of a queue by share as a table, CSV, JSON and an HTML page."""

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import fsum
from typing import TYPE_CHECKING, Any, Final, TextIO

from fairlane_client.queues.queue import VCPU
from fairlane_client.usage.holds import HOUR
from fairlane_client.usage.ledger import SCALE, Row, RowKind
from fairlane_client.usage.queue_usage import UnitUse, Usage

if TYPE_CHECKING:
    from rich.console import RenderableType

UNKNOWN: Final = "-"
_UNIT_HOUR: Final = SCALE * HOUR
_AMOUNTS: Final = ("own", "borrowed", "lost", "idle", "total", "lent")
_COLUMNS: Final = ("Share", "Own", "Borrowed", "Lost", "Idle", "Sum", "Lent")
CSV_COLUMNS: Final = (
    "queue",
    "from",
    "to",
    "row",
    "share",
    "unit",
    *(f"{name}_hours" for name in _AMOUNTS),
    *(f"{name}_gpu_hours" for name in _AMOUNTS),
    "used_gpu_hours",
    "used_usd",
    *(f"{name}_unit_seconds" for name in _AMOUNTS),
)


def tables(usage: Usage) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Yield the title, the header and the rows of each table. The last row is the sum.

    A unit whose GPUs are known has a table of GPU-hours and one of instance-hours.
    """
    for unit in usage.units:
        name = "vCPU" if unit.unit == VCPU else "Instance"
        of_type = "" if unit.unit == VCPU else f" of {unit.unit}" if unit.unit.startswith("ml.") else " of any type"
        if unit.gpus:
            yield f"GPU-hours{of_type}, {unit.gpus} GPUs each", [*_COLUMNS], _rows(unit, unit.gpus, ())
        header = [*_COLUMNS, *([] if unit.gpus else ["GPU-hours"]), "USD"]
        further = [*([] if unit.gpus else [unit.gpu_hours]), unit.cost]
        yield f"{name}-hours{of_type}", header, _rows(unit, 1, further)


def _rows(unit: UnitUse, gpus: int, further: Sequence[Callable[[Row], float | None]]) -> list[list[str]]:
    """Return the rows of a table, with further columns for shares. The largest number decides on the decimals."""
    sums = [sum(getattr(row.amounts, name) for row in unit.rows) * gpus for name in _AMOUNTS]
    largest = max(abs(row.amounts.total) * gpus / _UNIT_HOUR for row in unit.rows) if unit.rows else 0
    decimals = 2 if largest < 1000 else 1 if largest < 10_000 else 0
    shares = [row for row in unit.rows if row.kind == RowKind.SHARE]
    rows = [
        [
            row.label,
            *(_hours(getattr(row.amounts, name) * gpus, decimals, is_sum=name == "total") for name in _AMOUNTS),
            *(_number(number(row)) if row in shares else "" for number in further),
        ]
        for row in unit.rows
    ]
    return [
        *rows,
        [
            "Sum",
            *(_hours(each, decimals, is_sum=True) for each in sums),
            *(_total([number(row) for row in shares]) for number in further),
        ],
    ]


def check_line(usage: Usage, unit: UnitUse) -> str:
    """Return the sentence that compares the sum of the rows with capacity times time."""
    total = sum(row.amounts.total for row in unit.rows)
    length = Decimal(usage.milliseconds) / HOUR
    name = "vCPUs" if unit.unit == VCPU else "instances" if unit.unit == "NUM_INSTANCES" else unit.unit
    return (
        f"Sum {_hours(total, 2, is_sum=True)} h = {unit.capacity:,} {name} x {length:,.2f} h, exact to the millisecond"
    )


def lines(usage: Usage) -> list[str]:
    """Return the sentences below the tables: sums, sources, unknown capacity and notes."""
    return [
        *(check_line(usage, unit) for unit in usage.units),
        f"Sources: {'; '.join(usage.sources)}",
        *(f"Unknown: {reason} ({number})" for reason, number in usage.unknown.items()),
        *usage.notes,
    ]


def title(usage: Usage) -> str:
    """Return the queue and the period."""
    return f"{usage.queue}: {_time(usage.start)} to {_time(usage.end)} UTC"


def render_tables(usage: Usage) -> "Iterator[RenderableType]":
    """Yield the tables for a terminal, and the sentences below them."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    yield Text(title(usage), style="bold")
    for heading, header, rows in tables(usage):
        table = Table(title=Text(heading), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        table.add_column(header[0], overflow="fold", min_width=8)
        for name in header[1:]:
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows[:-1]:
            table.add_row(*map(Text, row))
        table.add_section()
        table.add_row(*map(Text, rows[-1]), style="bold")
        yield table
    for line in lines(usage):
        yield Text(line)


def write_csv(usage: Usage, file: TextIO) -> None:
    """Write a line for each row of each unit. The columns `*_unit_seconds` are exact."""
    writer = csv.DictWriter(file, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records(usage))


def records(usage: Usage) -> list[dict[str, Any]]:
    """Return the rows of all units for programs. Hours are rounded to 6 decimals, unit-seconds are exact."""
    return [
        {
            "queue": usage.queue,
            "from": _time(usage.start, "T") + "Z",
            "to": _time(usage.end, "T") + "Z",
            "row": str(row.kind),
            "share": row.share,
            "unit": unit.unit,
            **{f"{name}_hours": round(value / _UNIT_HOUR, 6) for name, value in amounts.items()},
            **{
                f"{name}_gpu_hours": None if unit.gpus is None else round(value * unit.gpus / _UNIT_HOUR, 6)
                for name, value in amounts.items()
            },
            "used_gpu_hours": _rounded(unit.gpu_hours(row)),
            "used_usd": _rounded(unit.cost(row)),
            **{f"{name}_unit_seconds": str(Decimal(value) / (SCALE * 1000)) for name, value in amounts.items()},
        }
        for unit in usage.units
        for row in unit.rows
        for amounts in [{name: getattr(row.amounts, name) for name in _AMOUNTS}]
    ]


def render_page(usage: Usage) -> str:
    """Render the use as an HTML page that needs no network."""
    from fairlane._charts.page import charts_page
    from fairlane_client.usage.charts import use_chart

    charts = [use_chart(unit, number) for number, unit in enumerate(usage.units)]
    return charts_page(
        "fairlane_client.usage",
        "report.html.j2",
        figures={f"chart-0-{chart.kind}": chart.figure for chart in charts if chart.figure},
        title=usage.queue,
        period=f"{_time(usage.start)} to {_time(usage.end)} UTC",
        charts=charts,
        tables=list(tables(usage)),
        notes=lines(usage),
    )


def _hours(amount: int, decimals: int, *, is_sum: bool = False) -> str:
    return f"{amount / _UNIT_HOUR:,.{decimals}f}" if amount or is_sum else ""


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.{2 if value < 10_000 else 0}f}"


def _total(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return UNKNOWN if len(known) < len(values) else _number(fsum(known))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _time(time: int, separator: str = " ") -> str:
    moment = datetime.fromtimestamp(time / 1000, UTC)
    return f"{moment:%Y-%m-%d}{separator}{moment:%H:%M}" + (f"{moment::%S}" if time % 60_000 else "")
