"""Amazon ECR resources in the local AWS, and the list and table of deployed repositories."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from fairlane_local import LocalAws, client
from fairlane_local.console.tables import images_table
from fairlane_local.ecr.deployed_repositories import DeployedRepository, deployed_repositories

HOME, OTHER = ("123456789012", "us-east-1"), ("111122223333", "eu-west-1")
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
PULL_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}],
}


@pytest.fixture
def ecr(aws: LocalAws) -> Any:
    return client("ecr", aws.port, *HOME)


@pytest.fixture
def deploy(aws: LocalAws) -> Callable[..., str]:
    """Return a function that deploys resources as the stack `s` and returns the stack's status."""
    cloudformation = client("cloudformation", aws.port, *HOME)

    def run(**resources: Any) -> str:
        change = "update" if cloudformation.describe_stacks()["Stacks"] else "create"
        body = json.dumps({"Resources": resources})
        getattr(cloudformation, f"{change}_stack")(StackName="s", TemplateBody=body)
        return str(cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])

    return run


def repository(name: str = "ml/train", policy: str = "Delete", **properties: Any) -> dict[str, Any]:
    properties |= {"RepositoryName": name}
    resource = {"Type": "AWS::ECR::Repository", "Properties": properties}
    return resource | {"DeletionPolicy": policy, "UpdateReplacePolicy": policy.removesuffix("ExceptOnCreate")}


def names(ecr: Any) -> set[str]:
    return {repository["repositoryName"] for repository in ecr.describe_repositories()["repositories"]}


def test_a_repository_is_created_updated_and_replaced(ecr: Any, deploy: Callable[..., str]) -> None:
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
        RepositoryPolicyText=PULL_POLICY,
        Tags=[{"Key": "team", "Value": "search"}],
    )
    assert deploy(Repository=full) == "CREATE_COMPLETE"
    (created,) = ecr.describe_repositories()["repositories"]
    assert created["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key}
    assert created["imageScanningConfiguration"] == {"scanOnPush": True}
    assert created["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert created["imageTagMutabilityExclusionFilters"] == [{"filterType": "WILDCARD", "filter": "dev-*"}]
    assert ecr.get_lifecycle_policy(repositoryName="ml/train")["lifecyclePolicyText"] == EXPIRE
    assert json.loads(ecr.get_repository_policy(repositoryName="ml/train")["policyText"]) == PULL_POLICY
    tags = ecr.list_tags_for_resource(resourceArn=created["repositoryArn"])["tags"]
    assert tags == [{"Key": "team", "Value": "search"}]

    assert deploy(Repository=repository(**encrypted)) == "UPDATE_COMPLETE"
    (plain,) = ecr.describe_repositories()["repositories"]
    assert plain["createdAt"] == created["createdAt"]
    assert plain["imageScanningConfiguration"] == {"scanOnPush": False}
    assert plain["imageTagMutability"] == "MUTABLE"
    assert "imageTagMutabilityExclusionFilters" not in plain
    for call in ("get_lifecycle_policy", "get_repository_policy"):
        with pytest.raises(ClientError, match="NotFound"):
            getattr(ecr, call)(repositoryName="ml/train")
    assert ecr.list_tags_for_resource(resourceArn=created["repositoryArn"])["tags"] == []

    assert (
        deploy(Repository=repository()) == "UPDATE_ROLLBACK_COMPLETE"
    )  # a change of the encryption requires a new name
    assert deploy(Repository=repository("ml/other")) == "UPDATE_COMPLETE"
    assert names(ecr) == {"ml/other"}


@pytest.mark.parametrize(
    ("policy", "names_after_rollback", "names_after_deletion"),
    [("Delete", set(), set()), ("Retain", {"ml/train"}, {"ml/train"}), ("RetainExceptOnCreate", set(), {"ml/train"})],
)
def test_retained_repositories_are_kept(
    ecr: Any,
    deploy: Callable[..., str],
    aws: LocalAws,
    policy: str,
    names_after_rollback: set[str],
    names_after_deletion: set[str],
) -> None:
    broken = repository("NO NAME") | {"DependsOn": "Repository"}
    assert deploy(Repository=repository(policy=policy), Broken=broken) == "ROLLBACK_COMPLETE"
    assert names(ecr) == names_after_rollback
    if names_after_rollback:
        ecr.delete_repository(repositoryName="ml/train")
    client("cloudformation", aws.port, *HOME).delete_stack(StackName="s")
    assert deploy(Repository=repository(policy=policy)) == "CREATE_COMPLETE"
    client("cloudformation", aws.port, *HOME).delete_stack(StackName="s")
    assert names(ecr) == names_after_deletion


def test_a_registry_policy_is_created_updated_and_deleted(ecr: Any, deploy: Callable[..., str], aws: LocalAws) -> None:
    arn = "arn:aws:ecr:us-east-1:123456789012:repository/ml/train"
    for action in ("ecr:CreateRepository", "ecr:ReplicateImage"):
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": [action],
            "Resource": [arn],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        status = deploy(Repository={"Type": "AWS::ECR::RegistryPolicy", "Properties": {"PolicyText": policy}})
        assert status.endswith("E_COMPLETE")
        assert json.loads(ecr.get_registry_policy()["policyText"]) == policy
    client("cloudformation", aws.port, *HOME).delete_stack(StackName="s")
    with pytest.raises(ClientError, match="RegistryPolicyNotFound"):
        ecr.get_registry_policy()


DESTINATION = {"region": "eu-west-1", "registryId": HOME[0]}


def rule(region: str, *prefixes: str, account: str = HOME[0]) -> dict[str, Any]:
    filters = [{"filter": prefix, "filterType": "PREFIX_MATCH"} for prefix in prefixes]
    document: dict[str, Any] = {"destinations": [{"region": region, "registryId": account}]}
    return document | ({"repositoryFilters": filters} if filters else {})


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([rule("eu-west-1", "ml"), rule("us-east-1", "ml")], "cannot be the same as the source registry"),
        ([rule("eu-west-1", f"ml{number}") for number in range(11)], "rules must be at most 10"),
        ([rule("eu-west-1", f"ml{number}") for number in range(10)], ""),
        ([{"destinations": [DESTINATION | {"registryId": f"1000000000{number}"} for number in range(10, 36)]}], "25"),
    ],
)
def test_a_registry_has_the_rule_limits_of_ecr(ecr: Any, rules: list[dict[str, Any]], message: str) -> None:
    configuration = {"rules": rules}
    if message:
        with pytest.raises(ClientError, match=message):
            ecr.put_replication_configuration(replicationConfiguration=configuration)
        configuration = {"rules": []}
    else:
        ecr.put_replication_configuration(replicationConfiguration=configuration)
    assert ecr.describe_registry()["replicationConfiguration"] == configuration


