"""Templates of the example environment with a fan-out: snapshot, validators, Regions, outputs and sizes."""

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from fairlane.environment import Environment, load_environment
from fairlane_stacks import TrainingStack, build_stacks
from fairlane_stacks.template_sizes import MAX_TEMPLATE
from tests import arrays, cfn_lint
from tests.aws_limits import violations
from tests.iam.roles import Deployment
from tests.iam_evaluator import Request, allowed
from tests.support import REPOSITORY, recommended_flags, template_of

FLAGS = {"all recommended flags": recommended_flags(), "no flags": {}}
QUEUE = {"capacity": 4, "scheduling": {"policy": "fifo"}}
REGIONS = [f"eu-west-{number}" for number in range(1, 21)]


def environment() -> Environment:
    return load_environment(REPOSITORY / "environments" / "fan-out.yaml")


def build(flags: dict[str, Any]) -> tuple[cdk.App, list[cdk.Stack]]:
    app = cdk.App(context=flags)
    return app, build_stacks(app, "fan-out", environment())


def of_many_regions(count: int) -> list[TrainingStack]:
    """Return the training stacks of a fan-out over many Regions with two queues each."""
    home, *others = REGIONS[:count]
    queues = {f"training-{number}": QUEUE for number in range(2)}
    fan_out = {
        "queues": {region: list(queues) for region in REGIONS[:count]},
        "execution_roles": ["campaigns"],
        "template": str(REPOSITORY / "environments" / "fan-outs" / "campaigns.json"),
    }
    settings = {
        "region": home,
        "account": "123456789012",
        "execution_roles": {"campaigns": {"repositories": ["training/pytorch"]}},
        "queues": queues,
        "fan_outs": {"campaigns": fan_out},
        "regions": {region: {"queues": queues} for region in others},
    }
    stacks = build_stacks(cdk.App(), "prod", Environment.model_validate(settings))
    return [stack for stack in stacks if isinstance(stack, TrainingStack)]


def test_the_templates_are_the_ones_that_were_reviewed(snapshot: SnapshotAssertion) -> None:
    _, stacks = build(FLAGS["all recommended flags"])
    templates = {stack.stack_name: template_of(stack) for stack in stacks if isinstance(stack, TrainingStack)}
    without_hashes = re.sub(r"[0-9a-f]{64}", "HASH", json.dumps(templates))
    assert json.loads(without_hashes) == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(FLAGS["all recommended flags"], id="all recommended flags"),
        pytest.param(FLAGS["no flags"], id="no flags", marks=pytest.mark.slow),
    ],
)
def test_all_validators_accept_the_templates(flags: dict[str, Any]) -> None:
    app, stacks = build(flags)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    for stack in stacks:
        template = template_of(stack)
        assert cfn_lint.findings(template) == []
        assert violations(template) == []
        assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_the_home_region_has_the_fan_out_and_other_regions_send_events_home() -> None:
    _, stacks = build({})
    home, europe = (stack for stack in stacks if isinstance(stack, TrainingStack))
    assert (list(home.fan_outs), home.fan_out_regions) == (["campaigns"], {})
    assert (europe.fan_outs, list(europe.fan_out_regions)) == ({}, ["campaigns"])
    kinds = [entry["Type"] for entry in template_of(europe)["Resources"].values()]
    assert sorted(kind for kind in kinds if "Batch" not in kind) == ["AWS::Events::Rule", "AWS::IAM::Role"]
    outputs = template_of(home)["Outputs"]
    assert {name for name in outputs if "FanOut" in name} == {
        "campaignsFanOutBucketName",
        "campaignsFanOutStateMachineArn",
        "campaignsFanOutWorkgroup",
    }


