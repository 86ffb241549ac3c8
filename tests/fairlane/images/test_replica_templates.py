"""What a destination has before the first push: replicas are set up like the repositories that they are of."""

import json
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage

from fairlane.images import ReplicatedRepository, ReplicaTemplates
from tests.fairlane.images import fleet
from tests.support import problems_of, template_of

TEMPLATE = "AWS::ECR::RepositoryCreationTemplate"


def pair(region: str = "us-west-2", account: str = fleet.ACCOUNT) -> tuple[Stack, Stack]:
    app = fleet.app()
    return fleet.stack(app), fleet.stack(app, region, account)


def test_a_template_makes_replicas_as_the_repository_is() -> None:
    home, west = pair()
    policy = {"Version": "2012-10-17", "Statement": []}
    made = fleet.repository(home, mutable_tags=["dev-*"], expire_after_days=7, policy=policy)
    ReplicaTemplates(west, "Replicas", repositories=[made])
    at_home, there = fleet.only(home, "AWS::ECR::Repository"), fleet.only(west, TEMPLATE)
    same = ("EncryptionConfiguration", "ImageTagMutability", "ImageTagMutabilityExclusionFilters")
    assert {name: there[name] for name in same} == {name: at_home[name] for name in same}
    assert there["LifecyclePolicy"] == at_home["LifecyclePolicy"]["LifecyclePolicyText"]
    assert json.loads(there["RepositoryPolicy"]) == at_home["RepositoryPolicyText"]
    assert (there["Prefix"], there["AppliedFor"]) == ("training", ["REPLICATION"])
    assert "CustomRoleArn" not in there


def test_a_namespace_has_one_template_for_all_of_its_repositories() -> None:
    home, west = pair()
    some = [fleet.repository(home, name) for name in ("training/pytorch", "training/jax", "a/b/c")]
    made = ReplicaTemplates(west, "Replicas", repositories=some)
    assert (
        sorted(one["Prefix"] for one in fleet.of_type(west, TEMPLATE)) == sorted(made.templates) == ["a/b", "training"]
    )


def test_a_name_without_a_namespace_gets_its_replica_made_as_no_template_is_for_it() -> None:
    home, west = pair()
    made = ReplicaTemplates(west, "Replicas", repositories=[fleet.repository(home, "training", mutable_tags=["dev-*"])])
    assert list(made.replicas) == ["training"]
    assert fleet.of_type(west, TEMPLATE) == []
    assert fleet.only(west, "AWS::ECR::Repository") == fleet.only(home, "AWS::ECR::Repository")
    (one,) = template_of(west)["Resources"].values()
    assert one["DeletionPolicy"] == "Retain"


