"""Replication of a registry: rules, modes, errors and warnings."""

import json
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage
from aws_cdk import aws_ecr as ecr

from fairlane.images import RegistryReplication, ReplicationMode
from fairlane_lambda.registry_rules.rules import read_rules
from tests.fairlane.images import fleet
from tests.support import problems_of, template_of

MANY = [f"us-{word}-{n}" for word in ("east", "west", "north", "south") for n in range(3, 10)]


def destinations_by_filters(stack: Stack) -> dict[tuple[str, ...], list[str]]:
    """Return the destinations of each rule by its filters."""
    document = fleet.resource(stack, "AWS::ECR::ReplicationConfiguration")["ReplicationConfiguration"]
    return {
        tuple(repository_filter["Filter"] for repository_filter in rule["RepositoryFilters"]): [
            f"{destination['RegistryId']}/{destination['Region']}" for destination in rule["Destinations"]
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
    assert destinations_by_filters(home) == {
        ("training/jax", "training/pytorch"): ["111122223333/us-west-2"],
        ("serving/vllm",): ["444455556666/eu-west-1"],
    }
    assert fleet.resources(other, "AWS::ECR::ReplicationConfiguration") == []
    assert RegistryReplication.of(other) is RegistryReplication.of(home)


def test_each_account_and_region_has_its_own_registry() -> None:
    app = fleet.app()
    stacks = [fleet.stack(app), fleet.stack(app, "us-west-2"), fleet.stack(app, account=fleet.OTHER)]
    assert len({RegistryReplication.of(stack).node.path for stack in stacks}) == 3


def test_two_apps_are_independent() -> None:
    first, second = fleet.stack(fleet.app()), fleet.stack(fleet.app())
    RegistryReplication(first, "One")
    RegistryReplication(second, "One")


def test_a_second_construct_for_a_registry_is_refused_and_the_error_names_the_first() -> None:
    app = fleet.app()
    home = fleet.stack(app)
    fleet.repository(home)
    other = Stack(app, "Second", env=Environment(account=fleet.ACCOUNT, region=fleet.HOME))
    (problem,) = problems_of(lambda: RegistryReplication(other, "Mine", mode=ReplicationMode.MERGE))
    assert problem == (
        f"{home.node.path}/RegistryReplication already has the replication rules of this account and Region: "
        "use RegistryReplication.of(scope)"
    )
    assert other.node.children == []


def test_rules_for_repositories_outside_the_app_are_added() -> None:
    home = fleet.stack(fleet.app())
    registry = RegistryReplication.of(home)
    registry.replicate("old/", regions=["us-west-2"])
    registry.replicate("old/", other_accounts={fleet.OTHER: ["us-east-1"]})
    assert destinations_by_filters(home) == {("old/",): ["111122223333/us-west-2", "444455556666/us-east-1"]}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"prefix": "A", "regions": ["us-west-2"]}, "prefix: got 'A', allowed: a prefix of repository names: 2 to 256"),
        ({"prefix": "old/"}, "regions: got (), allowed: a list of one or more Regions"),
        ({"prefix": "old/", "regions": ["us-east-1"]}, "regions[0]: got 'us-east-1', allowed: a Region other than"),
        (
            {"prefix": "old/", "regions": ["us-gov-west-1"]},
            "regions[0]: got 'us-gov-west-1', allowed: a Region of partition aws",
        ),
    ],
)
def test_an_invalid_rule_is_refused(arguments: dict[str, Any], problem: str) -> None:
    registry = RegistryReplication.of(fleet.stack(fleet.app()))
    assert problems_of(lambda: registry.replicate(**arguments))[0].startswith(problem)
    assert registry.rules == {}


def test_an_unknown_mode_is_refused() -> None:
    mode: Any = "share"
    (problem,) = problems_of(lambda: RegistryReplication(fleet.stack(fleet.app()), "R", mode=mode))
    assert problem == "mode: got 'share', allowed: own, merge or external"


