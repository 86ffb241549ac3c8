"""Tests of the cost of an environment: examples computed by hand, unknown prices, and the text."""

import re
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from fairlane.capacity import TrainingVpc
from fairlane.capacity.rules import Purchase
from fairlane.costs import CapacityLine, CapacityUse, EnvironmentCost, InstancePrices, InstanceService, NetworkUse
from fairlane.monitoring.costs import Line, MonthlyCost
from fairlane.monitoring.costs.prices import price_list
from fairlane.scheduling.capacity import NUM_INSTANCES

EC2, TRAINING = InstanceService.EC2, InstanceService.TRAINING
PRICES = InstancePrices(
    {
        (EC2, "g5.12xlarge", "us-east-1"): 5.672,
        (EC2, "g6.12xlarge", "us-east-1"): 4.6016,
        (TRAINING, "ml.p4d.24xlarge", "us-east-1"): 25.25,
    }
)


def use(item: str = "environment a", **changes: object) -> CapacityUse:
    settings: dict[str, object] = {
        "region": "us-east-1",
        "service": EC2,
        "instances": {"g5.12xlarge": 16},
    }
    return CapacityUse(item=item, **settings | changes)  # type: ignore[arg-type]


def test_an_endpoint_costs_each_hour_in_each_zone_and_a_nat_gateway_each_hour() -> None:
    network = NetworkUse(region="us-east-1", availability_zones=3, nat_gateways=2)
    lines: dict[str, Any] = {
        line.item: (line.quantity, line.usd) for line in EnvironmentCost(name="a", networks=[network]).network_lines
    }
    assert lines == {
        "Interface endpoints, in each zone": (19_710, pytest.approx(197.10)),  # 9 endpoints, 3 zones, 730 h, 0.01
        "NAT gateways": (1_460, pytest.approx(65.70)),  # 2 gateways, 730 h, 0.045
    }


def test_flow_logs_cost_by_instance_and_are_stored_for_the_retention_time() -> None:
    # 10 instances, 43,800 minutes, 100 records of 120 bytes: 5.256 GB.
    for days, stored in ((30, 5.256), (1, 0.1752), (365, 63.948)):
        network = NetworkUse(region="us-east-1", availability_zones=1, instances=10, log_retention_days=days)
        _, ingested, kept = EnvironmentCost(name="a", networks=[network]).network_lines
        assert ingested.item == "Flow logs, ingested"
        assert ingested.quantity == pytest.approx(5.256)
        assert ingested.usd == pytest.approx(2.628)
        assert kept.item == "Flow logs, stored"
        assert kept.quantity == pytest.approx(stored)
        assert kept.usd == pytest.approx(stored * 0.03)


def test_networks_add_up() -> None:
    one = NetworkUse(region="us-east-1", availability_zones=2)
    two = NetworkUse(region="eu-west-1", availability_zones=1, nat_gateways=1)
    cost = EnvironmentCost(name="a", networks=[one, two])
    assert [line.quantity for line in cost.network_lines] == [19_710, 730]
    assert "The prices of us-east-1 are used for eu-west-1" in cost.table()


def test_the_default_number_of_endpoints_is_that_of_a_training_vpc() -> None:
    stack = Stack(App(), "Stack")
    TrainingVpc(stack, "Vpc", availability_zones=2)
    endpoints = Template.from_stack(stack).find_resources("AWS::EC2::VPCEndpoint").values()
    interfaces = [each["Properties"] for each in endpoints if each["Properties"]["VpcEndpointType"] == "Interface"]
    assert len(interfaces) == NetworkUse(region="us-east-1", availability_zones=2).interface_endpoints
    assert {len(each["SubnetIds"]) for each in interfaces} == {2}


def test_instances_cost_their_price_in_each_hour_of_a_month() -> None:
    (line,) = EnvironmentCost(name="a", capacity=[use()], prices=PRICES).capacity_lines
    assert line == CapacityLine("environment a", 16, "g5.12xlarge", 5.672)
    assert line.usd_per_hour == pytest.approx(90.752)
    assert line.usd == pytest.approx(66_248.96)


