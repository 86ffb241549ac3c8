"""The estimated cost of environment files: networks, instances, price file, log retention, and how to turn it off."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from fairlane import ConfigurationError
from fairlane.capacity.rules import Purchase
from fairlane.costs import InstanceService
from fairlane.environment import Environment, load_environment
from fairlane.monitoring.costs import Line
from fairlane.scheduling.capacity import NUM_INSTANCES
from fairlane_stacks import build_stacks, synthesize
from fairlane_stacks.environment_cost import capacity_uses, estimate, network_uses
from tests.fairlane.costs.products import ec2, sagemaker, write

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "constructs" / "fairlane" / "cli" / "app_template" / "app_py.txt"
SMALL = """
region: us-east-1
queues:
  small: {capacity: 4, instance_type: ml.g5.xlarge, scheduling: {policy: fifo}}
"""
GPUS = """
region: us-east-1
log_retention_days: 90
queues:
  large:
    capacity: {ml.p5.48xlarge: 3, ml.p4d.24xlarge: 2}
    scheduling:
      policy: quota-management
      shares: {a: {capacity: {ml.p5.48xlarge: 3, ml.p4d.24xlarge: 2}, sharing: RESERVE}}
  untyped: {capacity: 5, scheduling: {policy: fifo}}
  one: {service_environment: shared, instance_type: ml.g5.xlarge, scheduling: {policy: fifo}}
  two: {service_environment: shared, instance_type: ml.g6.xlarge, scheduling: {policy: fifo}}
  containers: {compute_environments: [g5, mixed, block], scheduling: {policy: fifo}}
service_environments:
  shared: {capacity: 7}
network: {availability_zones: 3, nat_gateways: 2}
compute_environments:
  g5: {instance_types: [g5.12xlarge], max_gpus: 30, purchase: SPOT}
  mixed: {instance_types: [g5.xlarge, g5.12xlarge], max_gpus: 8}
  block:
    instance_types: [p5.48xlarge]
    max_gpus: 16
    purchase: CAPACITY_BLOCK
    capacity_reservation: cr-0123456789abcdef0
regions:
  eu-west-1:
    queues:
      away: {capacity: 1, instance_type: ml.g5.xlarge, scheduling: {policy: fifo}}
"""


def environment(tmp_path: Path, text: str) -> Environment:
    file = tmp_path / "prod.yaml"
    file.write_text(text)
    return load_environment(file)


def test_instances_at_full_use_are_the_limits_of_all_queues_and_environments(tmp_path: Path) -> None:
    uses = [*capacity_uses(environment(tmp_path, GPUS))]
    training, ec2_service = InstanceService.TRAINING, InstanceService.EC2
    assert [(use.item, use.region, use.service, dict(use.instances)) for use in uses] == [
        ("queue large", "us-east-1", training, {"ml.p5.48xlarge": 3}),
        ("queue large", "us-east-1", training, {"ml.p4d.24xlarge": 2}),
        ("queue untyped", "us-east-1", training, {NUM_INSTANCES: 5}),
        ("environment shared", "us-east-1", training, {"ml.g5.xlarge": 7, "ml.g6.xlarge": 7}),
        # 30 GPUs are 7.5 instances with 4 GPUs each.
        ("environment g5", "us-east-1", ec2_service, {"g5.12xlarge": 8}),
        # 8 GPUs are 32 vCPUs of g5.xlarge, and 8 of its instances, or one g5.12xlarge with 48 vCPUs.
        ("environment mixed", "us-east-1", ec2_service, {"g5.xlarge": 8, "g5.12xlarge": 1}),
        ("environment block", "us-east-1", ec2_service, {"p5.48xlarge": 2}),
        ("queue away", "eu-west-1", training, {"ml.g5.xlarge": 1}),
    ]
    assert [use.purchase for use in uses if use.service == ec2_service] == [
        Purchase.SPOT,
        Purchase.ON_DEMAND,
        Purchase.CAPACITY_BLOCK,
    ]


def test_a_service_environment_with_a_queue_without_type_has_an_unknown_type(tmp_path: Path) -> None:
    text = GPUS.replace("service_environment: shared, instance_type: ml.g6.xlarge", "service_environment: shared")
    uses = {use.item: use for use in capacity_uses(environment(tmp_path, text))}
    assert uses["environment shared"].instances == {NUM_INSTANCES: 7}


def test_a_new_network_has_endpoints_nat_gateways_and_a_flow_log(tmp_path: Path) -> None:
    (use,) = network_uses(environment(tmp_path, GPUS))
    assert (use.region, use.availability_zones, use.nat_gateways) == ("us-east-1", 3, 2)
    assert (use.instances, use.log_retention_days) == (8 + 8 + 2, 90)
    zones = GPUS.replace("availability_zones: 3, nat_gateways: 2", "availability_zone_ids: [use1-az4]")
    (use,) = network_uses(environment(tmp_path, zones))
    assert (use.availability_zones, use.nat_gateways) == (1, 0)
    existing = GPUS.replace(
        "availability_zones: 3, nat_gateways: 2", "vpc_id: vpc-01234567, subnet_ids: [subnet-01234567]"
    )
    assert [*network_uses(environment(tmp_path, existing))] == []
    assert [*network_uses(environment(tmp_path, SMALL + "network: {}\n"))] == []


def test_each_cluster_has_a_network_and_rows_of_groups_and_pools() -> None:
    example = load_environment(REPOSITORY / "environments" / "hyperpod.yaml")
    uses = {use.item: use for use in capacity_uses(example)}
    assert {item: dict(use.instances) for item, use in uses.items()} == {
        "training, group system": {"ml.m5.2xlarge": 3},
        "training, group p5": {"ml.p5.48xlarge": 32},
    }
    assert uses["training, group p5"].purchase == Purchase.CAPACITY_BLOCK
    (network,) = network_uses(example)
    assert (network.availability_zones, network.nat_gateways, network.instances) == (2, 2, 35)


@pytest.mark.parametrize(
    ("limit", "instances"),
    [("max_accelerators: 12", 2), ("max_vcpus: 384", 2), ("max_accelerators: 8, max_vcpus: 999", 1), ("", None)],
)
def test_node_pools_have_the_instances_that_reach_a_limit(tmp_path: Path, limit: str, instances: int | None) -> None:
    pool = f"instance_groups: [gpu]{', ' * bool(limit)}{limit}"
    text = f"""
