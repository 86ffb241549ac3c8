"""Tests of the bill: tiers, an example computed by hand, the table, and the limit."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import Aws
from hypothesis import given
from hypothesis import strategies as st

from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.costs import Line, MonitoringUse, MonthlyCost, QueueUse, monthly_cost
from fairlane.monitoring.costs.estimate import limit_problems
from fairlane.monitoring.costs.prices import bill_lines, price_list
from tests.fairlane_lambda.queue_poller.polling import NAMES

FAIR = QueueUse(service=False, shares=3, entitled=3, other=True, preemption=False, limit=True)
USE = MonitoringUse(
    region="us-east-1",
    queues=(FAIR,),
    interval_minutes=5,
    alarm_metrics=12,
    composite_alarms=2,
    dashboards=1,
    keys=3,
    jobs_per_month=1_000,
    reason_count=4,
    notifications_per_month=2_000,
)
SMALL = MonitoringUse(region="us-east-1", alarm_metrics=1_234)


def usd(lines: Iterable[Line]) -> float:
    return sum(line.usd for line in lines)


@pytest.mark.parametrize(
    ("series", "dollars"),
    [
        (0, 0),
        (1, 0.30),
        (9_999, 2_999.70),
        (10_000, 3_000),
        (10_001, 3_000.10),
        (250_000, 27_000),
        (250_001, 27_000.05),
        (1_000_000, 64_500),
        (1_000_001, 64_500.02),
    ],
)
def test_tiers_of_custom_metrics(series: int, dollars: float) -> None:
    assert usd(bill_lines("metrics", [series])) == pytest.approx(dollars)


def test_each_region_starts_at_the_first_tier() -> None:
    (first, second) = bill_lines("metrics", [10_001, 9_999])
    assert (first.item, first.quantity) == ("Custom metrics, first 10,000", 19_999)
    assert (second.item, second.quantity) == ("Custom metrics, next 240,000", 1)
    *_, last = bill_lines("metrics", [1_000_010])
    assert (last.item, last.quantity, last.price) == ("Custom metrics, beyond 1,000,000", 10, 0.02)


@given(st.lists(st.integers(0, 3_000_000), max_size=4))
def test_tiers_contain_each_series_once(amounts: list[int]) -> None:
    lines = list(bill_lines("metrics", amounts))
    assert sum(line.quantity for line in lines) == sum(amounts)
    assert usd(lines) == pytest.approx(sum(usd(bill_lines("metrics", [amount])) for amount in amounts))


def test_each_price_has_a_source_and_rising_tiers() -> None:
    prices = price_list()
    assert re.fullmatch(r"20\d\d-\d\d", prices["as_of"])
    for price in prices["prices"].values():
        assert price["source"].startswith("https://")
        *ends, last = [upto for upto, _ in price["tiers"]]
        assert last is None
        assert ends == sorted(ends)


def test_an_example_computed_by_hand() -> None:
    lines = {line.item: line for line in monthly_cost([USE], NAMES).lines}
    # 15 gauges, 9 for each of 3 shares and 8 for `other`; event metrics: 4, 8 by reason, 9 for each of 4 shares; `unknown`.
    expected: dict[str, tuple[float, float]] = {
        "Custom metrics, first 10,000": (15 + 27 + 8 + 4 + 8 + 36 + 1, 99 * 0.30),
        "Metrics in alarms": (12, 1.20),
        "Composite alarms": (2, 1.00),
        "Dashboards": (1, 3.00),
        # 8,928 polls in 31 days with 1,200 B for the queue, 800 for each share and Lambda's 400; 2,000 events of 2,100 B.
        "Logs, ingested": (0.0470544, 0.0235272),
        "Logs, stored": (0.0470544, 0.001411632),
        "Lambda, requests": (0.010928, 0.0021856),
        # A quarter of a GB for 1.1 s in each poll and for 0.1 s for each event.
        "Lambda, duration on arm64": (2_505.2, 0.033403),
        # 5 pollers with 3 requests a minute, and 3 requests for each event.
        "SQS, requests": (0.6756, 0.27024),
        "EventBridge, events of AWS services": (0.002, 0),
        "EventBridge Scheduler, invocations": (0.008928, 0.008928),
        "SNS, requests": (0.002, 0.001),
        "KMS keys": (3, 3.00),
    }
    assert lines.keys() == expected.keys()
    for item, (quantity, dollars) in expected.items():
        assert lines[item].quantity == pytest.approx(quantity), item
        assert lines[item].usd == pytest.approx(dollars, rel=1e-4), item
    assert monthly_cost([USE], NAMES).usd == pytest.approx(38.240, abs=0.001)


def test_nothing_costs_nothing() -> None:
    for uses in ([], [MonitoringUse(region="us-east-1")]):
        cost = monthly_cost(uses, NAMES)
        assert cost.lines == ()
        assert cost.usd == 0
        lines, _, assumptions = cost.table().partition("\n\nAssumptions:\n")
        assert lines.splitlines()[1] == "(addresses: fairlane/monitoring/costs/prices.json):"
        assert lines.splitlines()[-1].split() == ["Total", "0.00"]
        assert "Free tiers are not deducted." in assumptions


def test_regions_add_up() -> None:
    other = replace(USE, region="eu-west-1", queues=(FAIR, FAIR), interval_minutes=1)
    both = monthly_cost([USE, other], NAMES).usd
    assert both == pytest.approx(monthly_cost([USE], NAMES).usd + monthly_cost([other], NAMES).usd)


@pytest.mark.parametrize(
    "more",
    [
        {"queues": (FAIR, FAIR)},
        {"queues": (replace(FAIR, shares=4),)},
        {"interval_minutes": 4},
        {"alarm_metrics": 13},
        {"composite_alarms": 3},
        {"dashboards": 2},
        {"keys": 4},
        {"jobs_per_month": 1_001},
        {"reason_count": 5},
        {"notifications_per_month": 2_001},
    ],
    ids=str,
)
def test_more_costs_more(more: dict[str, Any]) -> None:
    assert monthly_cost([replace(USE, **more)], NAMES).usd > monthly_cost([USE], NAMES).usd


def test_the_table() -> None:
    cost = MonthlyCost(
        (
            Line("Dashboards", 2, "dashboard", 3.0, "https://a.com/x"),
            Line("Requests", 0.0125, "million", 1234.5, "https://b.com/y"),
            Line("Keys", 1, "key", 1.0, "https://a.com/z"),
        ),
        ("Many words that are assumed. " * 6,),
    )
    assert cost.table() == "\n".join(
        [
            "Upper bound of the monthly cost of monitoring, in USD, at list prices of us-east-1 as of 2026-11",
            "(a.com, b.com; addresses: fairlane/monitoring/costs/prices.json):",
            "",
            "            Quantity  Unit         Price    USD",
            "Dashboards         2  dashboard     3.00   6.00",
            "Requests      0.0125  million    1234.50  15.43",
            "Keys               1  key           1.00   1.00",
            "Total                                     22.43",
            "",
            "Assumptions:",
            "- Many words that are assumed. Many words that are assumed. Many words that are assumed. Many words",
            "  that are assumed. Many words that are assumed. Many words that are assumed.",
        ]
    )


def test_the_table_lists_the_assumptions() -> None:
    text = " ".join(monthly_cost([USE, SMALL], NAMES).table().split())
    assert "us-east-1: 1 queue polled every 5 minutes, 1,000 jobs a month, 4 failure reasons and 4 blocking" in text
    assert "Free tiers are not deducted." in text
    assert "Every series has data in every hour." in text
    assert "are used for" not in text
    assert "0.0000133334" in text
    assert "Every series" not in monthly_cost([SMALL], NAMES).table()


@pytest.mark.parametrize(
    ("region", "name"),
    [("eu-west-1", "eu-west-1"), pytest.param(Aws.REGION, "a Region known only at deployment", id="token")],
)
def test_the_prices_of_one_region_are_used_for_all(region: str, name: str) -> None:
    table = monthly_cost([replace(SMALL, region=region), SMALL], NAMES).table()
    assert f"- The prices of us-east-1 are used for {name}, where some prices may differ." in " ".join(table.split())
    assert "Token" not in table


@pytest.mark.parametrize("limit", [0, -1, -0.5, True, float("nan"), float("inf"), "100", None])
def test_an_invalid_limit_is_refused(limit: object) -> None:
    allowed = "an amount in USD a month: a number above 0"
    assert list(limit_problems(monthly_cost([SMALL], NAMES), limit)) == [Problem(("limit_usd",), limit, allowed)]


def test_a_cost_above_the_limit_is_refused() -> None:
    (problem,) = limit_problems(monthly_cost([SMALL], NAMES), 100)
    assert str(problem) == (
        "limit_usd: monitoring costs about $124 a month, above the limit of $100: use fewer shares, alarms or "
        'dashboards, or raise the limit; the largest line is "Metrics in alarms" with $123.40'
    )
    assert "about $124" in str(ConfigurationError("Training", [problem]))


def test_a_cost_above_the_limit_by_cents_is_rounded_up() -> None:
    (problem,) = limit_problems(monthly_cost([SMALL], NAMES), 123.4)
    assert "monitoring costs about $124 a month, above the limit of $123.4:" in str(problem)


@pytest.mark.parametrize("limit", [124, 123.41, 1e9])
def test_a_cost_within_the_limit_is_accepted(limit: float) -> None:
    assert not list(limit_problems(monthly_cost([SMALL], NAMES), limit))
