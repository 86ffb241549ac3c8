"""Chart of the use of a queue by share as a Plotly figure."""

from typing import Final

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, chart_layout, escape_html
from fairlane_client.usage.holds import HOUR
from fairlane_client.usage.ledger import SCALE, RowKind
from fairlane_client.usage.queue_usage import UnitUse

_MOST_BARS: Final = 16
_PARTS: Final = {
    "own": "var(--ok)",
    "borrowed": "var(--series-1)",
    "lost": "var(--alarm)",
    "idle": "var(--mark)",
    "other": "var(--series-6)",
}


def use_chart(unit: UnitUse, number: int) -> Chart:
    """Return a bar chart of the hours of each row of a unit.

    Args:
        unit: Use of a unit.
        number: Number of the unit, for the id of the chart.
    """
    rows = [row for row in unit.rows if row.kind != RowKind.ABOVE]
    shown = sorted(rows, key=lambda row: -row.amounts.total)[:_MOST_BARS]
    part = "" if len(shown) == len(rows) else f": {len(shown)} of {len(rows)} rows"
    rows = [row for row in rows if row in shown]
    positions = [*range(len(rows))]
    data, legend = [], []
    for name, color in _PARTS.items():
        values = [getattr(row.amounts, name) / (SCALE * HOUR) for row in rows]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": [round(value, 3) for value in values],
                "y": positions,
                "marker": {"color": color},
                "hovertemplate": f"%{{x:,.2f}} h {name}<extra></extra>",
            }
        )
        legend.append(Entry(label=name, color=color, value=f"{sum(values):,.2f} h"))
    ticks = {"tickvals": positions, "ticktext": [escape_html(row.label) for row in rows], "type": "linear"}
    layout = chart_layout(
        xaxis={**AXIS, "gridcolor": "var(--line)", "tickformat": ",.4~g", "rangemode": "tozero", "nticks": 6},
        yaxis={**AXIS, **ticks, "range": [len(rows) - 0.4, -0.6]},
        barmode="stack",
        hovermode="closest",
    )
    name = "vCPU" if unit.unit == "VCPU" else unit.unit
    return Chart(
        kind=f"use{number}",
        title=f"Hours of {name} by share{part}",
        wide=True,
        figure={"data": data, "layout": layout},
        legend=legend,
    )