region: us-east-1
network: {{}}
hyperpod:
  lab:
    kubernetes: {{chart: "oci://registry.example.com/chart:1.0.0"}}
    instance_groups:
      system: {{instance_type: ml.m5.2xlarge, instance_count: 3}}
      gpu: {{instance_type: ml.p5.48xlarge, instance_count: 0, purchase: SPOT}}
    autoscaling:
      pool: {{{pool}}}
"""
    _, use = capacity_uses(environment(tmp_path, text))
    assert (use.item, use.purchase) == ("lab, node pool pool", Purchase.SPOT)
    assert dict(use.instances) == {"ml.p5.48xlarge": instances}


@pytest.mark.parametrize("path", ["prices.json", "prices"])
def test_the_price_file_is_relative_to_the_environment_file(tmp_path: Path, path: str) -> None:
    (tmp_path / "prices").mkdir()
    for file in (tmp_path / "prices.json", tmp_path / "prices" / "training.json"):
        write(file, sagemaker("USE1-Train:ml.g5.xlarge", "1.408"), ec2("g5.12xlarge"))
    (line,) = estimate("prod", environment(tmp_path, f"prices: {path}\n{SMALL}"), None).capacity_lines
    assert line.usd_per_hour == pytest.approx(5.632)
    assert line.usd == pytest.approx(4_111.36)


def test_an_empty_path_is_refused_and_a_wrong_price_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="prices: got '', allowed: the path of a file or folder"):
        environment(tmp_path, f'prices: ""\n{SMALL}')
    prod = environment(tmp_path, f"prices: none.json\n{SMALL}")
    with pytest.raises(ConfigurationError, match=f"{tmp_path}/none.json: 1 problem\n  - the file cannot be read"):
        estimate("prod", prod, None)


def logs(tmp_path: Path, days: str) -> dict[str, Line]:
    text = f"{SMALL}job_metrics: {{}}\n{days}"
    stacks = build_stacks(cdk.App(), "prod", environment(tmp_path, text))
    cost = next(cost for stack in stacks if (cost := getattr(stack, "cost", None)))
    return {line.item: line for line in cost.estimate.lines if line.item.startswith("Logs")}


def test_the_stored_logs_of_monitoring_follow_the_retention_time(tmp_path: Path) -> None:
    for days, factor in (("", 1), ("log_retention_days: 90", 3), ("log_retention_days: 3", 0.1)):
        lines = logs(tmp_path, days)
        assert lines["Logs, stored"].quantity == pytest.approx(factor * lines["Logs, ingested"].quantity)


def printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str, text: str = SMALL, **context: Any
) -> str:
    app = cdk.App(context=context, outdir=str(tmp_path / "cdk.out"))
    synthesize(app, build_stacks(app, "prod", environment(tmp_path, text)), arguments)
    return capsys.readouterr().err


def test_one_table_is_printed_unless_it_is_turned_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for context in ({}, {"costs": "on"}):
        text = printed(tmp_path, capsys, **context)
        assert text.count("Upper bound of the monthly cost of prod") == 1
        assert "queue small" in text
    wrong = f"prices: none.json\n{SMALL}"  # is not read
    assert "Upper bound" not in printed(tmp_path, capsys, "--no-costs", text=wrong)
    assert "Upper bound" not in printed(tmp_path, capsys, costs="off", text=wrong)


def test_unknown_arguments_and_context_values_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        printed(tmp_path, capsys, "--no-costs", "--no-cost", costs="of")
    assert [str(problem) for problem in caught.value.problems] == [
        "arguments[1]: got '--no-cost', allowed: --no-costs",
        "costs: got 'of', allowed: on or off (-c costs=off)",
    ]


@pytest.mark.slow
def test_the_app_of_fairlane_init_takes_the_argument(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    environment(tmp_path / "environments", SMALL)
    (tmp_path / "app.py").write_text(TEMPLATE.read_text())
    context = os.environ | {
        "CDK_CONTEXT_JSON": json.dumps({"environment": "prod"}),
        "CDK_OUTDIR": str(tmp_path / "out"),
    }
    command = [sys.executable, "app.py", "--no-costs"]
    done = subprocess.run(command, cwd=tmp_path, env=context, capture_output=True, text=True, check=True)
    assert "Upper bound" not in done.stderr
    assert "synthesize(app, stacks, sys.argv[1:])" in (REPOSITORY / "app.py").read_text()
