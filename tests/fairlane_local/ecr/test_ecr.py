"""Resources of Amazon ECR in the local AWS, template by template, and how repositories are read and shown."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from fairlane_local import LocalAws, client
from fairlane_local.console.tables import images_table
from fairlane_local.ecr.standing_repositories import StandingRepository, standing_repositories

HERE, THERE = ("123456789012", "us-east-1"), ("111122223333", "eu-west-1")
EXPIRE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 30,
                },
                "action": {"type": "expire"},
            }
        ]
    }
)
LET_PULL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}],
}


@pytest.fixture
def ecr(aws: LocalAws) -> Any:
    return client("ecr", aws.port, *HERE)


@pytest.fixture
def deployed(aws: LocalAws) -> Callable[..., str]:
    """Deploys resources as the stack `s`, and answers its status."""
    cloudformation = client("cloudformation", aws.port, *HERE)

    def deploy(**resources: Any) -> str:
        change = "update" if cloudformation.describe_stacks()["Stacks"] else "create"
        body = json.dumps({"Resources": resources})
        getattr(cloudformation, f"{change}_stack")(StackName="s", TemplateBody=body)
        return str(cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])

    return deploy


def repository(name: str = "ml/train", policy: str = "Delete", **properties: Any) -> dict[str, Any]:
    properties |= {"RepositoryName": name}
    resource = {"Type": "AWS::ECR::Repository", "Properties": properties}
    return resource | {"DeletionPolicy": policy, "UpdateReplacePolicy": policy.removesuffix("ExceptOnCreate")}


def names(ecr: Any) -> set[str]:
    return {one["repositoryName"] for one in ecr.describe_repositories()["repositories"]}


def test_a_repository_through_its_life(ecr: Any, deployed: Callable[..., str]) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    encrypted: dict[str, Any] = {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": key}}
    dev = [
        {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": "dev-*"},
    ]
    full = repository(
        **encrypted,
        ImageScanningConfiguration={"ScanOnPush": True},
        ImageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        ImageTagMutabilityExclusionFilters=dev,
        LifecyclePolicy={"LifecyclePolicyText": EXPIRE},
        RepositoryPolicyText=LET_PULL,
        Tags=[{"Key": "team", "Value": "search"}],
    )
    assert deployed(Here=full) == "CREATE_COMPLETE"
    (made,) = ecr.describe_repositories()["repositories"]
    assert made["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key}
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert made["imageTagMutabilityExclusionFilters"] == [{"filterType": "WILDCARD", "filter": "dev-*"}]
    assert ecr.get_lifecycle_policy(repositoryName="ml/train")["lifecyclePolicyText"] == EXPIRE
    assert json.loads(ecr.get_repository_policy(repositoryName="ml/train")["policyText"]) == LET_PULL
    tags = ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"]
    assert tags == [{"Key": "team", "Value": "search"}]

    assert deployed(Here=repository(**encrypted)) == "UPDATE_COMPLETE"
    (plain,) = ecr.describe_repositories()["repositories"]
    assert plain["createdAt"] == made["createdAt"]
    assert plain["imageScanningConfiguration"] == {"scanOnPush": False}
    assert plain["imageTagMutability"] == "MUTABLE"
    assert "imageTagMutabilityExclusionFilters" not in plain
    for call in ("get_lifecycle_policy", "get_repository_policy"):
        with pytest.raises(ClientError, match="NotFound"):
            getattr(ecr, call)(repositoryName="ml/train")
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == []

    assert deployed(Here=repository()) == "UPDATE_ROLLBACK_COMPLETE"  # other keys need another name
    assert deployed(Here=repository("ml/other")) == "UPDATE_COMPLETE"
    assert names(ecr) == {"ml/other"}


@pytest.mark.parametrize(
    ("policy", "left_by_rollback", "left"),
    [("Delete", set(), set()), ("Retain", {"ml/train"}, {"ml/train"}), ("RetainExceptOnCreate", set(), {"ml/train"})],
)
def test_what_is_to_be_retained_is(
    ecr: Any, deployed: Callable[..., str], aws: LocalAws, policy: str, left_by_rollback: set[str], left: set[str]
) -> None:
    broken = repository("NO NAME") | {"DependsOn": "Here"}
    assert deployed(Here=repository(policy=policy), Broken=broken) == "ROLLBACK_COMPLETE"
    assert names(ecr) == left_by_rollback
    if left_by_rollback:
        ecr.delete_repository(repositoryName="ml/train")
    client("cloudformation", aws.port, *HERE).delete_stack(StackName="s")
    assert deployed(Here=repository(policy=policy)) == "CREATE_COMPLETE"
    client("cloudformation", aws.port, *HERE).delete_stack(StackName="s")
    assert names(ecr) == left


def test_a_registry_policy_through_its_life(ecr: Any, deployed: Callable[..., str], aws: LocalAws) -> None:
    arn = "arn:aws:ecr:us-east-1:123456789012:repository/ml/train"
    for action in ("ecr:CreateRepository", "ecr:ReplicateImage"):
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": [action],
            "Resource": [arn],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        status = deployed(Here={"Type": "AWS::ECR::RegistryPolicy", "Properties": {"PolicyText": policy}})
        assert status.endswith("E_COMPLETE")
        assert json.loads(ecr.get_registry_policy()["policyText"]) == policy
    client("cloudformation", aws.port, *HERE).delete_stack(StackName="s")
    with pytest.raises(ClientError, match="RegistryPolicyNotFound"):
        ecr.get_registry_policy()


DESTINATION = {"region": "eu-west-1", "registryId": HERE[0]}


def rule(region: str, *prefixes: str, account: str = HERE[0]) -> dict[str, Any]:
    filters = [{"filter": prefix, "filterType": "PREFIX_MATCH"} for prefix in prefixes]
    made: dict[str, Any] = {"destinations": [{"region": region, "registryId": account}]}
    return made | ({"repositoryFilters": filters} if filters else {})


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([rule("eu-west-1", "ml"), rule("us-east-1", "ml")], "cannot be the same as the source registry"),
        ([rule("eu-west-1", f"ml{number}") for number in range(11)], "rules must be at most 10"),
        ([rule("eu-west-1", f"ml{number}") for number in range(10)], ""),
        ([{"destinations": [DESTINATION | {"registryId": f"1000000000{number}"} for number in range(10, 36)]}], "25"),
    ],
)
def test_a_registry_takes_as_many_rules_as_ecr(ecr: Any, rules: list[dict[str, Any]], told: str) -> None:
    configuration = {"rules": rules}
    if told:
        with pytest.raises(ClientError, match=told):
            ecr.put_replication_configuration(replicationConfiguration=configuration)
        configuration = {"rules": []}
    else:
        ecr.put_replication_configuration(replicationConfiguration=configuration)
    assert ecr.describe_registry()["replicationConfiguration"] == configuration


def test_repositories_are_read_with_their_home_and_without_replicas(aws: LocalAws, ecr: Any) -> None:
    abroad = client("ecr", aws.port, *THERE)
    for name in ("ml/train", "ml", "tools"):
        ecr.create_repository(repositoryName=name)
    for name in ("ml/train", "theirs"):
        abroad.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    rules = [rule("us-west-2", "ml"), rule("eu-west-1", "ml/", "other", account=THERE[0])]
    ecr.put_replication_configuration(replicationConfiguration={"rules": rules})
    abroad.put_replication_configuration(replicationConfiguration={"rules": [rule("us-west-2", account=THERE[0])]})
    found = [(one.name, one.region, one.destinations, one.mutability) for one in standing_repositories(aws.port)]
    assert found == [
        ("theirs", "eu-west-1", ("us-west-2",), "IMMUTABLE"),
        ("ml", "us-east-1", ("us-west-2",), "MUTABLE"),
        ("ml/train", "us-east-1", ("111122223333 eu-west-1", "us-west-2"), "MUTABLE"),
        ("tools", "us-east-1", (), "MUTABLE"),
    ]


SHOWN = """
Images replicated
Repository        Home Region     Replicated to              Immutable tags
────────────────────────────────────────────────────────────────────────────────
training/pytorch  us-east-1       us-west-2, eu-west-1,      all but dev-*, pr-*
                                  eu-central-1,
                                  ap-northeast-1
tools             us-east-1       no other Region            v*
scratch           ap-northeast-1  us-west-2                  none
serving           us-east-1       us-west-2                  all
"""


def test_a_table_of_images_has_room_in_80_columns() -> None:
    regions = ("us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1")
    repositories = [
        StandingRepository("training/pytorch", "us-east-1", regions, "IMMUTABLE_WITH_EXCLUSION", ("dev-*", "pr-*")),
        StandingRepository("tools", "us-east-1", (), "MUTABLE_WITH_EXCLUSION", ("v*",)),
        StandingRepository("scratch", "ap-northeast-1", ("us-west-2",), "MUTABLE", ()),
        StandingRepository("serving", "us-east-1", ("us-west-2",), "IMMUTABLE", ()),
    ]
    text = StringIO()
    Console(file=text, width=80).print(images_table(repositories, title="Images replicated"))
    assert [line.rstrip() for line in text.getvalue().splitlines()] == SHOWN.splitlines()[1:]
