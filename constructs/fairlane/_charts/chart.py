"""Charts of reports, with their titles and legends."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairlane._charts.layout import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Entry of a legend."""

    label: str
    color: str
    dash: int = 0
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Chart, or a note that replaces it.

    Args:
        kind: Kind of the chart, for example `use`.
        title: Title above the chart.
        wide: True if the chart is as wide as the page. Default: half the width.
        figure: Plotly figure. Default: none.
        legend: Entries of the legend below the chart. Default: none.
        note: Text that replaces the figure. Default: none.
    """

    kind: str
    title: str
    wide: bool = False
    figure: Figure | None = None
    legend: Sequence[Entry] = ()
    note: str = ""
