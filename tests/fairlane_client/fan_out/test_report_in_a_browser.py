"""HTML page of a manifest in a browser, in light and dark: everything is drawn and nothing is cut off."""

import json
import os
import platform
import subprocess
import sys
from typing import Any

import pytest

from tests.fairlane_client.fan_out.reports import page, progress
from tests.support import REPOSITORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (REPOSITORY / "node_modules" / "@sparticuz" / "chromium").exists(), reason="needs Chromium: npm ci"
    ),
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the Chromium package is for Linux on x86-64"
    ),
]


@pytest.fixture(scope="module", params=[8, 20_000])
def views(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the browser's findings about the page, in light and in dark."""
    folder = tmp_path_factory.mktemp("browser")
    html = page(progress(request.param))
    (folder / "fan-out.html").write_text(html)
    looks = [{"width": 1280, "scheme": "light"}, {"width": 1920, "scheme": "dark"}]
    browser = REPOSITORY / "tests" / "fairlane" / "preview" / "browser.mjs"
    command = ["node", str(browser), str(folder / "fan-out.html"), json.dumps(looks)]
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    findings: list[dict[str, Any]] = json.loads(done.stdout)
    return findings


def test_the_page_has_no_errors_and_fetches_nothing(views: list[dict[str, Any]]) -> None:
    assert [(view["errors"], view["requests"]) for view in views] == [([], []), ([], [])]


def test_all_charts_are_drawn_without_cuts_or_overlaps(views: list[dict[str, Any]]) -> None:
    for view in views:
        assert (view["overlapping"], view["isWiderThanWindow"]) == ([], False)
        assert [widget["type"] for widget in view["widgets"]] == ["jobs", "states", "reasons"]
        assert all(chart["isDrawn"] for widget in view["widgets"] for chart in widget["charts"])
        for widget in view["widgets"]:
            assert len(widget["charts"]) == 1 or widget["text"], widget["title"]
            assert widget["titleIsWhole"]
            assert (widget["cut"], widget["colliding"], widget["scrolls"]) == ([], [], False), widget["title"]


def test_the_background_follows_the_color_scheme(views: list[dict[str, Any]]) -> None:
    assert [view["background"] for view in views] == ["rgb(242, 243, 243)", "rgb(15, 20, 26)"]
