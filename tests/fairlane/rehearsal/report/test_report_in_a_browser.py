"""The report in a browser: in light and in dark, all is drawn and nothing is cut off."""

import json
import os
import platform
import subprocess
import sys
from typing import Any

import pytest

from fairlane import Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Load, generate, rehearse, render_report, summarize
from tests.support import REPOSITORY

P4 = "ml.p4d.24xlarge"
POLICY = QuotaManagement(
    QuotaShare(name="a", capacity={P4: 6}, sharing=Sharing.LEND_AND_BORROW),
    QuotaShare(name="b", capacity={P4: 4}, sharing=Sharing.LEND_AND_BORROW),
)

pytestmark = [
    pytest.mark.skipif(
        not (REPOSITORY / "node_modules" / "@sparticuz" / "chromium").exists(), reason="needs Chromium: npm ci"
    ),
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="this Chromium is one for Linux on x86-64"
    ),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What is to be seen in light and in dark."""
    folder = tmp_path_factory.mktemp("browser")
    load = Load(jobs_per_day=30, run=20_000, checkpoint=1800)
    trace = generate(1, days=7, shares={"a": load, "b": Load(jobs_per_day=5, sweeps_per_day=2, checkpoint=600)})
    rehearsals = {
        "now": rehearse(POLICY, trace, capacity={P4: 10}),
        "with fifo": rehearse(Fifo(), trace, capacity=10),
    }
    (folder / "report.html").write_text(render_report(rehearsals, summarize(rehearsals), title="A rehearsal"))
    looks = [{"width": 1280, "scheme": "light"}, {"width": 1920, "scheme": "dark"}]
    browser = REPOSITORY / "tests" / "fairlane" / "preview" / "browser.mjs"
    command = ["node", str(browser), str(folder / "report.html"), json.dumps(looks)]
    environment = os.environ | {"TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    facts: list[dict[str, Any]] = json.loads(done.stdout)
    return facts


def test_nothing_goes_wrong_and_nothing_is_fetched(seen: list[dict[str, Any]]) -> None:
    assert [(look["errors"], look["requests"]) for look in seen] == [([], []), ([], [])]


def test_all_is_drawn_and_nothing_is_cut_off_or_upon_another(seen: list[dict[str, Any]]) -> None:
    for look in seen:
        assert (look["overlapping"], look["isWiderThanWindow"]) == ([], False)
        assert [widget["type"] for widget in look["widgets"]] == ["use", "waits", "preemptions"] * 2
        drawn = [chart["isDrawn"] for widget in look["widgets"] for chart in widget["charts"]]
        assert drawn == [True] * 5
        for widget in look["widgets"]:
            assert widget["titleIsWhole"]
            assert (widget["cut"], widget["colliding"], widget["scrolls"]) == ([], [], False), widget["title"]


def test_dark_is_dark(seen: list[dict[str, Any]]) -> None:
    assert [look["background"] for look in seen] == ["rgb(242, 243, 243)", "rgb(15, 20, 26)"]
