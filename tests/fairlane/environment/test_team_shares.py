"""Shares of teams. Queues of several Regions can have the same name and different shares."""

from pathlib import Path

import pytest

from fairlane.environment import load_environment
from tests.support import problems_of

FILE = """
region: us-east-1
job_metrics: {}
queues:
  q: {capacity: 4, scheduling: {policy: fair-share, weight_factors: {a: 1, b: 1}}}
regions:
  eu-west-1:
    job_metrics: {}
    queues:
      q: {capacity: 4, scheduling: {policy: fair-share, weight_factors: {b: 1, c: 1}}}
  eu-central-1:
    queues:
      q: {capacity: 4, scheduling: {policy: fair-share, weight_factors: {unwatched: 1}}}
dashboard:
  teams: {vision: %s}
"""
ALLOWED = "a share of queue q: a, b, c"


def write(folder: Path, team: str) -> Path:
    path = folder / "prod.yaml"
    path.write_text(FILE % team)
    return path


@pytest.mark.parametrize("shares", [["a"], ["b"], ["c"], ["a", "b", "c"]])
def test_a_share_may_be_in_any_region_that_exports_metrics(tmp_path: Path, shares: list[str]) -> None:
    teams = load_environment(write(tmp_path, f"{{q: [{', '.join(shares)}]}}")).dashboard.teams
    assert teams == {"vision": {"q": shares}}


@pytest.mark.parametrize(
    ("team", "problems"),
    [
        ("{q: [z]}", [f"line 15, dashboard.teams.vision.q[0]: got 'z', allowed: {ALLOWED}"]),
        ("{q: [a, unwatched]}", [f"line 15, dashboard.teams.vision.q[1]: got 'unwatched', allowed: {ALLOWED}"]),
        ("{q: [a, a]}", ["line 15, dashboard.teams.vision.q[1]: a is listed twice: list each share once"]),
        ("{q: []}", ["line 15, dashboard.teams.vision.q: a team requires at least one share of queue q"]),
        ("{}", ["line 15, dashboard.teams.vision: a team requires shares of at least one queue"]),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_key(tmp_path: Path, team: str, problems: list[str]) -> None:
    assert problems_of(lambda: load_environment(write(tmp_path, team))) == problems
