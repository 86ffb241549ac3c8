"""Example and output of the page on starts of jobs."""

import re
from random import Random

from fairlane_client.eta.answer import estimate
from fairlane_client.eta.back_test import state_at
from fairlane_client.eta.report import render
from fairlane_local.testing.local_batch import LocalBatch
from tests.fairlane_client.eta.worlds import DAY, MONDAY, history, queue_of, seen_at
from tests.support import REPOSITORY

_PAGE = (REPOSITORY / "docs" / "when-will-my-job-start.md").read_text()


def output() -> str:
    """Return the estimates for a queue of 12 instances after two weeks."""
    now = MONDAY + 13 * DAY + 10 * 3600
    known = seen_at(history("fair-share", Random(7), 14), now)
    state = state_at(queue_of("fair-share"), known, now)
    return render(estimate(state, known, start=MONDAY))


def test_the_page_shows_the_output_of_the_command() -> None:
    blocks = re.findall(r"^```text\n(.*?)^```", _PAGE, re.DOTALL | re.MULTILINE)
    assert output() + "\n" in blocks


def test_the_example_answers(local_batch: LocalBatch) -> None:
    local_batch.deploy(REPOSITORY / "environments" / "example.yaml")
    local_batch.submit("training-p4", share="ProdExp1", instances=100, run=3600, name="train-1")
    local_batch.advance(4000)
    local_batch.submit("training-p4", share="ProdExp1", instances=100, run=3600, name="train-2")
    local_batch.advance(600)
    local_batch.submit("training-p4", share="ProdExp1", instances=100, name="train-3")
    local_batch.advance(5)
    (code,) = re.findall(r"^```python\n(.*?)^```", _PAGE, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    exec(code, names)
    hours = names["hours_until_start"]("training-p4", "train-3")  # type: ignore[operator]
    assert hours >= 0.8
