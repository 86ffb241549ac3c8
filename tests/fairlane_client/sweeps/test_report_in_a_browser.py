"""HTML page of a sweep in a browser, in light and dark: everything is drawn and nothing is cut off."""

from typing import Any

import pytest

from tests.browser import LIGHT_AND_DARK, NEEDS_CHROMIUM, browse
from tests.fairlane_client.sweeps.reports import HALVING, page, plan, results

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module", params=[1, 48, 10_000])
def views(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the browser's findings about the page, in light and in dark."""
    folder = tmp_path_factory.mktemp("browser")
    running = {request.param: [1], request.param + 1: [1, 4]}
    html = page(results(request.param, stops=True), plan(points=request.param + 2, stop=HALVING), running=running)
    (folder / "sweep.html").write_text(html)
    findings: list[dict[str, Any]] = browse(folder / "sweep.html", LIGHT_AND_DARK, folder)
    return findings


def test_the_page_has_no_errors_and_fetches_nothing(views: list[dict[str, Any]]) -> None:
    assert [(view["errors"], view["requests"]) for view in views] == [([], []), ([], [])]


def test_all_charts_are_drawn_without_cuts_or_overlaps(views: list[dict[str, Any]]) -> None:
    for view in views:
        assert (view["overlapping"], view["isWiderThanWindow"]) == ([], False)
        assert [widget["type"] for widget in view["widgets"]] == ["parallel", "best", "importance", "stops"]
        assert all(chart["isDrawn"] for widget in view["widgets"] for chart in widget["charts"])
        for widget in view["widgets"]:
            assert len(widget["charts"]) == 1 or widget["text"], widget["title"]
            assert widget["titleIsWhole"]
            assert (widget["cut"], widget["colliding"], widget["scrolls"]) == ([], [], False), widget["title"]


def test_the_background_follows_the_color_scheme(views: list[dict[str, Any]]) -> None:
    assert [view["background"] for view in views] == ["rgb(242, 243, 243)", "rgb(15, 20, 26)"]
