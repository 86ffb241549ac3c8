"""Page in a browser, for two color schemes and two widths: all contents are rendered and no text is cut off."""

import json
from pathlib import Path
from typing import Any

import pytest

from fairlane.preview import preview
from tests.browser import NEEDS_CHROMIUM, browse

HERE = Path(__file__).parent
LOOKS = [(width, scheme) for width in (1280, 1920) for scheme in ("light", "dark")]

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], dict[str, Any]]:
    """Return facts about the page by window width and color scheme, from one browser."""
    folder = tmp_path_factory.mktemp("browser")
    preview(HERE / "dashboard.json", folder / "dashboard.html")
    requests = [{"width": width, "scheme": scheme} for width, scheme in LOOKS]
    found = browse(folder / "dashboard.html", requests, folder)
    return {(look["width"], look["scheme"]): look for look in found}


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def look(request: pytest.FixtureRequest, looks: dict[tuple[int, str], dict[str, Any]]) -> dict[str, Any]:
    return looks[request.param]


def expected() -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = json.loads((HERE / "dashboard.json").read_text())["widgets"]
    return sorted(widgets, key=lambda widget: (widget["y"], widget["x"]))


def test_the_page_has_no_errors_and_sends_no_requests(look: dict[str, Any]) -> None:
    assert look["errors"] == []
    assert look["requests"] == []


def test_the_page_has_all_widgets_with_their_titles(look: dict[str, Any]) -> None:
    titles = [(widget["type"], widget["properties"].get("title", "")) for widget in expected()]
    assert [(widget["type"], widget["title"]) for widget in look["widgets"]] == titles
    assert [widget["title"] for widget in look["widgets"] if not widget["titleIsWhole"]] == []
    for box in (widget["titleBox"] for widget in look["widgets"] if widget["title"]):
        assert box["height"] > 14  # Without fonts, a browser renders no text.
        assert box["width"] > 50


def test_widgets_do_not_overlap_and_have_the_sizes_of_the_grid(look: dict[str, Any]) -> None:
    assert look["overlapping"] == []
    assert not look["isWiderThanWindow"]
    column = (look["width"] - 40) / 24
    for widget, definition in zip(look["widgets"], expected(), strict=True):
        assert widget["box"]["width"] == pytest.approx(definition["width"] * column, abs=10)
        assert widget["box"]["height"] == definition["height"] * 50 - 8


def test_charts_are_rendered_and_no_text_is_cut_off_or_overlaps(look: dict[str, Any]) -> None:
    charts = [chart for widget in look["widgets"] for chart in widget["charts"]]
    assert len(charts) == 14
    for chart in charts:
        assert chart["isDrawn"]
        assert chart["box"]["height"] > 20
    for widget in look["widgets"]:
        assert (widget["cut"], widget["colliding"], widget["scrolls"]) == ([], [], False), widget["title"]


def test_an_axis_shows_its_minimum_and_maximum(look: dict[str, Any]) -> None:
    (chart,) = next(widget for widget in look["widgets"] if widget["title"].startswith("GPU util"))["charts"]
    assert [chart["ticks"][0], chart["ticks"][-1]] == ["0", "100"]


def test_the_page_shows_states_and_numbers_as_text(look: dict[str, Any]) -> None:
    text = {widget["title"]: widget["text"] for widget in look["widgets"]}
    assert text["Alarms"].count("Not evaluated") == 3
    assert "Capacity in use" in text["Now"]
    assert "%" in text["Now"]
    assert text["Nothing here"] == "No data"


def test_the_background_follows_the_color_scheme(looks: dict[tuple[int, str], dict[str, Any]]) -> None:
    light, dark = (looks[1280, scheme]["background"] for scheme in ("light", "dark"))
    assert (light, dark) == ("rgb(242, 243, 243)", "rgb(15, 20, 26)")