def test_ten_rules_fit_and_an_eleventh_does_not() -> None:
    home = fleet.stack(fleet.app())
    for n, region in enumerate(MANY[:10]):
        fleet.repository(home, f"team{n}/train", regions=[region])
    assert len(destinations_by_filters(home)) == 10
    (problem,) = problems_of(lambda: fleet.repository(home, "one/more", regions=MANY[:2]))
    assert problem == (
        "regions: 11 different sets of destinations need 11 rules, and a registry accepts at most 10: "
        "give some repositories the same destinations"
    )
    assert home.node.try_find_child("one-more") is None


def test_a_repository_with_the_destinations_of_another_needs_no_further_rule() -> None:
    home = fleet.stack(fleet.app())
    for n, region in enumerate([*MANY[:10], MANY[0]]):
        fleet.repository(home, f"team{n}/train", regions=[region])
    assert len(RegistryReplication.of(home).rules) == 11


def test_25_destinations_fit_and_a_26th_does_not() -> None:
    home = fleet.stack(fleet.app())
    (problem,) = problems_of(lambda: fleet.repository(home, "a/b", regions=MANY[:26]))
    assert problem == "regions: 26 destinations are too many: use at most 25 in all rules of a registry together"
    fleet.repository(home, "a/b", regions=MANY[:25])
    others = {fleet.OTHER: ["us-west-2"]}
    (problem,) = problems_of(lambda: fleet.repository(home, "c/d", regions=[], other_accounts=others))
    assert problem.startswith("regions: 26 destinations are too many")


@pytest.mark.parametrize(("mode", "max_filters"), [(ReplicationMode.OWN, 100), (ReplicationMode.MERGE, 99)])
def test_more_filters_than_a_rule_accepts_are_refused(mode: ReplicationMode, max_filters: int) -> None:
    registry = RegistryReplication(fleet.stack(fleet.app()), "Registry", mode=mode)
    for n in range(max_filters):
        registry.replicate(f"team{n}/", regions=["us-west-2"])
    (problem,) = problems_of(lambda: registry.replicate("another/", regions=["us-west-2"]))
    assert problem == (
        f"regions: {max_filters + 1} filters have the same destinations, and a rule accepts at most {max_filters}: "
        "use one common prefix for several repositories"
    )


@pytest.mark.parametrize("second_hop_first", [True, False])
def test_two_hops_are_refused_in_any_order(second_hop_first: bool) -> None:
    app = fleet.app()
    hops = [("us-east-1", ["us-west-2"]), ("us-west-2", ["eu-west-1"])]
    (first, first_regions), (second, second_regions) = reversed(hops) if second_hop_first else hops
    fleet.repository(fleet.stack(app, first), regions=first_regions)
    (problem,) = problems_of(lambda: fleet.repository(fleet.stack(app, second), regions=second_regions))
    assert problem == (
        "regions: images replicated from us-east-1 to us-west-2 are not replicated further to eu-west-1: "
        "replicate from us-east-1 to every destination"
    )


def test_mutual_replication_and_other_names_are_not_two_hops() -> None:
    app = fleet.app()
    fleet.repository(fleet.stack(app), regions=["us-west-2", "eu-west-1"])
    west = fleet.stack(app, "us-west-2")
    fleet.repository(west, regions=["us-east-1", "eu-west-1"])
    fleet.repository(west, "inference/vllm", regions=["sa-east-1"])


@pytest.mark.parametrize("construct", ["ReplicatedRepository", "Repository"])
def test_a_filter_that_also_matches_a_sibling_raises_a_warning(construct: str) -> None:
    app = fleet.app()
    home = fleet.stack(app)
    fleet.repository(home, "ml-train")
    if construct == "ReplicatedRepository":
        fleet.repository(home, "ml-train-old", regions=["us-west-2"])
    else:
        ecr.Repository(home, "Old", repository_name="ml-train-old")
    message = fleet.synth_warnings(app)["fairlane:RegistryReplication.sibling.ml-train.ml-train-old"]
    assert "the filter ml-train is a prefix, so ECR also replicates ml-train-old to the destinations" in message


