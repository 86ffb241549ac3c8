"""Common layout of Plotly figures. Colors are CSS variables of `charts.html.j2`."""

from datetime import UTC, datetime
from typing import Any, Final

Figure = dict[str, Any]

AXIS: Final = {"automargin": True, "fixedrange": True, "zeroline": False, "linecolor": "var(--line)"}
"""Common properties of axes."""

_MARGIN: Final = {"l": 8, "r": 20, "t": 12, "b": 8, "pad": 2}  # Labels outside the figure are cut off.
_FONT: Final = {"family": "inherit", "size": 12, "color": "var(--quiet)"}


def chart_layout(**properties: Any) -> Figure:
    """Return the common layout of charts, with additional properties."""
    return {
        "margin": dict(_MARGIN),
        "minreducedheight": 24,
        "minreducedwidth": 24,
        "font": dict(_FONT),
        "paper_bgcolor": "transparent",
        "plot_bgcolor": "transparent",
        "showlegend": False,
        "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": "var(--line)", "font": {"color": "var(--ink)"}},
        **properties,
    }


def time_axis(start: int, end: int) -> Figure:
    """Return a time axis. `start` and `end` are in seconds since 1970."""
    return {
        **AXIS,
        "type": "date",
        "range": [utc(start), utc(end)],
        "ticks": "outside",
        "ticklen": 5,
        "tickcolor": "transparent",
        "tickformat": "%H:%M\n%d %b",
        "tickformatstops": [{"dtickrange": [86_400_000, None], "value": "%d %b"}],
        "hoverformat": "%d %b %H:%M UTC",
        "tickangle": 0,
    }


def utc(seconds: int) -> str:
    """Return a time in seconds since 1970 as text, for example `2026-03-04 18:00:00`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def escape_html(text: str) -> str:
    """Return text with HTML characters escaped, because Plotly renders text as HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
