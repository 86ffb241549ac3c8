"""Gates that wait for images, at deployment and in pipelines."""

import json
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from fairlane.images import RegistryReplication, ReplicationGate, ReplicationMode
from fairlane_lambda.replication_gate.destinations import read_destinations
from fairlane_lambda.replication_gate.images import read_image
from tests.fairlane.images import fleet
from tests.support import problems_of, template_of

GATE = "Custom::FairlaneReplicationGate"


def build(**arguments: Any) -> tuple[Stack, ReplicationGate]:
    home = fleet.stack(fleet.app())
    return home, ReplicationGate(home, "Gate", repositories=[fleet.repository(home)], **arguments)


def test_a_gate_for_pipelines_has_only_a_function() -> None:
    home, gate = build()
    (function,) = fleet.resources(home, "AWS::Lambda::Function")
    assert function["Handler"] == "fairlane_lambda.replication_gate.handler.handler"
    assert fleet.resources(home, "AWS::StepFunctions::StateMachine") == []
    statements = fleet.resource(home, "AWS::IAM::Role")["Policies"][0]["PolicyDocument"]["Statement"]
    assert [statement["Action"] for statement in statements if "ecr" in str(statement)] == [
        ["ecr:DescribeImageReplicationStatus"]
    ]
    assert gate.function.arn


def test_a_deployment_waits_for_an_image_in_every_region() -> None:
    home, gate = build()
    topic = sns.CfnTopic(home, "Dependent")
    (repository,) = gate.repositories
    topic.node.add_dependency(gate.wait(repository, fleet.DIGEST))
    wait = fleet.resource(home, GATE)
    image = read_image(wait["Repository"], wait["Image"], read_destinations("Destinations", wait["Destinations"]))
    places = [(region, fleet.ACCOUNT) for region in sorted(fleet.REGIONS)]
    assert image == ("training/pytorch", fleet.DIGEST, places)
    template = template_of(home)["Resources"]
    (name,) = (name for name, resource in template.items() if resource["Type"] == GATE)
    assert template["Dependent"]["DependsOn"] == [name]
    rules_type = "AWS::ECR::ReplicationConfiguration"
    (rules,) = (name for name, resource in template.items() if resource["Type"] == rules_type)
    assert rules in template[name]["DependsOn"]
    functions = fleet.resources(home, "AWS::Lambda::Function")
    handlers = {function["Handler"].rpartition(".")[2] for function in functions}
    assert {"handler", "on_event", "is_complete"} < handlers


@pytest.mark.parametrize(("minutes", "attempts"), [(45, 90), (10, 20)])
def test_a_deployment_waits_until_the_timeout(minutes: int, attempts: int) -> None:
    home, gate = build(timeout_minutes=minutes)
    gate.wait(gate.repositories[0], "1.0")
    definition = json.dumps(fleet.resource(home, "AWS::StepFunctions::StateMachine")["DefinitionString"])
    assert f'\\"IntervalSeconds\\":30,\\"MaxAttempts\\":{attempts},\\"BackoffRate\\":1' in definition.replace(
        "\\\\", ""
    )


def test_a_backfill_replicates_existing_images() -> None:
    home, gate = build()
    gate.backfill(gate.repositories[0], regions=["eu-central-1"])
    assert read_destinations("Backfill", fleet.resource(home, GATE)["Backfill"]) == [("eu-central-1", fleet.ACCOUNT)]
    roles = json.dumps(fleet.resources(home, "AWS::IAM::Role"))
    assert all(f"ecr:{action}" in roles for action in ("StartReplicationBackfill", "ListReplicationBackfills"))


def test_a_backfill_covers_all_regions_by_default_and_all_waits_share_a_state_machine() -> None:
    home, gate = build()
    gate.backfill(gate.repositories[0])
    gate.wait(gate.repositories[0], "1.0")
    backfill, _ = sorted(fleet.resources(home, GATE), key=len)
    assert [place["region"] for place in backfill["Backfill"]] == sorted(fleet.REGIONS)
    assert len(fleet.resources(home, "AWS::StepFunctions::StateMachine")) == 1


@pytest.mark.parametrize("mode", ReplicationMode)
def test_the_wait_depends_on_the_rules_that_the_app_writes(mode: ReplicationMode) -> None:
    home = fleet.stack(fleet.app())
    RegistryReplication(home, "Registry", mode=mode)
    repository = fleet.repository(home)
    ReplicationGate(home, "Gate", repositories=[repository]).wait(repository, "1.0")
    (wait,) = (resource for resource in template_of(home)["Resources"].values() if resource["Type"] == GATE)
    assert ("DependsOn" in wait) == (mode != ReplicationMode.EXTERNAL)


