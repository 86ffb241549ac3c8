"""The one replication of a registry: whose rules it has, what it refuses, and what it warns of."""

import json
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage
from aws_cdk import aws_ecr as ecr

from fairlane.images import RegistryReplication, ReplicationMode
from fairlane_lambda.registry_rules._rules import read_rules
from tests.fairlane.images import fleet
from tests.support import problems_of, template_of

MANY = [f"us-{word}-{n}" for word in ("east", "west", "north", "south") for n in range(3, 10)]


def rules_of(stack: Stack) -> dict[tuple[str, ...], list[str]]:
    """By its filters, where each rule goes."""
    document = fleet.only(stack, "AWS::ECR::ReplicationConfiguration")["ReplicationConfiguration"]
    return {
        tuple(one["Filter"] for one in rule["RepositoryFilters"]): [
            f"{one['RegistryId']}/{one['Region']}" for one in rule["Destinations"]
        ]
        for rule in document["Rules"]
    }


def test_one_document_has_the_rules_of_all_repositories_of_an_account_and_region() -> None:
    app = fleet.app()
    home = fleet.stack(app)
    other = Stack(app, "Second", env=Environment(account=fleet.ACCOUNT, region=fleet.HOME))
    fleet.repository(home, "training/pytorch", regions=["us-west-2"])
    fleet.repository(other, "training/jax", regions=["us-west-2"])
    fleet.repository(other, "serving/vllm", regions=[], other_accounts={fleet.OTHER: ["eu-west-1"]})
    fleet.repository(other, "local/only", regions=[])
    assert rules_of(home) == {
        ("training/jax", "training/pytorch"): ["111122223333/us-west-2"],
        ("serving/vllm",): ["444455556666/eu-west-1"],
    }
    assert fleet.of_type(other, "AWS::ECR::ReplicationConfiguration") == []
    assert RegistryReplication.of(other) is RegistryReplication.of(home)


def test_each_region_and_each_account_has_its_own() -> None:
    app = fleet.app()
    stacks = [fleet.stack(app), fleet.stack(app, "us-west-2"), fleet.stack(app, account=fleet.OTHER)]
    assert len({RegistryReplication.of(one).node.path for one in stacks}) == 3


def test_two_apps_know_nothing_of_each_other() -> None:
    first, second = fleet.stack(fleet.app()), fleet.stack(fleet.app())
    RegistryReplication(first, "One")
    RegistryReplication(second, "One")


def test_a_second_one_is_an_error_that_says_who_made_the_first() -> None:
    app = fleet.app()
    home = fleet.stack(app)
    fleet.repository(home)
    other = Stack(app, "Second", env=Environment(account=fleet.ACCOUNT, region=fleet.HOME))
    (problem,) = problems_of(lambda: RegistryReplication(other, "Mine", mode=ReplicationMode.MERGE))
    assert problem == (
        f"got 'Mine', allowed: one for an account and Region: {home.node.path}/RegistryReplication is it; "
        "use RegistryReplication.of(scope)"
    )
    assert other.node.children == []


def test_rules_made_by_hand_before_are_taken_over() -> None:
    home = fleet.stack(fleet.app())
    registry = RegistryReplication.of(home)
    registry.replicate("old/", regions=["us-west-2"])
    registry.replicate("old/", other_accounts={fleet.OTHER: ["us-east-1"]})
    assert rules_of(home) == {("old/",): ["111122223333/us-west-2", "444455556666/us-east-1"]}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"prefix": "A", "regions": ["us-west-2"]}, "prefix: got 'A', allowed: what names of repositories begin with"),
        ({"prefix": "old/"}, "regions: got (), allowed: one Region or more"),
        ({"prefix": "old/", "regions": ["us-east-1"]}, "regions[0]: got 'us-east-1', allowed: Regions other than"),
        ({"prefix": "old/", "regions": ["us-gov-west-1"]}, "regions[0]: got 'us-gov-west-1', allowed: Regions of the"),
    ],
)
def test_a_mistake_in_a_rule_is_named(arguments: dict[str, Any], problem: str) -> None:
    registry = RegistryReplication.of(fleet.stack(fleet.app()))
    assert problems_of(lambda: registry.replicate(**arguments))[0].startswith(problem)
    assert registry.rules == {}