def test_a_region_without_a_queue_of_the_fan_out_gets_nothing() -> None:
    template = REPOSITORY / "environments" / "fan-outs" / "campaigns.json"
    fan_out = {"queues": {"eu-west-1": "training-p4"}, "execution_roles": ["campaigns"], "template": str(template)}
    settings = {
        "region": "us-east-1",
        "execution_roles": {"campaigns": {}},
        "fan_outs": {"campaigns": fan_out},
        "regions": {"eu-west-1": {"queues": {"training-p4": QUEUE}}, "eu-west-2": {"queues": {"other": QUEUE}}},
    }
    stacks = build_stacks(cdk.App(), "prod", Environment.model_validate(settings))
    assert {stack.region: len(stack.fan_out_regions) for stack in stacks if isinstance(stack, TrainingStack)} == {
        "us-east-1": 0,
        "eu-west-1": 1,
        "eu-west-2": 0,
    }


def test_the_execution_role_is_for_the_jobs_of_all_regions() -> None:
    home, *_ = of_many_regions(3)
    (role,) = (
        entry["Properties"]
        for name, entry in template_of(home)["Resources"].items()
        if name.startswith("ExecutionRolescampaigns")
    )
    text = json.dumps(role["Policies"])
    for region in REGIONS[:3]:
        assert f":logs:{region}:123456789012:log-group:/aws/sagemaker/TrainingJobs" in text
        assert f":ecr:{region}:123456789012:repository/training/pytorch" in text
    assert REGIONS[3] not in text


def build_arrays(folder: Path, **changes: Any) -> tuple[cdk.App, list[cdk.Stack]]:
    """Create the stacks of a fan-out with containers in two Regions."""
    template = folder / "template.json"
    template.write_text(json.dumps(arrays.REQUEST))
    app = cdk.App(context=recommended_flags())
    return app, build_stacks(app, "arrays", Environment.model_validate(arrays.settings(template) | changes))


def test_containers_of_all_regions_read_their_lines_from_the_store_at_home(tmp_path: Path) -> None:
    app, stacks = build_arrays(tmp_path)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    found = {deployment.region: deployment for deployment in Deployment.all_of(app)}
    assert {*found} == {arrays.HOME, arrays.WEST}
    for region, deployment in found.items():
        (own,) = (role for role in deployment.roles() if role.path.endswith("JobDefinitions/drive/JobRole/Resource"))
        names = [name.lower() for name in deployment.of_type("AWS::S3::Bucket") if name.startswith("SweepStores")]
        assert len(names) == (region == arrays.HOME)
        (store,) = (f"arn:aws:s3:::{name}" for name in names or [arrays.STORE_BUCKET])
        requests = [
            Request("s3:GetObject", f"{store}/sweeps/drives-1/manifests/0000.jsonl"),
            Request("s3:PutObject", f"{store}/results/sweep=drives-1/0.json"),
            Request("s3:PutObject", f"{store}/sweeps/drives-1/manifests/0000.jsonl"),
        ]
        assert allowed(own.statements, requests) == [True, True, False]
    for stack in stacks:
        assert cfn_lint.findings(template_of(stack)) == []


def test_only_the_job_definitions_of_a_fan_out_use_its_store(tmp_path: Path) -> None:
    west = arrays.containers(arrays.WEST)
    west["job_definitions"]["other"] = west["job_definitions"]["drive"]
    app, _ = build_arrays(tmp_path, regions={arrays.WEST: west})
    (deployment,) = (each for each in Deployment.all_of(app) if each.region == arrays.WEST)
    by_job = {role.path.split("/")[-3]: len(role.statements) for role in deployment.roles() if "JobRole" in role.path}
    assert by_job == {"drive": 3, "other": 0}


@pytest.mark.parametrize("count", [1, 20])
def test_templates_fit_at_one_and_at_twenty_regions(count: int) -> None:
    home, *others = of_many_regions(count)
    assert len(others) == count - 1
    size = len(json.dumps(template_of(home)))
    assert size < MAX_TEMPLATE / 5
    assert cfn_lint.findings(template_of(home)) == []
    assert len(home.fan_outs["campaigns"].functions) == 5
    assert all(len(stack.fan_out_regions) == 1 for stack in others)
