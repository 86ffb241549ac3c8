"""Creation templates of a destination, which give replicas the settings of their repositories."""

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


def test_a_template_has_the_settings_of_the_repository() -> None:
    home, west = pair()
    policy = {"Version": "2012-10-17", "Statement": []}
    repository = fleet.repository(home, mutable_tags=["dev-*"], expire_after_days=7, policy=policy)
    ReplicaTemplates(west, "Replicas", repositories=[repository])
    properties, template = fleet.resource(home, "AWS::ECR::Repository"), fleet.resource(west, TEMPLATE)
    same = ("EncryptionConfiguration", "ImageTagMutability", "ImageTagMutabilityExclusionFilters")
    assert {name: template[name] for name in same} == {name: properties[name] for name in same}
    assert template["LifecyclePolicy"] == properties["LifecyclePolicy"]["LifecyclePolicyText"]
    assert json.loads(template["RepositoryPolicy"]) == properties["RepositoryPolicyText"]
    assert (template["Prefix"], template["AppliedFor"]) == ("training", ["REPLICATION"])
    assert "CustomRoleArn" not in template


def test_a_namespace_has_one_template_for_all_of_its_repositories() -> None:
    home, west = pair()
    repositories = [fleet.repository(home, name) for name in ("training/pytorch", "training/jax", "a/b/c")]
    templates = ReplicaTemplates(west, "Replicas", repositories=repositories).templates
    prefixes = [template["Prefix"] for template in fleet.resources(west, TEMPLATE)]
    assert sorted(prefixes) == sorted(templates) == ["a/b", "training"]


def test_a_name_without_a_namespace_gets_a_replica_instead_of_a_template() -> None:
    home, west = pair()
    repository = fleet.repository(home, "training", mutable_tags=["dev-*"])
    templates = ReplicaTemplates(west, "Replicas", repositories=[repository])
    assert list(templates.replicas) == ["training"]
    assert fleet.resources(west, TEMPLATE) == []
    assert fleet.resource(west, "AWS::ECR::Repository") == fleet.resource(home, "AWS::ECR::Repository")
    (replica,) = template_of(west)["Resources"].values()
    assert replica["DeletionPolicy"] == "Retain"


def test_encrypted_replicas_use_the_key_of_their_region_and_a_role_for_it() -> None:
    home, west = pair()
    keys = {region: fleet.key(region) for region in (fleet.HOME, "us-west-2")}
    repository = fleet.repository(home, regions=["us-west-2"], kms_keys=keys)
    ReplicaTemplates(west, "Replicas", repositories=[repository])
    template = fleet.resource(west, TEMPLATE)
    assert template["EncryptionConfiguration"] == {"EncryptionType": "KMS", "KmsKey": fleet.key("us-west-2")}
    resources = template_of(west)["Resources"]
    (role,) = (logical_id for logical_id, resource in resources.items() if resource["Type"] == "AWS::IAM::Role")
    assert template["CustomRoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
    policy = json.dumps(fleet.resource(west, "AWS::IAM::Role"))
    assert all(part in policy for part in ("ecr.amazonaws.com", "kms:CreateGrant", fleet.key("us-west-2")))
    assert "repository/training/*" in policy


def test_templates_are_deployed_before_the_home_repository() -> None:
    home, west = pair()
    ReplicaTemplates(west, "Replicas", repositories=[fleet.repository(home)])
    assert [dependency.node.path for dependency in home.dependencies] == [west.node.path]
    order = [stack.stack_name for stack in App.of(home).synth().stacks]  # type: ignore[union-attr]
    assert order.index(west.stack_name) < order.index(home.stack_name)


def test_a_template_in_another_stage_adds_no_stack_dependency() -> None:
    app = fleet.app()
    repository = fleet.repository(fleet.stack(app))
    west = Stack(Stage(app, "West"), "Stack", env=Environment(account=fleet.ACCOUNT, region="us-west-2"))
    ReplicaTemplates(west, "Replicas", repositories=[repository])
    assert Stack.of(repository).dependencies == []


def test_another_account_gets_a_registry_policy() -> None:
    home, other_account = pair("us-east-1", fleet.OTHER)
    repository = fleet.repository(home, regions=[], other_accounts={fleet.OTHER: ["us-east-1"]})
    ReplicaTemplates(other_account, "Replicas", repositories=[repository])
    (statement,) = fleet.resource(other_account, "AWS::ECR::RegistryPolicy")["PolicyText"]["Statement"]
    assert statement["Action"] == ["ecr:CreateRepository", "ecr:ReplicateImage"]
    assert "iam::111122223333:root" in json.dumps(statement["Principal"])
    assert "ecr:us-east-1:444455556666:repository/training/pytorch" in json.dumps(statement["Resource"])
    assert fleet.resource(other_account, TEMPLATE)["Prefix"] == "training"


def test_the_home_account_gets_no_registry_policy() -> None:
    home, west = pair()
    assert ReplicaTemplates(west, "Replicas", repositories=[fleet.repository(home)]).registry_policy is None
    assert fleet.resources(west, "AWS::ECR::RegistryPolicy") == []


def test_templates_in_all_destinations_raise_no_warning() -> None:
    app = fleet.app()
    repository = fleet.repository(fleet.stack(app))
    for region in fleet.REGIONS:
        ReplicaTemplates(fleet.stack(app, region), "Replicas", repositories=[repository])
    assert fleet.synth_warnings(app) == {}


def test_different_mutable_tags_in_a_namespace_are_refused() -> None:
    home, west = pair()
    repositories = [
        fleet.repository(home, "training/pytorch", mutable_tags=["dev-*"]),
        fleet.repository(home, "training/jax", mutable_tags=["nightly"]),
    ]
    (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=repositories))
    assert problem == (
        "repositories[1].mutable_tags: got ['nightly'], allowed: the value of training/pytorch, because one creation "
        "template applies to the whole namespace and drops tags that are mutable only in the home Region"
    )
    assert west.node.children == []


