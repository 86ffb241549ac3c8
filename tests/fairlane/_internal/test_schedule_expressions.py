"""Schedule expressions that EventBridge Scheduler takes, and others."""

import pytest

from fairlane._internal.schedule_expressions import is_schedule


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minute)",
        "rate(1 day)",
        "rate(2 hours)",
        "rate(90 minutes)",
        "cron(0 6 * * ? *)",
        "cron(0 6 ? * MON-FRI *)",
        "cron(0,30 */2 ? * 2,4 2026-2030)",
        "cron(5/10 8-18 L JAN-MAR,DEC ? *)",
        "cron(0 0 15W * ? *)",
        "cron(0 0 LW * ? *)",
        "cron(59 23 31 12 ? 2199)",
        "cron(0 0 ? * 6#3 *)",
        "cron(0 0 ? * 5L *)",
    ],
)
def test_expressions_that_are_taken(text: str) -> None:
    assert is_schedule(text)


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 days)",
        "rate(2 day)",
        "rate(0 minutes)",
        "rate(1 week)",
        "cron(0 6 * * * *)",
        "cron(0 6 ? * ? *)",
        "cron(0 6 1 * 2 *)",
        "cron(60 6 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 6 0 * ? *)",
        "cron(0 6 32 * ? *)",
        "cron(0 6 * 13 ? *)",
        "cron(0 6 * MON ? *)",
        "cron(0 6 ? * 8 *)",
        "cron(0 6 ? * MON#6 *)",
        "cron(0 6 * * ? 1969)",
        "cron(? 6 * * ? *)",
        "cron(0/0 6 * * ? *)",
        "cron(1- 6 * * ? *)",
        "cron(, 6 * * ? *)",
        "cron(0 6 * * ?)",
        "cron(0 6 * * ? * *)",
        "at(2026-11-20T13:00:00)",
        "",
    ],
)
def test_expressions_that_are_refused(text: str) -> None:
    assert not is_schedule(text)