def test_a_pushed_image_is_replicated_with_its_digest(aws: LocalAws, ecr: Any) -> None:
    rules = [rule("us-west-2", "ml/"), rule("eu-west-1", "ml/", account=OTHER[0])]
    ecr.put_replication_configuration(replicationConfiguration={"rules": rules})
    manifest = json.dumps(
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [{"digest": "sha256:1"}]}
    )
    for name in ("ml/train", "tools"):
        ecr.create_repository(repositoryName=name)
        for tag in ("1", "latest"):
            ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag=tag)
    (original,) = ecr.describe_images(repositoryName="ml/train")["imageDetails"]
    for location in ((HOME[0], "us-west-2"), OTHER):
        copies = client("ecr", aws.port, *location)
        assert [each["repositoryName"] for each in copies.describe_repositories()["repositories"]] == ["ml/train"]
        (copy,) = copies.describe_images(repositoryName="ml/train")["imageDetails"]
        assert (copy["imageDigest"], sorted(copy["imageTags"])) == (original["imageDigest"], ["1", "latest"])


def test_deployed_repositories_have_their_home_region_and_exclude_replicas(aws: LocalAws, ecr: Any) -> None:
    other_ecr = client("ecr", aws.port, *OTHER)
    for name in ("ml/train", "ml", "tools"):
        ecr.create_repository(repositoryName=name)
    for name in ("ml/train", "theirs"):
        other_ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    rules = [rule("us-west-2", "ml"), rule("eu-west-1", "ml/", "other", account=OTHER[0])]
    ecr.put_replication_configuration(replicationConfiguration={"rules": rules})
    other_ecr.put_replication_configuration(replicationConfiguration={"rules": [rule("us-west-2", account=OTHER[0])]})
    repositories = deployed_repositories(aws.port)
    assert [(item.name, item.region, item.destinations, item.mutability) for item in repositories] == [
        ("theirs", "eu-west-1", ("us-west-2",), "IMMUTABLE"),
        ("ml", "us-east-1", ("us-west-2",), "MUTABLE"),
        ("ml/train", "us-east-1", ("111122223333 eu-west-1", "us-west-2"), "MUTABLE"),
        ("tools", "us-east-1", (), "MUTABLE"),
    ]


TABLE = """
Image replication
Repository        Home Region     Replicated to              Immutable tags
────────────────────────────────────────────────────────────────────────────────
training/pytorch  us-east-1       us-west-2, eu-west-1,      all but dev-*, pr-*
                                  eu-central-1,
                                  ap-northeast-1
tools             us-east-1       no other Region            v*
scratch           ap-northeast-1  us-west-2                  none
serving           us-east-1       us-west-2                  all
"""


def test_the_table_of_images_fits_into_80_columns() -> None:
    regions = ("us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1")
    repositories = [
        DeployedRepository("training/pytorch", "us-east-1", regions, "IMMUTABLE_WITH_EXCLUSION", ("dev-*", "pr-*")),
        DeployedRepository("tools", "us-east-1", (), "MUTABLE_WITH_EXCLUSION", ("v*",)),
        DeployedRepository("scratch", "ap-northeast-1", ("us-west-2",), "MUTABLE", ()),
        DeployedRepository("serving", "us-east-1", ("us-west-2",), "IMMUTABLE", ()),
    ]
    text = StringIO()
    Console(file=text, width=80).print(images_table(repositories, title="Image replication"))
    assert [line.rstrip() for line in text.getvalue().splitlines()] == TABLE.splitlines()[1:]
