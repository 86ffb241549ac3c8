"""HTML page of dashboards, in one file that needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from markupsafe import Markup

from fairlane._charts.layout import utc
from fairlane._charts.page import charts_page
from fairlane.cloudwatch.samples import Samples
from fairlane.preview.body import Dashboard
from fairlane.preview.boxes import Box, build_box, figures

States = Mapping[str, tuple[str, str]]
"""Name and state of each alarm, by its name or the reference to its ARN. The state is empty if it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardView:
    """Dashboard with its data and its time range.

    Args:
        dashboard: Dashboard.
        samples: Samples of all metrics.
        states: States of the alarms.
        start: Start of the time range, in seconds since 1970.
        end: End of the time range, in seconds since 1970.
    """

    dashboard: Dashboard
    samples: Samples
    states: States
    start: int
    end: int


def page(views: Sequence[DashboardView], origin: str) -> str:
    """Return the HTML page.

    Args:
        views: Dashboards, from top to bottom.
        origin: Origin of the data, as a short sentence.
    """
    numbers = count()
    sections = []
    boxes: list[Box] = []
    for view in views:
        section = [
            build_box(widget, view.samples, view.states, view.start, view.end) for widget in view.dashboard.widgets
        ]
        boxes += section
        window = f"{utc(view.start)[:-3]} to {utc(view.end)[:-3]} UTC"
        sections.append((view.dashboard.name, window, [(next(numbers), box) for box in section]))
    charts = figures(boxes)
    return charts_page(
        "fairlane.preview", "page.html.j2", figures=charts, sections=sections, origin=origin, html=Markup
    )
