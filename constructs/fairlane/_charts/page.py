"""Pages of charts: all that draws them, in one file that needs no network, in light and in dark."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from plotly.offline import get_plotlyjs


def charts_page(package: str, template: str, *, figures: Mapping[str, Any], **values: object) -> str:
    """Writes a page.

    Args:
        package: where its template is.
        template: its name; it extends `charts.html.j2`, and has an element of class `chart` for each figure.
        figures: of Plotly, by the ids of those elements. Colors may be CSS variables of `charts.html.j2`.
        values: what else the template shows.
    """
    return _template(package, template).render(figures=figures, plotly=Markup(get_plotlyjs()), **values)


@cache
def _template(package: str, template: str) -> Template:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, ""), PackageLoader("fairlane._charts", "")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template)