def test_encrypted_replicas_have_their_own_regions_key_and_a_role_that_may_use_it() -> None:
    home, west = pair()
    keys = {region: fleet.key(region) for region in (fleet.HOME, "us-west-2")}
    made = fleet.repository(home, regions=["us-west-2"], kms_keys=keys)
    ReplicaTemplates(west, "Replicas", repositories=[made])
    there = fleet.only(west, TEMPLATE)
    assert there["EncryptionConfiguration"] == {"EncryptionType": "KMS", "KmsKey": fleet.key("us-west-2")}
    (role,) = (name for name, one in template_of(west)["Resources"].items() if one["Type"] == "AWS::IAM::Role")
    assert there["CustomRoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
    policy = json.dumps(fleet.only(west, "AWS::IAM::Role"))
    assert all(part in policy for part in ("ecr.amazonaws.com", "kms:CreateGrant", fleet.key("us-west-2")))
    assert "repository/training/*" in policy


def test_templates_are_deployed_before_what_is_pushed_to() -> None:
    home, west = pair()
    ReplicaTemplates(west, "Replicas", repositories=[fleet.repository(home)])
    assert [one.node.path for one in home.dependencies] == [west.node.path]
    order = [one.stack_name for one in App.of(home).synth().stacks]  # type: ignore[union-attr]
    assert order.index(west.stack_name) < order.index(home.stack_name)


def test_stages_are_deployed_as_their_pipeline_says() -> None:
    app = fleet.app()
    made = fleet.repository(fleet.stack(app))
    west = Stack(Stage(app, "West"), "Stack", env=Environment(account=fleet.ACCOUNT, region="us-west-2"))
    ReplicaTemplates(west, "Replicas", repositories=[made])
    assert Stack.of(made).dependencies == []


def test_another_account_lets_the_images_in() -> None:
    home, theirs = pair("us-east-1", fleet.OTHER)
    made = fleet.repository(home, regions=[], other_accounts={fleet.OTHER: ["us-east-1"]})
    ReplicaTemplates(theirs, "Replicas", repositories=[made])
    (statement,) = fleet.only(theirs, "AWS::ECR::RegistryPolicy")["PolicyText"]["Statement"]
    assert statement["Action"] == ["ecr:CreateRepository", "ecr:ReplicateImage"]
    assert "iam::111122223333:root" in json.dumps(statement["Principal"])
    assert "ecr:us-east-1:444455556666:repository/training/pytorch" in json.dumps(statement["Resource"])
    assert fleet.only(theirs, TEMPLATE)["Prefix"] == "training"


def test_in_its_own_account_nothing_has_to_be_let_in() -> None:
    home, west = pair()
    assert ReplicaTemplates(west, "Replicas", repositories=[fleet.repository(home)]).registry_policy is None
    assert fleet.of_type(west, "AWS::ECR::RegistryPolicy") == []


def test_nothing_is_warned_of_once_each_destination_has_its_templates() -> None:
    app = fleet.app()
    made = fleet.repository(fleet.stack(app))
    for region in fleet.REGIONS:
        ReplicaTemplates(fleet.stack(app, region), "Replicas", repositories=[made])
    assert fleet.warnings_of(app) == {}


def test_tags_that_a_destination_would_drop_are_a_mistake() -> None:
    home, west = pair()
    some = [
        fleet.repository(home, "training/pytorch", mutable_tags=["dev-*"]),
        fleet.repository(home, "training/jax", mutable_tags=["nightly"]),
    ]
    (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=some))
    assert problem == (
        "repositories[1].mutable_tags: got ['nightly'], allowed: the same as training/pytorch, whose namespace it has, "
        "and a template is for all of that: tags that may be moved at home only are dropped from what arrives there"
    )
    assert west.node.children == []


@pytest.mark.parametrize(
    ("field", "value"), [("expire_after_days", 7), ("policy", {"Version": "2012-10-17", "Statement": []})]
)
def test_repositories_of_a_namespace_have_to_be_set_up_alike(field: str, value: Any) -> None:
    home, west = pair()
    some = [fleet.repository(home, "a/b"), fleet.repository(home, "a/c", **{field: value})]
    (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=some))
    assert problem.startswith(f"repositories[1].{field}: got ")


@pytest.mark.parametrize(("other", "fine"), [("1234abcd-12ab-34cd-56ef-1234567890ab", True), ("mrk-0", False)])
def test_keys_have_to_be_the_same_in_the_region_of_the_template_only(other: str, fine: bool) -> None:
    home, west = pair()
    keys = {region: fleet.key(region) for region in [fleet.HOME, *fleet.REGIONS]}
    fewer = {fleet.HOME: keys[fleet.HOME], "us-west-2": keys["us-west-2"].rpartition("/")[0] + f"/{other}"}
    some = [
        fleet.repository(home, "a/b", kms_keys=keys),
        fleet.repository(home, "a/c", regions=["us-west-2"], kms_keys=fewer),
    ]
    if fine:
        assert list(ReplicaTemplates(west, "Replicas", repositories=some).templates) == ["a"]
    else:
        (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=some))
        assert problem.startswith("repositories[1].kms_keys.us-west-2: got ")


def test_a_repository_that_is_not_replicated_there_is_a_mistake() -> None:
    home, south = pair("sa-east-1")
    made = fleet.repository(home)
    (problem,) = problems_of(lambda: ReplicaTemplates(south, "Replicas", repositories=[made]))
    assert problem.endswith("allowed: one that is replicated to sa-east-1 of account 111122223333")
    (problem,) = problems_of(lambda: ReplicaTemplates(Stack(App(), "Anywhere"), "Replicas", repositories=[made]))
    assert problem.startswith("got 'a stack without a Region'")


