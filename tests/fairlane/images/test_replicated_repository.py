"""Repository in the home Region: settings, image URIs, errors and warnings."""

import json
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Stack
from hypothesis import given
from hypothesis import strategies as st

from fairlane.images.repository_rules import RepositorySettings
from tests.fairlane.images import fleet
from tests.support import problems_of, template_of


def test_a_repository_has_immutable_tags_scan_on_push_and_removal_policy_retain() -> None:
    home = fleet.stack(fleet.app())
    fleet.repository(home, mutable_tags=["dev-*", "latest"])
    resources = template_of(home)["Resources"].values()
    (repository,) = (resource for resource in resources if resource["Type"] == "AWS::ECR::Repository")
    assert (repository["DeletionPolicy"], repository["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = repository["Properties"]
    assert properties["RepositoryName"] == "training/pytorch"
    assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert properties["EncryptionConfiguration"] == {"EncryptionType": "AES256"}
    assert properties["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    filters = properties["ImageTagMutabilityExclusionFilters"]
    assert [tag_filter["ImageTagMutabilityExclusionFilterValue"] for tag_filter in filters] == ["dev-*", "latest"]


def test_without_mutable_tags_all_tags_are_immutable() -> None:
    home = fleet.stack(fleet.app())
    fleet.repository(home)
    repository = fleet.resource(home, "AWS::ECR::Repository")
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert "ImageTagMutabilityExclusionFilters" not in repository


@given(st.lists(st.sampled_from(["dev-*", "*-rc", "latest"]), unique=True), st.integers(1, 100))
def test_only_images_without_a_tag_expire(patterns: list[str], days: int) -> None:
    (rule,) = json.loads(RepositorySettings(tuple(patterns), days, {}, None).lifecycle())["rules"]
    age = {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    assert rule == {"rulePriority": 1, "selection": {"tagStatus": "untagged", **age}, "action": {"type": "expire"}}


def test_a_repository_without_destinations_creates_no_replication_document() -> None:
    home = fleet.stack(fleet.app())
    assert fleet.repository(home, regions=[]).registry is None
    assert fleet.resources(home, "AWS::ECR::ReplicationConfiguration") == []


def test_each_destination_in_another_account_raises_a_warning() -> None:
    app = fleet.app()
    fleet.repository(fleet.stack(app), regions=["us-west-2"], other_accounts={fleet.OTHER: ["us-west-2"]})
    assert sorted(fleet.synth_warnings(app)) == [
        f"fairlane:ReplicatedRepository.noTemplate.{account}.us-west-2" for account in (fleet.ACCOUNT, fleet.OTHER)
    ]


def test_a_warning_about_an_unknown_account_names_the_region() -> None:
    app = fleet.app()
    fleet.repository(Stack(app, "Anywhere", env={"region": fleet.HOME}), regions=["us-west-2"])
    assert list(fleet.synth_warnings(app)) == ["fairlane:ReplicatedRepository.noTemplate.us-west-2"]


def test_a_key_of_another_partition_is_refused() -> None:
    keys = {"us-east-1": fleet.key("us-east-1").replace("arn:aws:", "arn:aws-cn:")}
    home = fleet.stack(fleet.app())
    (problem,) = problems_of(lambda: fleet.repository(home, regions=[], kms_keys=keys))
    assert problem.endswith("allowed: a KMS key in partition aws, which us-east-1 belongs to")


def test_a_repository_has_its_keys_and_policy() -> None:
    home = fleet.stack(fleet.app())
    policy = {"Version": "2012-10-17", "Statement": []}
    keys = {region: fleet.key(region) for region in [fleet.HOME, *fleet.REGIONS]}
    fleet.repository(home, kms_keys=keys, policy=policy)
    repository = fleet.resource(home, "AWS::ECR::Repository")
    assert repository["EncryptionConfiguration"] == {"EncryptionType": "KMS", "KmsKey": fleet.key(fleet.HOME)}
    assert repository["RepositoryPolicyText"] == policy


def test_an_image_has_the_same_name_in_each_region() -> None:
    repository = fleet.repository(fleet.stack(fleet.app()), other_accounts={fleet.OTHER: ["us-east-1"]})
    assert repository.image("1.0") == "111122223333.dkr.ecr.us-east-1.amazonaws.com/training/pytorch:1.0"
    for region in fleet.REGIONS:
        uri = f"111122223333.dkr.ecr.{region}.amazonaws.com/training/pytorch@{fleet.DIGEST}"
        assert repository.image(fleet.DIGEST, region=region) == uri
    assert repository.image("1.0", region="us-east-1", account=fleet.OTHER).startswith(
        "444455556666.dkr.ecr.us-east-1."
    )


def test_uris_in_china_have_the_domain_of_china() -> None:
    repository = fleet.repository(fleet.stack(fleet.app(), "cn-north-1"), regions=["cn-northwest-1"])
    assert repository.image("1", region="cn-northwest-1").split("/")[0].endswith(".ecr.cn-northwest-1.amazonaws.com.cn")


def test_an_image_uri_in_another_region_is_plain_text_without_references() -> None:
    app = fleet.app()
    repository = fleet.repository(fleet.stack(app))
    europe = fleet.stack(app, "eu-west-1")
    CfnOutput(europe, "Image", value=repository.image(fleet.DIGEST, region="eu-west-1"))
    assert template_of(europe)["Outputs"]["Image"]["Value"] == repository.image(fleet.DIGEST, region="eu-west-1")
    assert europe.dependencies == []
    assert "Outputs" not in template_of(Stack.of(repository))


def test_a_stack_without_region_and_account_works() -> None:
    stack = Stack(App(), "Anywhere")
    repository = fleet.repository(stack)
    CfnOutput(stack, "Image", value=repository.image("1.0"))
    uri = json.dumps(template_of(stack)["Outputs"]["Image"]["Value"])
    assert all(part in uri for part in ("AWS::AccountId", "AWS::Region", "AWS::URLSuffix"))


@pytest.mark.parametrize(("tag", "warned"), [("dev-1", True), ("1.0", False), (fleet.DIGEST, False)])
def test_a_mutable_tag_in_a_uri_raises_a_warning(tag: str, warned: bool) -> None:
    app = fleet.app()
    fleet.repository(fleet.stack(app), mutable_tags=["dev-*"], regions=[]).image(tag)
    warnings = fleet.synth_warnings(app)
    assert list(warnings) == [f"fairlane:ReplicatedRepository.mutableTag.{tag}"] * warned
    assert all("lost its tag expires 30 days after its push" in message for message in warnings.values())


def test_a_destination_without_templates_raises_a_warning() -> None:
    app = fleet.app()
    fleet.repository(fleet.stack(app))
    assert sorted(fleet.synth_warnings(app)) == [
        f"fairlane:ReplicatedRepository.noTemplate.{fleet.ACCOUNT}.{region}" for region in sorted(fleet.REGIONS)
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Training"}, "repository_name: got 'Training', allowed: 2 to 256 characters of a-z"),
        ({"regions": "us-west-2"}, "regions: got 'us-west-2', allowed: a list of Regions"),
        ({"regions": ["mars"]}, "regions[0]: got 'mars', allowed: a Region known at synth"),
        ({"regions": ["us-west-2"] * 2}, "regions[1]: us-west-2 is listed twice: list each Region"),
        ({"regions": ["us-west-2", "us-east-1"]}, "regions[1]: got 'us-east-1', allowed: a Region other than the"),
        ({"regions": ["cn-north-1"]}, "regions[0]: got 'cn-north-1', allowed: a Region of partition aws, which us-"),
        ({"other_accounts": ["1"]}, "other_accounts: got ['1'], allowed: a mapping of 12-digit"),
        (
            {"other_accounts": {"1": ["us-west-2"]}},
            "other_accounts.1: got '1', allowed: an account ID of twelve digits",
        ),
        ({"other_accounts": {fleet.ACCOUNT: ["us-west-2"]}}, f"other_accounts.{fleet.ACCOUNT}: {fleet.ACCOUNT} is the"),
        ({"other_accounts": {fleet.OTHER: []}}, f"other_accounts.{fleet.OTHER}: got [], allowed: a list of one or"),
        ({"other_accounts": {fleet.OTHER: ["cn-north-1"]}}, f"other_accounts.{fleet.OTHER}[0]: got 'cn-north-1'"),
        ({"mutable_tags": "dev-*"}, "mutable_tags: got 'dev-*', allowed: a list of tags"),
        ({"mutable_tags": list("abcdef")}, "mutable_tags: the list has 6 patterns: use at most 5"),
        ({"mutable_tags": ["a*b*c*"]}, "mutable_tags[0]: got 'a*b*c*', allowed: 1 to 128"),
        ({"mutable_tags": ["*"]}, "mutable_tags[0]: got '*', allowed: a pattern that does not match every tag"),
        ({"mutable_tags": ["dev-*"] * 2}, "mutable_tags[1]: dev-* is listed twice: list each tag once"),
        ({"expire_after_days": 0}, "expire_after_days: got 0, allowed: a whole number of days"),
        ({"kms_keys": "arn"}, "kms_keys: got 'arn', allowed: a mapping of Regions to ARNs"),
        ({"kms_keys": {"us-east-1": fleet.key("us-east-1")}}, "kms_keys.us-west-2: missing; use the ARN of a KMS key"),
        ({"policy": "{}"}, "policy: got '{}', allowed: a policy document as a mapping"),
        ({"policy": {"Statement": "x" * 11_000}}, "policy: the policy has 11016 characters: use at most 10240"),
    ],
)
def test_an_invalid_argument_is_refused(changes: dict[str, Any], problem: str) -> None:
    home = fleet.stack(fleet.app())
    arguments: dict[str, Any] = {"name": "a/b", "regions": ["us-west-2"], **changes}
    assert problems_of(lambda: fleet.repository(home, **arguments))[0].startswith(problem)
    assert home.node.children == []


def test_a_key_of_another_region_is_refused() -> None:
    keys = {
        "us-east-1": fleet.key("us-east-1"),
        "us-west-2": fleet.key("us-east-1"),
        "sa-east-1": fleet.key("sa-east-1"),
    }
    home = fleet.stack(fleet.app())
    problems = problems_of(lambda: fleet.repository(home, regions=["us-west-2"], kms_keys=keys))
    assert [problem.split(": ")[0] for problem in problems] == ["kms_keys.us-west-2", "kms_keys.sa-east-1"]
    assert problems[0].endswith("allowed: a KMS key in us-west-2: a repository cannot use a key of another Region")


def test_keys_and_other_accounts_exclude_each_other() -> None:
    home = fleet.stack(fleet.app())
    others = {fleet.OTHER: ["us-west-2"]}
    problems = problems_of(
        lambda: fleet.repository(
            home, regions=[], other_accounts=others, kms_keys={"us-east-1": fleet.key("us-east-1")}
        )
    )
    assert problems[0].startswith("kms_keys: cannot be combined with other_accounts")


def test_one_error_lists_all_problems() -> None:
    home = fleet.stack(fleet.app())
    wrong: dict[str, Any] = {"regions": ["us-east-1"], "mutable_tags": ["*"], "expire_after_days": -1, "policy": 5}
    assert len(problems_of(lambda: fleet.repository(home, "Bad", **wrong))) == 5


def test_the_name_of_a_repository_is_unique() -> None:
    home = fleet.stack(fleet.app())
    fleet.repository(home)
    inner = Stack(home, "Nested", env={"account": fleet.ACCOUNT, "region": fleet.HOME})
    (problem,) = problems_of(lambda: fleet.repository(inner))
    owner = f"{home.node.path}/training-pytorch"
    assert problem.endswith(f"{owner} already has the name 'training/pytorch': use another name")


@pytest.mark.parametrize("version", ["", "a b", ":latest", "sha256:abc", "x" * 129, 5])
def test_an_image_needs_a_valid_tag_or_digest(version: Any) -> None:
    repository = fleet.repository(fleet.stack(fleet.app()))
    assert problems_of(lambda: repository.image(version))[0].startswith("tag_or_digest: got ")


def test_an_image_without_a_replica_or_with_a_long_uri_is_refused() -> None:
    home = fleet.stack(fleet.app())
    (problem,) = problems_of(lambda: fleet.repository(home).image("1", region="sa-east-1"))
    assert problem.startswith(
        "region: training/pytorch is not replicated to sa-east-1 of account 111122223333: use one of us-"
    )
    (problem,) = problems_of(lambda: fleet.repository(home, "x" * 200).image(fleet.DIGEST))
    assert problem == (
        "the URI has 317 characters, and SageMaker accepts at most 255: use a shorter repository name or tag"
    )
