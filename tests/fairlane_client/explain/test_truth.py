"""Reasons of answers, compared with the scheduler of the local AWS over random histories."""

import pytest

from fairlane_client.explain import Reason
from tests.fairlane_client.explain.world import KINDS, LEAST_CORRECT, Case, measure, table

ARRAYS = {"containers", "environments"}


def check(cases: list[Case]) -> None:
    rows, part = table(cases)
    assert part >= LEAST_CORRECT, rows
    determined = [case for case in cases if case.kind not in ("environments", "reserved")]
    assert sum(case.answer is Reason.UNKNOWN for case in determined) <= len(determined) / 100
    assert max((case.calls for case in cases if case.kind not in ARRAYS), default=0) <= 15


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_names_the_true_reason(kind: str) -> None:
    cases = measure([kind], range(2))
    assert len(cases) > 60
    check(cases)


@pytest.mark.soak
def test_at_least_99_of_100_answers_name_the_true_reason() -> None:
    cases = measure(KINDS, range(30))
    check(cases)
    assert {case.truth for case in cases} >= {*Reason} - {Reason.UNKNOWN, Reason.RETRY}