def test_other_mistakes_are_named() -> None:
    home, west = pair()
    made = fleet.repository(home)
    wrong: Any = ["training/pytorch"]
    assert problems_of(lambda: ReplicaTemplates(west, "R", repositories=wrong))[0].endswith(
        "list of ReplicatedRepository"
    )
    assert problems_of(lambda: ReplicaTemplates(west, "R", repositories=[made, made]))[0].endswith(
        "each repository once"
    )
    ReplicaTemplates(west, "First", repositories=[made])
    (problem,) = problems_of(lambda: ReplicaTemplates(west, "R", repositories=[fleet.repository(home, "training/jax")]))
    assert problem.endswith(f"one template for a namespace: {west.node.path}/First has the one for training")


def test_replicas_of_nothing_are_a_mistake() -> None:
    _, west = pair()
    assert problems_of(lambda: ReplicaTemplates(west, "R", repositories=[])) == [
        "repositories: got '0 repositories', allowed: one or more"
    ]


@pytest.mark.parametrize("replica_first", [True, False])
def test_a_replica_that_is_made_has_a_name_of_its_own_in_its_region(replica_first: bool) -> None:
    home, west = pair()
    plain = fleet.repository(home, "plain", regions=["us-west-2"])
    if replica_first:
        ReplicaTemplates(west, "Replicas", repositories=[plain])
        (problem,) = problems_of(lambda: fleet.repository(west, "plain", regions=[]))
        assert problem.endswith(f"another name: {west.node.path}/Replicas has it already")
        (problem,) = problems_of(lambda: ReplicaTemplates(west, "More", repositories=[plain]))
        assert problem.endswith(f": {west.node.path}/Replicas has it already")
    else:
        fleet.repository(west, "plain", regions=[])
        (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=[plain]))
        assert problem == (
            "repositories[0]: got 'plain', allowed: a name that is free in us-west-2 of account 111122223333: "
            f"{west.node.path}/plain has it already"
        )
        assert west.node.try_find_child("Replicas") is None


def test_two_repositories_have_no_replica_in_common() -> None:
    home, west = pair()
    east = fleet.stack(home.node.root, "eu-west-1")  # type: ignore[arg-type]
    some = [fleet.repository(one, "plain", regions=["us-west-2"]) for one in (home, east)]
    (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=some))
    assert problem == "repositories[1]: got 'plain', allowed: each repository once"


def test_a_registry_policy_names_the_home_account_so_it_has_to_be_known() -> None:
    app = fleet.app()
    home, theirs = Stack(app, "Anywhere"), fleet.stack(app, account=fleet.OTHER)
    made = fleet.repository(home, regions=[], other_accounts={fleet.OTHER: ["us-east-1"]})
    (problem,) = problems_of(lambda: ReplicaTemplates(theirs, "Replicas", repositories=[made]))
    assert problem == (
        "repositories[0]: got 'training/pytorch', allowed: one of a stack with an account: the registry policy here has "
        "to name it"
    )


def test_of_a_home_without_a_region_replicas_are_set_up_and_say_nothing_of_it() -> None:
    app = fleet.app()
    made = fleet.repository(Stack(app, "Anywhere", env=Environment(account=fleet.ACCOUNT)))
    there = fleet.stack(app, "us-west-2")
    ReplicaTemplates(there, "Replicas", repositories=[made])
    assert fleet.only(there, "AWS::ECR::RepositoryCreationTemplate")["Description"] == "Replicas of repositories"


def test_an_account_and_region_has_one_registry_policy() -> None:
    home, theirs = pair("us-east-1", fleet.OTHER)
    first, second = (
        fleet.repository(home, name, regions=[], other_accounts={fleet.OTHER: ["us-east-1"]}) for name in ("a/b", "c/d")
    )
    ReplicaTemplates(theirs, "First", repositories=[first])
    (problem,) = problems_of(lambda: ReplicaTemplates(theirs, "Second", repositories=[second]))
    assert problem.endswith(f"one registry policy for an account and Region: {theirs.node.path}/First has it")
    assert isinstance(second, ReplicatedRepository)
