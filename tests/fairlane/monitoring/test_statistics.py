"""Tests of the syntax of CloudWatch statistics."""

import botocore.session
import pytest

from fairlane.monitoring.statistics import is_statistic

SIMPLE = botocore.session.get_session().get_service_model("cloudwatch").shape_for("Statistic").enum


@pytest.mark.parametrize(
    "text",
    [
        *SIMPLE,
        "IQM",
        "p0.1",
        "p99",
        "p99.9999999999",
        "p100",
        "tm90",
        "wm98",
        "tc90",
        "ts90",
        "TM(2%:98%)",
        "TM(150:1000)",
        "WM(10%:90%)",
        "PR(:300)",
        "PR(100:2000)",
        "TC(0.005:0.030)",
        "TS(80%:)",
    ],
)
def test_documented_statistics_are_accepted(text: str) -> None:
    assert is_statistic(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mean",
        "median",
        "iqm",
        "p",
        "p0",
        "p101",
        "p99.99999999999",
        "p-1",
        "P99",
        "tm(10%:90%)",
        "TM(10%)",
        "TM(:)",
        "TM(%:)",
        "TM(10%:%)",
        "TM(10:90%)",
        "TM(90%:10%)",
        "TM(10%:101%)",
        "PR(10%:90%)",
        "Sum of all",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    assert not is_statistic(text)