def test_siblings_with_the_same_destinations_or_in_another_region_raise_no_warning() -> None:
    app = fleet.app()
    home = fleet.stack(app)
    fleet.repository(home, "ml-train", regions=["us-west-2"])
    fleet.repository(home, "ml-train-old", regions=["us-west-2", "eu-west-1"])
    ecr.Repository(fleet.stack(app, "sa-east-1"), "There", repository_name="ml-train-there")
    assert not any("sibling" in warning for warning in fleet.synth_warnings(app))


def test_mode_merge_adds_rules_to_a_document_of_other_owners() -> None:
    home = fleet.stack(fleet.app())
    RegistryReplication(home, "Registry", mode=ReplicationMode.MERGE)
    fleet.repository(home)
    assert fleet.resources(home, "AWS::ECR::ReplicationConfiguration") == []
    resource = fleet.resource(home, "Custom::FairlaneRegistryRules")
    assert resource["Owner"] == f"{home.node.path}/Registry/Rules"
    (rule,) = read_rules(resource["Rules"], "fairlane-rules/x")
    assert [destination["region"] for destination in rule["destinations"]] == sorted(fleet.REGIONS)
    assert rule["repositoryFilters"][0] == {"filter": "training/pytorch", "filterType": "PREFIX_MATCH"}
    (function,) = fleet.resources(home, "AWS::Lambda::Function")
    assert function["Handler"] == "fairlane_lambda.registry_rules.handler.handler"
    role = json.dumps(fleet.resource(home, "AWS::IAM::Role"))
    assert all(action in role for action in ("ecr:DescribeRegistry", "ecr:PutReplicationConfiguration"))


def test_mode_external_outputs_the_rules_to_add() -> None:
    home = fleet.stack(fleet.app())
    RegistryReplication(home, "Registry", mode=ReplicationMode.EXTERNAL)
    fleet.repository(home, regions=["us-west-2"])
    assert fleet.resources(home, "AWS::ECR::ReplicationConfiguration") == []
    (output,) = template_of(home)["Outputs"].values()
    assert json.loads(output["Value"]) == [
        {
            "destinations": [{"region": "us-west-2", "registryId": "111122223333"}],
            "repositoryFilters": [{"filter": "training/pytorch", "filterType": "PREFIX_MATCH"}],
        }
    ]


def test_stacks_without_an_account_share_a_registry() -> None:
    app = App()
    first, second = (Stack(app, name, env=Environment(region="us-east-1")) for name in ("First", "Second"))
    assert RegistryReplication.of(first) is RegistryReplication.of(second)


def test_each_stack_without_a_region_has_its_own_registry() -> None:
    app = App()
    first, second = Stack(app, "First"), Stack(app, "Second")
    assert RegistryReplication.of(first) is RegistryReplication.of(first)
    assert RegistryReplication.of(first) is not RegistryReplication.of(second)


def test_a_prefix_that_ends_with_a_slash_raises_no_sibling_warning() -> None:
    app = fleet.app()
    home = fleet.stack(app)
    RegistryReplication.of(home).replicate("ml/", regions=["us-west-2"])
    ecr.Repository(home, "Train", repository_name="ml/train")
    assert not any("sibling" in warning for warning in fleet.synth_warnings(app))


def test_another_stage_cannot_share_the_document_and_the_error_names_the_owner() -> None:
    app = fleet.app()
    first, second = (fleet.stack(Stage(app, name)) for name in ("First", "Second"))  # type: ignore[arg-type]
    fleet.repository(first)
    problem = (
        f"{first.node.path}/RegistryReplication in another stage already has the replication rules of this account and "
        f"Region: replicate from one stage only, not also from {second.node.path}"
    )
    assert problems_of(lambda: fleet.repository(second, "another/one")) == [problem]
    assert problems_of(lambda: RegistryReplication.of(second)) == [problem]
    assert problems_of(lambda: RegistryReplication(second, "Mine")) == [problem]
    assert second.node.children == []
    assert fleet.repository(second, "local/only", regions=[]).registry is None


def test_stages_without_an_account_have_separate_registries() -> None:
    app = App()
    first, second = (
        Stack(Stage(app, name), "Images", env=Environment(region="us-east-1")) for name in ("First", "Second")
    )
    assert RegistryReplication.of(first) is not RegistryReplication.of(second)
