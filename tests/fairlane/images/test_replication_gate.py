"""Waiting for images: at deployment, and for pipelines."""

import json
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from fairlane.images import RegistryReplication, ReplicationGate, ReplicationMode
from fairlane_lambda.replication_gate._destinations import read_destinations
from fairlane_lambda.replication_gate._images import read_image
from tests.fairlane.images import fleet
from tests.support import problems_of, template_of

GATE = "Custom::FairlaneReplicationGate"


def build(**arguments: Any) -> tuple[Stack, ReplicationGate]:
    home = fleet.stack(fleet.app())
    return home, ReplicationGate(home, "Gate", repositories=[fleet.repository(home)], **arguments)


def test_a_pipeline_needs_a_function_only() -> None:
    home, gate = build()
    (function,) = fleet.of_type(home, "AWS::Lambda::Function")
    assert function["Handler"] == "fairlane_lambda.replication_gate.handler.handler"
    assert fleet.of_type(home, "AWS::StepFunctions::StateMachine") == []
    statements = fleet.only(home, "AWS::IAM::Role")["Policies"][0]["PolicyDocument"]["Statement"]
    assert [one["Action"] for one in statements if "ecr" in str(one)] == [["ecr:DescribeImageReplicationStatus"]]
    assert gate.function.arn


def test_a_deployment_waits_for_an_image_in_every_region() -> None:
    home, gate = build()
    topic = sns.CfnTopic(home, "Needy")
    (repository,) = gate.repositories
    topic.node.add_dependency(gate.wait(repository, fleet.DIGEST))
    waited = fleet.only(home, GATE)
    image = read_image(waited["Repository"], waited["Image"], read_destinations("Destinations", waited["Destinations"]))
    places = [(region, fleet.ACCOUNT) for region in sorted(fleet.REGIONS)]
    assert image == ("training/pytorch", fleet.DIGEST, places)
    template = template_of(home)["Resources"]
    (name,) = (name for name, one in template.items() if one["Type"] == GATE)
    assert template["Needy"]["DependsOn"] == [name]
    (rules,) = (name for name, one in template.items() if one["Type"] == "AWS::ECR::ReplicationConfiguration")
    assert rules in template[name]["DependsOn"]
    handlers = {one["Handler"].rpartition(".")[2] for one in fleet.of_type(home, "AWS::Lambda::Function")}
    assert {"handler", "on_event", "is_complete"} < handlers


@pytest.mark.parametrize(("minutes", "attempts"), [(45, 90), (10, 20)])
def test_a_deployment_waits_so_long_and_no_longer(minutes: int, attempts: int) -> None:
    home, gate = build(timeout_minutes=minutes)
    gate.wait(gate.repositories[0], "1.0")
    said = json.dumps(fleet.only(home, "AWS::StepFunctions::StateMachine")["DefinitionString"])
    assert f'\\"IntervalSeconds\\":30,\\"MaxAttempts\\":{attempts},\\"BackoffRate\\":1' in said.replace("\\\\", "")


def test_images_that_exist_already_are_replicated_on_request() -> None:
    home, gate = build()
    gate.backfill(gate.repositories[0], regions=["eu-central-1"])
    assert read_destinations("Backfill", fleet.only(home, GATE)["Backfill"]) == [("eu-central-1", fleet.ACCOUNT)]
    said = json.dumps(fleet.of_type(home, "AWS::IAM::Role"))
    assert all(f"ecr:{one}" in said for one in ("StartReplicationBackfill", "ListReplicationBackfills"))


def test_by_default_all_regions_are_backfilled_and_several_waits_share_what_waits() -> None:
    home, gate = build()
    gate.backfill(gate.repositories[0])
    gate.wait(gate.repositories[0], "1.0")
    backfill, _ = sorted(fleet.of_type(home, GATE), key=len)
    assert [one["region"] for one in backfill["Backfill"]] == sorted(fleet.REGIONS)
    assert len(fleet.of_type(home, "AWS::StepFunctions::StateMachine")) == 1


@pytest.mark.parametrize("mode", ReplicationMode)
def test_whoever_writes_the_rules_they_come_before_the_wait(mode: ReplicationMode) -> None:
    home = fleet.stack(fleet.app())
    RegistryReplication(home, "Registry", mode=mode)
    made = fleet.repository(home)
    ReplicationGate(home, "Gate", repositories=[made]).wait(made, "1.0")
    (waits,) = (one for one in template_of(home)["Resources"].values() if one["Type"] == GATE)
    assert ("DependsOn" in waits) == (mode != ReplicationMode.EXTERNAL)