@pytest.mark.parametrize(
    ("field", "value"), [("expire_after_days", 7), ("policy", {"Version": "2012-10-17", "Statement": []})]
)
def test_different_settings_in_a_namespace_are_refused(field: str, value: Any) -> None:
    home, west = pair()
    repositories = [fleet.repository(home, "a/b"), fleet.repository(home, "a/c", **{field: value})]
    (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=repositories))
    assert problem.startswith(f"repositories[1].{field}: got ")


@pytest.mark.parametrize(("other", "same"), [("1234abcd-12ab-34cd-56ef-1234567890ab", True), ("mrk-0", False)])
def test_only_the_keys_in_the_region_of_the_template_must_be_the_same(other: str, same: bool) -> None:
    home, west = pair()
    keys = {region: fleet.key(region) for region in [fleet.HOME, *fleet.REGIONS]}
    fewer = {fleet.HOME: keys[fleet.HOME], "us-west-2": keys["us-west-2"].rpartition("/")[0] + f"/{other}"}
    repositories = [
        fleet.repository(home, "a/b", kms_keys=keys),
        fleet.repository(home, "a/c", regions=["us-west-2"], kms_keys=fewer),
    ]
    if same:
        assert list(ReplicaTemplates(west, "Replicas", repositories=repositories).templates) == ["a"]
    else:
        (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=repositories))
        assert problem.startswith("repositories[1].kms_keys.us-west-2: got ")


def test_a_repository_that_is_not_replicated_to_the_region_is_refused() -> None:
    home, south = pair("sa-east-1")
    repository = fleet.repository(home)
    (problem,) = problems_of(lambda: ReplicaTemplates(south, "Replicas", repositories=[repository]))
    assert problem == (
        "repositories[0]: training/pytorch is not replicated to sa-east-1 of account 111122223333: "
        "list only repositories that are replicated there"
    )
    (problem,) = problems_of(lambda: ReplicaTemplates(Stack(App(), "Anywhere"), "Replicas", repositories=[repository]))
    assert problem == "creation templates require a stack with a Region: set the Region of the stack"


