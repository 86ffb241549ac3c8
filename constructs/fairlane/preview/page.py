"""The page: dashboards, their charts, and all that draws them, in one file that needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from markupsafe import Markup

from fairlane._charts.layout import utc
from fairlane._charts.page import charts_page
from fairlane.cloudwatch.samples import Samples
from fairlane.preview.body import Dashboard
from fairlane.preview.boxes import Box, box, figures

States = Mapping[str, tuple[str, str]]
"""By ARN, or by the text that stands for it in a template, the name of each alarm and its state: empty if not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A dashboard with what it shows.

    Args:
        dashboard: the dashboard.
        samples: of all metrics.
        states: of its alarms.
        start: of the window, in seconds since 1970.
        end: of the window.
    """

    dashboard: Dashboard
    samples: Samples
    states: States
    start: int
    end: int


def page(shown: Sequence[Shown], origin: str) -> str:
    """Writes the page.

    Args:
        shown: the dashboards, from top to bottom.
        origin: where the data come from, in a few words.
    """
    numbers = count()
    sections = []
    boxes: list[Box] = []
    for one in shown:
        made = [box(widget, one.samples, one.states, one.start, one.end) for widget in one.dashboard.widgets]
        boxes += made
        window = f"{utc(one.start)[:-3]} to {utc(one.end)[:-3]} UTC"
        sections.append((one.dashboard.name, window, [(next(numbers), each) for each in made]))
    drawn = figures(boxes)
    return charts_page("fairlane.preview", "page.html.j2", figures=drawn, sections=sections, origin=origin, html=Markup)
