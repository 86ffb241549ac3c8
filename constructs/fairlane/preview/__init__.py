"""Alarms and dashboards over given metric samples, as CloudWatch evaluates them, without an account.

What draws their charts is here for other pages, too: see `charts_page`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane.preview._body import PreviewError as PreviewError
    from fairlane.preview._figures import AXIS as AXIS
    from fairlane.preview._figures import Figure as Figure
    from fairlane.preview._figures import chart_layout as chart_layout
    from fairlane.preview._figures import escaped as escaped
    from fairlane.preview._figures import time_axis as time_axis
    from fairlane.preview._figures import utc as utc
    from fairlane.preview._html import charts_page as charts_page
    from fairlane.preview._preview import preview as preview

_HOMES = {
    "AXIS": "_figures",
    "Figure": "_figures",
    "PreviewError": "_body",
    "chart_layout": "_figures",
    "charts_page": "_html",
    "escaped": "_figures",
    "preview": "_preview",
    "time_axis": "_figures",
    "utc": "_figures",
}

__all__ = ["AXIS", "Figure", "PreviewError", "chart_layout", "charts_page", "escaped", "preview", "time_axis", "utc"]


def __getattr__(name: str) -> object:
    """Loads a name when it is first used: drawing needs an extra."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
