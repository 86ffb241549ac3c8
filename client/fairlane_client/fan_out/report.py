"""HTML page of a manifest: its jobs over time, where they ran and why, and what failed."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from fairlane._charts.layout import utc
from fairlane._charts.page import charts_page
from fairlane_client.fan_out.progress import Counts, Progress, Row
from fairlane_client.fan_out.report_charts import jobs_chart, reasons_chart, states_chart

MOST_ROWS: Final = 100
"""Maximum number of rows of a table."""
_COLUMNS: Final = ("Region", *Counts._fields[:-1], "GPU-hours")
_PLACE: Final = ("line", "Region", "queue", "state")
_FAILED: Final = ("FAILED", "REFUSED", "UNKNOWN")


def render_report(fan_out: str, progress: Progress, now: float) -> str:
    """Render a manifest as an HTML page.

    Args:
        fan_out: Name of the fan-out.
        progress: Progress of the manifest.
        now: Current time in epoch seconds.

    Returns:
        HTML text.
    """
    charts = [jobs_chart(progress, now), states_chart(progress), reasons_chart(progress)] if progress.rows else []
    failed = [row for row in progress.rows if row["state"] in _FAILED]
    return charts_page(
        "fairlane_client.fan_out",
        "report.html.j2",
        figures={f"chart-0-{chart.kind}": chart.figure for chart in charts if chart.figure},
        title=progress.manifest,
        fan_out=fan_out,
        notes=_notes(progress, now),
        charts=charts,
        columns=_COLUMNS,
        regions=_regions(progress),
        causes=Counter(row.get("status_reason") or row["state"].lower() for row in failed).most_common(MOST_ROWS),
        tables=[
            (
                "Failed lines",
                ("line", "Region", "queue", "state", "attempts", "reason"),
                _failures(failed),
                len(failed),
            ),
            ("Placement", ("line", "Region", "queue", "state", "reason"), _placements(progress), len(progress.rows)),
        ],
    )


def _notes(progress: Progress, now: float) -> list[str]:
    total = progress.total
    lines = sum(total[:-1])
    hours = sum(row.get("gpu_hours", 0.0) for row in progress.rows)
    return [
        f"{lines:,} line{'s' if lines != 1 else ''}: {total}",
        f"{len(progress.regions):,} Region{'s' if len(progress.regions) != 1 else ''}, {hours:,.1f} GPU-hours",
        f"submission: {progress.state.lower()}; planned {utc(int(progress.created_at))} UTC, read {utc(int(now))} UTC",
    ]


def _regions(progress: Progress) -> list[tuple[str, ...]]:
    hours = Counter[str]()
    for row in progress.rows:
        hours[row["region"]] += row.get("gpu_hours", 0.0)
    rows = [(region, counts, hours[region]) for region, counts in progress.regions.items()]
    if len(rows) > 1:
        rows.append(("all", progress.total, sum(hours.values())))
    return [(region, *(f"{number:,}" for number in counts[:-1]), f"{used:,.1f}") for region, counts, used in rows]


def _failures(failed: Sequence[Row]) -> list[tuple[str, ...]]:
    return [(*_place(row), str(row.get("attempts", "")), row.get("status_reason", "")) for row in failed[:MOST_ROWS]]


def _placements(progress: Progress) -> list[tuple[str, ...]]:
    return [(*_place(row), row.get("placement", "")) for row in progress.rows[:MOST_ROWS]]


def _place(row: Row) -> tuple[str, str, str, str]:
    return row["id"], row["region"], row["queue"], row["state"]