def test_an_unknown_mode_is_a_mistake() -> None:
    mode: Any = "share"
    (problem,) = problems_of(lambda: RegistryReplication(fleet.stack(fleet.app()), "R", mode=mode))
    assert problem == "mode: got 'share', allowed: own or merge or external"


def test_ten_rules_fit_and_an_eleventh_does_not() -> None:
    home = fleet.stack(fleet.app())
    for n, region in enumerate(MANY[:10]):
        fleet.repository(home, f"team{n}/train", regions=[region])
    assert len(rules_of(home)) == 10
    (problem,) = problems_of(lambda: fleet.repository(home, "one/more", regions=MANY[:2]))
    assert problem.startswith("regions: got '11 rules', allowed: at most 10 in a registry, one for each different set")
    assert home.node.try_find_child("one-more") is None


def test_a_repository_with_destinations_that_there_are_needs_no_further_rule() -> None:
    home = fleet.stack(fleet.app())
    for n, region in enumerate([*MANY[:10], MANY[0]]):
        fleet.repository(home, f"team{n}/train", regions=[region])
    assert len(RegistryReplication.of(home).rules) == 11


def test_25_destinations_fit_and_a_26th_does_not() -> None:
    home = fleet.stack(fleet.app())
    (problem,) = problems_of(lambda: fleet.repository(home, "a/b", regions=MANY[:26]))
    assert problem == "regions: got '26 destinations', allowed: at most 25 over all rules of a registry"
    fleet.repository(home, "a/b", regions=MANY[:25])
    others = {fleet.OTHER: ["us-west-2"]}
    (problem,) = problems_of(lambda: fleet.repository(home, "c/d", regions=[], other_accounts=others))
    assert problem.startswith("regions: got '26 destinations'")


@pytest.mark.parametrize(("mode", "most"), [(ReplicationMode.OWN, 100), (ReplicationMode.MERGE, 99)])
def test_a_filter_too_many_is_a_mistake(mode: ReplicationMode, most: int) -> None:
    registry = RegistryReplication(fleet.stack(fleet.app()), "Registry", mode=mode)
    for n in range(most):
        registry.replicate(f"team{n}/", regions=["us-west-2"])
    (problem,) = problems_of(lambda: registry.replicate("another/", regions=["us-west-2"]))
    assert problem.startswith(f"regions: got '{most + 1} filters', allowed: at most {most} with the same destinations")


@pytest.mark.parametrize("further_first", [True, False])
def test_two_hops_are_a_mistake_in_whatever_order_they_are_made(further_first: bool) -> None:
    app = fleet.app()
    hops = [("us-east-1", ["us-west-2"]), ("us-west-2", ["eu-west-1"])]
    (first, to), (second, on) = reversed(hops) if further_first else hops
    fleet.repository(fleet.stack(app, first), regions=to)
    (problem,) = problems_of(lambda: fleet.repository(fleet.stack(app, second), regions=on))
    assert problem.startswith("regions: got 'us-east-1 to us-west-2 to eu-west-1', allowed: one hop: what is")


def test_registries_that_replicate_to_each_other_or_of_other_names_are_no_two_hops() -> None:
    app = fleet.app()
    fleet.repository(fleet.stack(app), regions=["us-west-2", "eu-west-1"])
    west = fleet.stack(app, "us-west-2")
    fleet.repository(west, regions=["us-east-1", "eu-west-1"])
    fleet.repository(west, "inference/vllm", regions=["sa-east-1"])


@pytest.mark.parametrize("made_by", ["us", "cdk"])
def test_a_filter_that_also_catches_a_sibling_is_warned_of(made_by: str) -> None:
    app = fleet.app()
    home = fleet.stack(app)
    fleet.repository(home, "ml-train")
    if made_by == "us":
        fleet.repository(home, "ml-train-old", regions=["us-west-2"])
    else:
        ecr.Repository(home, "Old", repository_name="ml-train-old")
    says = fleet.warnings_of(app)["fairlane:RegistryReplication.sibling.ml-train.ml-train-old"]
    assert "the filter ml-train is a prefix, so that ml-train-old is replicated to its destinations, too" in says