def test_of_several_types_the_dearest_counts() -> None:
    dearest = use(instances={"g5.12xlarge": 16, "g6.12xlarge": 16})
    assert dearest.line(PRICES) == CapacityLine("environment a", 16, "g5.12xlarge", 5.672)
    fewer = use(instances={"g5.12xlarge": 1, "g6.12xlarge": 4})  # 5.672 and 18.4064
    assert fewer.line(PRICES) == CapacityLine("environment a", 4, "g6.12xlarge", 4.6016)
    unknown = use(instances={"g5.12xlarge": 16, "g6e.12xlarge": 16})
    assert unknown.line(PRICES) == CapacityLine("environment a", 16, "2 types", None)
    assert unknown.missing(PRICES) == [(EC2, "g6e.12xlarge", "us-east-1")]
    assert use(instances={"g5.12xlarge": 2, "g6e.12xlarge": 3}).line(PRICES).instances is None


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"region": "eu-west-1"}, [(EC2, "g5.12xlarge", "eu-west-1")]),
        ({"service": TRAINING, "instances": {"ml.p5.48xlarge": 1}}, [(TRAINING, "ml.p5.48xlarge", "us-east-1")]),
        ({"service": InstanceService.HYPERPOD, "instances": {"ml.p4d.24xlarge": 1}}, [(InstanceService.HYPERPOD, "ml.p4d.24xlarge", "us-east-1")]),
        ({"service": TRAINING, "instances": {NUM_INSTANCES: 5}}, []),
        ({"instances": {"g5.12xlarge": None}}, []),
        ({"purchase": Purchase.CAPACITY_BLOCK}, []),
    ],
)  # fmt: skip
def test_a_cost_is_unknown_without_a_price_a_type_or_a_number(changes: dict[str, Any], missing: list[object]) -> None:
    own = use(**changes)
    assert own.line(PRICES).usd is None
    assert own.missing(PRICES) == missing


def test_the_table_has_all_rows_a_total_of_each_section_and_no_more_than_100_columns() -> None:
    cost = EnvironmentCost(
        name="prod",
        monitoring=MonthlyCost((Line("Custom metrics", 400, "metric", 0.3, "https://a.com/b"),), ("One assumption.",)),
        networks=[NetworkUse(region="us-east-1", availability_zones=2)],
        capacity=[
            use("queue training", service=TRAINING, instances={"ml.p4d.24xlarge": 100}),
            use("environment spot", purchase=Purchase.SPOT),
            use("cluster, group reserved", purchase=Purchase.CAPACITY_BLOCK),
        ],
        prices=PRICES,
    )
    text = cost.table()
    assert text.startswith("Upper bound of the monthly cost of prod, in USD, at list prices of us-east-1 as of 20")
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert rows[3:] == [
        "Quantity Unit Price USD",
        "Monitoring",
        "Custom metrics 400 metric 0.30 120.00",
        "Monitoring, total 120.00",
        "Network",
        "Interface endpoints, in each zone 13,140 hour 0.01 131.40",
        "Network, total 131.40",
        "Total 251.40",
        "",
        "Instances at full use Count Type USD/hour All/hour All/730 h",
        "queue training 100 ml.p4d.24xlarge 25.25 2,525.00 1,843,250.00",
        "environment spot 16 g5.12xlarge <=5.672 90.75 66,248.96",
        "cluster, group reserved 16 g5.12xlarge prepaid - -",
        "Total of known prices 2,615.75 1,909,498.96",
        *rows[rows.index("Assumptions:") - 1 :],
    ]
    assert max(map(len, text.splitlines())) <= 100
    for words in ("One assumption.", "Gateway endpoints are free", "<= marks Spot", "prepaid marks", "730 hours"):
        assert words in " ".join(rows), words
    assert "A dash" not in text


def test_long_names_are_shortened() -> None:
    own = use("queue " + "a" * 128, service=TRAINING, instances={"ml.p6e-gb200.36xlarge": 100}, purchase=Purchase.SPOT)
    prices = InstancePrices({(TRAINING, "ml.p6e-gb200.36xlarge", "us-east-1"): 100.5})
    text = EnvironmentCost(name="a", capacity=[own], prices=prices).table()
    assert "queue " + "a" * 27 + "...  " in text
    assert max(map(len, text.splitlines())) <= 102  # the longest of all type names; others fit into 100 columns


def test_missing_prices_are_listed_with_the_regions_that_have_them() -> None:
    capacity = [use(region="eu-west-1"), use("b", instances={"p5.48xlarge": 1}), use("c", instances={NUM_INSTANCES: 2})]
    text = " ".join(EnvironmentCost(name="a", capacity=capacity, prices=PRICES).table().split())
    assert "us-east-1 b 1 p5.48xlarge - - - c 2 unknown type - - - Total of known prices - -" in text
    assert "Save prices by `aws pricing get-products`" in text
    assert text.endswith(
        "Missing: Amazon EC2 in eu-west-1: g5.12xlarge (known only in us-east-1); Amazon EC2 in us-east-1: p5.48xlarge."
    )
    assert "set instance_type of the queue" in text


def test_an_environment_without_costs_has_no_table() -> None:
    assert EnvironmentCost(name="a").table() == ""


def test_shipped_prices_of_networks_have_a_page_and_its_date() -> None:
    for name in NetworkUse(region="us-east-1", availability_zones=1).amounts():
        assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", price_list()["prices"][name]["date"])