@pytest.mark.parametrize("minutes", [0, 60, "5"])
def test_a_timeout_longer_than_cloudformation_waits_is_refused(minutes: Any) -> None:
    (problem,) = problems_of(lambda: build(timeout_minutes=minutes))
    assert problem.startswith(f"timeout_minutes: got {minutes!r}, allowed: a whole number of minutes, 1 to 59")


def test_a_gate_outside_the_home_region_is_refused() -> None:
    app = fleet.app()
    repository = fleet.repository(fleet.stack(app))
    (problem,) = problems_of(lambda: ReplicationGate(fleet.stack(app, "us-west-2"), "Gate", repositories=[repository]))
    assert problem == (
        "repositories[0]: the home of training/pytorch is us-east-1 of account 111122223333, and this gate is in "
        "us-west-2 of account 111122223333: create the gate in the home Region"
    )


def test_wrong_repositories_images_and_regions_are_refused() -> None:
    home, gate = build()
    other = fleet.repository(home, "other/one", regions=[])
    wrong: Any = "training"
    assert problems_of(lambda: ReplicationGate(home, "A", repositories=wrong))[0].startswith("repositories: got 'train")
    assert problems_of(lambda: ReplicationGate(home, "A", repositories=[]))[0].endswith("use one or more repositories")
    assert problems_of(lambda: ReplicationGate(home, "A", repositories=[other])) == [
        "repositories[0]: other/one has no destinations: list only replicated repositories"
    ]
    assert problems_of(lambda: gate.wait(other, "a b")) == [
        "tag_or_digest: got 'a b', allowed: a tag, or preferably a digest: sha256: and 64 characters of 0-9 and a-f",
        "repository: other/one is not a repository of this gate: use one of training/pytorch",
    ]
    assert problems_of(lambda: gate.backfill(gate.repositories[0], regions=["sa-east-1"])) == [
        "regions[0]: got 'sa-east-1', allowed: a Region that the repository is replicated to: "
        "eu-central-1, eu-west-1, us-west-2"
    ]
    assert problems_of(lambda: gate.backfill(gate.repositories[0], regions=[]))[0].startswith(
        "regions: got [], allowed: one or more Regions"
    )
    assert problems_of(lambda: gate.backfill(other))[0].startswith("repository: other/one is not a")


def test_a_wait_covers_other_accounts() -> None:
    home = fleet.stack(fleet.app())
    repository = fleet.repository(home, regions=["us-west-2"], other_accounts={fleet.OTHER: ["us-east-1", "us-west-2"]})
    ReplicationGate(home, "Gate", repositories=[repository]).wait(repository, "1.0")
    assert fleet.resource(home, GATE)["Destinations"] == [
        {"region": "us-west-2", "registryId": fleet.ACCOUNT},
        {"region": "us-east-1", "registryId": fleet.OTHER},
        {"region": "us-west-2", "registryId": fleet.OTHER},
    ]
    for function in fleet.resources(home, "AWS::Lambda::Function"):
        if function["Handler"].startswith("fairlane_lambda.replication_gate"):
            assert function["Environment"]["Variables"]["REGISTRY_ID"] == fleet.ACCOUNT


def test_each_image_of_a_repository_has_one_wait() -> None:
    home, gate = build()
    (repository,) = gate.repositories
    first, second = gate.wait(repository, fleet.DIGEST), gate.wait(repository, "1.0")
    assert first.node.path.endswith("/Gate/Waits/training--pytorch/Resource")
    assert gate.wait(repository, fleet.DIGEST) is first
    assert gate.wait(repository, "1.0") is second
    backfill = gate.backfill(repository, regions=["us-west-2"])
    assert gate.backfill(repository, regions=["us-west-2"]) is backfill
    assert gate.backfill(repository) is not backfill
    images = [resource.get("Image") for resource in fleet.resources(home, GATE)]
    assert sorted(filter(None, images)) == ["1.0", fleet.DIGEST]
    assert images.count(None) == 2


def test_a_gate_works_in_a_stack_without_account_and_region() -> None:
    home = Stack(fleet.app(), "Anywhere")
    repository = fleet.repository(home)
    ReplicationGate(home, "Gate", repositories=[repository]).wait(repository, "1.0")
    assert fleet.resource(home, GATE)["Destinations"][0] == {
        "region": "eu-central-1",
        "registryId": {"Ref": "AWS::AccountId"},
    }