@pytest.mark.parametrize("minutes", [0, 60, "5"])
def test_a_time_that_cloudformation_does_not_wait_is_a_mistake(minutes: Any) -> None:
    (problem,) = problems_of(lambda: build(timeout_minutes=minutes))
    assert problem.startswith(f"timeout_minutes: got {minutes!r}, allowed: a whole number of minutes, 1 to 59")


def test_a_gate_stands_where_its_repositories_are_at_home() -> None:
    app = fleet.app()
    made = fleet.repository(fleet.stack(app))
    (problem,) = problems_of(lambda: ReplicationGate(fleet.stack(app, "us-west-2"), "Gate", repositories=[made]))
    assert problem.startswith(
        "repositories[0]: got 'training/pytorch', allowed: one whose home is us-west-2 of account"
    )


def test_other_mistakes_are_named() -> None:
    home, gate = build()
    other = fleet.repository(home, "other/one", regions=[])
    wrong: Any = "training"
    assert problems_of(lambda: ReplicationGate(home, "A", repositories=wrong))[0].startswith("repositories: got 'train")
    assert problems_of(lambda: ReplicationGate(home, "A", repositories=[]))[0].endswith("one or more")
    assert problems_of(lambda: ReplicationGate(home, "A", repositories=[other]))[0].endswith("one that is replicated")
    assert problems_of(lambda: gate.wait(other, "a b")) == [
        "tag_or_digest: got 'a b', allowed: a tag, or better a digest: sha256: and 64 of 0-9 and a-f",
        "repository: got 'other/one', allowed: one of the gate's: training/pytorch",
    ]
    assert problems_of(lambda: gate.backfill(gate.repositories[0], regions=["sa-east-1"])) == [
        "regions[0]: got 'sa-east-1', allowed: a Region that it is replicated to: eu-central-1, eu-west-1, us-west-2"
    ]
    assert problems_of(lambda: gate.backfill(gate.repositories[0], regions=[]))[0].startswith(
        "regions: got [], allowed: one Region or more"
    )
    assert problems_of(lambda: gate.backfill(other))[0].startswith("repository: got 'other/one', allowed: one of the")


def test_other_accounts_are_waited_for_by_account() -> None:
    home = fleet.stack(fleet.app())
    made = fleet.repository(home, regions=["us-west-2"], other_accounts={fleet.OTHER: ["us-east-1", "us-west-2"]})
    ReplicationGate(home, "Gate", repositories=[made]).wait(made, "1.0")
    assert fleet.only(home, GATE)["Destinations"] == [
        {"region": "us-west-2", "registryId": fleet.ACCOUNT},
        {"region": "us-east-1", "registryId": fleet.OTHER},
        {"region": "us-west-2", "registryId": fleet.OTHER},
    ]
    for function in fleet.of_type(home, "AWS::Lambda::Function"):
        if function["Handler"].startswith("fairlane_lambda.replication_gate"):
            assert function["Environment"]["Variables"]["REGISTRY_ID"] == fleet.ACCOUNT


def test_two_images_of_a_repository_are_waited_for_and_each_once() -> None:
    home, gate = build()
    (made,) = gate.repositories
    first, second = gate.wait(made, fleet.DIGEST), gate.wait(made, "1.0")
    assert first.node.path.endswith("/Gate/Waits/training--pytorch/Resource")
    assert gate.wait(made, fleet.DIGEST) is first
    assert gate.wait(made, "1.0") is second
    fill = gate.backfill(made, regions=["us-west-2"])
    assert gate.backfill(made, regions=["us-west-2"]) is fill
    assert gate.backfill(made) is not fill
    asked = [one.get("Image") for one in fleet.of_type(home, GATE)]
    assert sorted(filter(None, asked)) == ["1.0", fleet.DIGEST]
    assert asked.count(None) == 2


def test_a_home_without_account_and_region_waits_too() -> None:
    home = Stack(fleet.app(), "Anywhere")
    made = fleet.repository(home)
    ReplicationGate(home, "Gate", repositories=[made]).wait(made, "1.0")
    assert fleet.only(home, GATE)["Destinations"][0] == {
        "region": "eu-central-1",
        "registryId": {"Ref": "AWS::AccountId"},
    }