def test_siblings_with_the_same_destinations_or_in_another_region_are_no_surprise() -> None:
    app = fleet.app()
    home = fleet.stack(app)
    fleet.repository(home, "ml-train", regions=["us-west-2"])
    fleet.repository(home, "ml-train-old", regions=["us-west-2", "eu-west-1"])
    ecr.Repository(fleet.stack(app, "sa-east-1"), "There", repository_name="ml-train-there")
    assert not any("sibling" in one for one in fleet.warnings_of(app))


def test_rules_are_merged_into_a_document_that_is_somebody_elses() -> None:
    home = fleet.stack(fleet.app())
    RegistryReplication(home, "Registry", mode=ReplicationMode.MERGE)
    fleet.repository(home)
    assert fleet.of_type(home, "AWS::ECR::ReplicationConfiguration") == []
    resource = fleet.only(home, "Custom::FairlaneRegistryRules")
    assert resource["Owner"] == f"{home.node.path}/Registry/Rules"
    (rule,) = read_rules(resource["Rules"], "fairlane-rules/x")
    assert [one["region"] for one in rule["destinations"]] == sorted(fleet.REGIONS)
    assert rule["repositoryFilters"][0] == {"filter": "training/pytorch", "filterType": "PREFIX_MATCH"}
    (function,) = fleet.of_type(home, "AWS::Lambda::Function")
    assert function["Handler"] == "fairlane_lambda.registry_rules.handler.handler"
    said = json.dumps(fleet.only(home, "AWS::IAM::Role"))
    assert all(one in said for one in ("ecr:DescribeRegistry", "ecr:PutReplicationConfiguration"))


def test_rules_to_add_are_printed_where_nobody_may_write() -> None:
    home = fleet.stack(fleet.app())
    RegistryReplication(home, "Registry", mode=ReplicationMode.EXTERNAL)
    fleet.repository(home, regions=["us-west-2"])
    assert fleet.of_type(home, "AWS::ECR::ReplicationConfiguration") == []
    (output,) = template_of(home)["Outputs"].values()
    assert json.loads(output["Value"]) == [
        {
            "destinations": [{"region": "us-west-2", "registryId": "111122223333"}],
            "repositoryFilters": [{"filter": "training/pytorch", "filterType": "PREFIX_MATCH"}],
        }
    ]


def test_without_an_account_it_is_that_of_whoever_deploys() -> None:
    app = App()
    first, second = (Stack(app, name, env=Environment(region="us-east-1")) for name in ("First", "Second"))
    assert RegistryReplication.of(first) is RegistryReplication.of(second)


def test_without_a_region_each_stack_has_its_own() -> None:
    app = App()
    first, second = Stack(app, "First"), Stack(app, "Second")
    assert RegistryReplication.of(first) is RegistryReplication.of(first)
    assert RegistryReplication.of(first) is not RegistryReplication.of(second)


def test_a_prefix_that_ends_a_namespace_is_meant_to_have_siblings() -> None:
    app = fleet.app()
    home = fleet.stack(app)
    RegistryReplication.of(home).replicate("ml/", regions=["us-west-2"])
    ecr.Repository(home, "Train", repository_name="ml/train")
    assert not any("sibling" in one for one in fleet.warnings_of(app))


def test_another_stage_cannot_share_the_document_and_is_told_who_has_it() -> None:
    app = fleet.app()
    first, second = (fleet.stack(Stage(app, name)) for name in ("First", "Second"))  # type: ignore[arg-type]
    fleet.repository(first)
    allowed = (
        f"got '{second.node.path}', allowed: none in another stage: {first.node.path}/RegistryReplication has the rules "
        "of this account and Region"
    )
    assert problems_of(lambda: fleet.repository(second, "another/one")) == [allowed]
    assert problems_of(lambda: RegistryReplication.of(second)) == [allowed]
    assert problems_of(lambda: RegistryReplication(second, "Mine")) == [allowed]
    assert second.node.children == []
    assert fleet.repository(second, "local/only", regions=[]).registry is None


def test_stages_without_an_account_may_be_of_different_ones() -> None:
    app = App()
    first, second = (
        Stack(Stage(app, name), "Images", env=Environment(region="us-east-1")) for name in ("First", "Second")
    )
    assert RegistryReplication.of(first) is not RegistryReplication.of(second)