def test_wrong_types_duplicates_and_second_templates_are_refused() -> None:
    home, west = pair()
    repository = fleet.repository(home)
    wrong: Any = ["training/pytorch"]
    assert problems_of(lambda: ReplicaTemplates(west, "R", repositories=wrong))[0].endswith(
        "list of ReplicatedRepository"
    )
    assert problems_of(lambda: ReplicaTemplates(west, "R", repositories=[repository, repository]))[0].endswith(
        "training/pytorch is listed twice: list each repository once"
    )
    ReplicaTemplates(west, "First", repositories=[repository])
    (problem,) = problems_of(lambda: ReplicaTemplates(west, "R", repositories=[fleet.repository(home, "training/jax")]))
    assert problem == (
        f"repositories[0]: {west.node.path}/First already has the creation template of namespace training: "
        "list all repositories of a namespace in one ReplicaTemplates"
    )


def test_an_empty_list_is_refused() -> None:
    _, west = pair()
    assert problems_of(lambda: ReplicaTemplates(west, "R", repositories=[])) == [
        "repositories: the list is empty: use one or more repositories"
    ]


@pytest.mark.parametrize("replica_first", [True, False])
def test_the_name_of_a_created_replica_is_unique_in_its_region(replica_first: bool) -> None:
    home, west = pair()
    plain = fleet.repository(home, "plain", regions=["us-west-2"])
    if replica_first:
        ReplicaTemplates(west, "Replicas", repositories=[plain])
        (problem,) = problems_of(lambda: fleet.repository(west, "plain", regions=[]))
        assert problem.endswith(f"{west.node.path}/Replicas already has the name 'plain': use another name")
        (problem,) = problems_of(lambda: ReplicaTemplates(west, "More", repositories=[plain]))
        assert problem.startswith(
            f"repositories[0]: {west.node.path}/Replicas already has the name 'plain' in us-west-2"
        )
    else:
        fleet.repository(west, "plain", regions=[])
        (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=[plain]))
        assert problem == (
            f"repositories[0]: {west.node.path}/plain already has the name 'plain' in us-west-2 of account "
            "111122223333: use another name"
        )
        assert west.node.try_find_child("Replicas") is None


def test_two_repositories_of_the_same_name_cannot_share_a_replica() -> None:
    home, west = pair()
    east = fleet.stack(home.node.root, "eu-west-1")  # type: ignore[arg-type]
    repositories = [fleet.repository(stack, "plain", regions=["us-west-2"]) for stack in (home, east)]
    (problem,) = problems_of(lambda: ReplicaTemplates(west, "Replicas", repositories=repositories))
    assert problem == "repositories[1]: plain is listed twice: list each repository once"


def test_a_registry_policy_needs_a_home_account_that_is_known_at_synth() -> None:
    app = fleet.app()
    home, other_account = Stack(app, "Anywhere"), fleet.stack(app, account=fleet.OTHER)
    repository = fleet.repository(home, regions=[], other_accounts={fleet.OTHER: ["us-east-1"]})
    (problem,) = problems_of(lambda: ReplicaTemplates(other_account, "Replicas", repositories=[repository]))
    assert problem == (
        "repositories[0]: the registry policy must name the account of training/pytorch, which is unknown at synth: "
        "set the account of its stack"
    )


def test_a_template_for_a_home_without_a_region_names_no_region() -> None:
    app = fleet.app()
    repository = fleet.repository(Stack(app, "Anywhere", env=Environment(account=fleet.ACCOUNT)))
    west = fleet.stack(app, "us-west-2")
    ReplicaTemplates(west, "Replicas", repositories=[repository])
    assert fleet.resource(west, "AWS::ECR::RepositoryCreationTemplate")["Description"] == "Replicas of repositories"


def test_an_account_and_region_has_one_registry_policy() -> None:
    home, other_account = pair("us-east-1", fleet.OTHER)
    first, second = (
        fleet.repository(home, name, regions=[], other_accounts={fleet.OTHER: ["us-east-1"]}) for name in ("a/b", "c/d")
    )
    ReplicaTemplates(other_account, "First", repositories=[first])
    (problem,) = problems_of(lambda: ReplicaTemplates(other_account, "Second", repositories=[second]))
    assert problem == (
        f"{other_account.node.path}/First already has the registry policy of us-east-1 of account 444455556666: "
        "list all repositories of other accounts in one ReplicaTemplates"
    )
    assert isinstance(second, ReplicatedRepository)
