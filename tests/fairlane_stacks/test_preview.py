"""Dashboards of the example environment, rendered in a browser."""

import json
import os
import subprocess
from pathlib import Path

import aws_cdk as cdk
import pytest

from fairlane.environment import Environment, load_environment
from fairlane.preview import preview
from fairlane.preview.body import read_dashboards
from fairlane_stacks import build_stacks
from tests.fairlane.preview.test_browser import HERE, LOOKS, pytestmark
from tests.support import REPOSITORY

pytestmark = [*pytestmark, pytest.mark.slow]


def test_widgets_do_not_overlap_and_titles_are_complete_at_all_widths_and_color_schemes(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path / "out"))
    build_stacks(app, "example", load_environment(REPOSITORY / "environments" / "example.yaml"))
    app.synth()
    names = preview(tmp_path / "out", tmp_path / "dashboards.html")
    assert names == ["fairlane-example", "fairlane-example-production"]
    looks = json.dumps([{"width": width, "scheme": scheme} for width, scheme in LOOKS])
    done = subprocess.run(
        ["node", str(HERE / "browser.mjs"), str(tmp_path / "dashboards.html"), looks],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    for look in json.loads(done.stdout):
        assert (look["errors"], look["requests"], look["overlapping"]) == ([], [], [])
        assert len(look["widgets"]) > 100
        for widget in look["widgets"]:
            assert (widget["cut"], widget["colliding"], widget["scrolls"]) == ([], [], False), widget["title"]
            assert widget["titleIsWhole"], widget["title"]


def test_the_preview_shows_the_states_of_alarms_in_further_stacks_and_regions(tmp_path: Path) -> None:
    fifo = {"capacity": 4, "scheduling": {"policy": "fifo"}}
    region = {"queues": {"away": fifo}, "job_metrics": {}}
    settings = {
        "region": "us-east-1",
        "account": "111122223333",
        "queues": {"q": fifo, "nightly": fifo},
        "job_metrics": {"stacks": 2},
        "regions": {"eu-west-1": region},
    }
    app = cdk.App(outdir=str(tmp_path / "out"))
    build_stacks(app, "prod", Environment.model_validate(settings))
    app.synth()
    (dashboard,) = read_dashboards(tmp_path / "out")
    shown = [arn for widget in dashboard.widgets for arn in widget.properties.alarms]
    names = {arn.rpartition(":alarm:")[2] for arn in shown if ":alarm:" in arn}
    assert {"fairlane-prod-q-warning", "fairlane-prod-eu-west-1-away-critical"} <= names
    assert names <= set(dashboard.alarms.names.values())
    assert not dashboard.alarms.not_evaluated
    preview(tmp_path / "out", tmp_path / "dashboards.html")
    page = (tmp_path / "dashboards.html").read_text()
    assert "fairlane-prod-eu-west-1-away-critical" in page
