"""Layout that all charts share, as figures of Plotly. Colors are CSS variables of `charts.html.j2`."""

from datetime import UTC, datetime
from typing import Any, Final

Figure = dict[str, Any]

AXIS: Final = {"automargin": True, "fixedrange": True, "zeroline": False, "linecolor": "var(--line)"}
"""What all axes have in common."""

_MARGIN: Final = {"l": 8, "r": 20, "t": 12, "b": 8, "pad": 2}  # labels beyond the edge are left out
_FONT: Final = {"family": "inherit", "size": 12, "color": "var(--quiet)"}


def chart_layout(**more: Any) -> Figure:
    """What all charts have in common, and more."""
    return {
        "margin": dict(_MARGIN),
        "minreducedheight": 24,
        "minreducedwidth": 24,
        "font": dict(_FONT),
        "paper_bgcolor": "transparent",
        "plot_bgcolor": "transparent",
        "showlegend": False,
        "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": "var(--line)", "font": {"color": "var(--ink)"}},
        **more,
    }


def time_axis(start: int, end: int) -> Figure:
    """An axis of times, between two in seconds since 1970."""
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


def utc(second: int) -> str:
    """A time, as Plotly and people read it."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def escaped(text: str) -> str:
    """Plotly takes texts for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
