"""The repository at home: how it is set up, its images' URIs, and what it refuses."""

import json
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Stack
from hypothesis import given
from hypothesis import strategies as st

from fairlane.images.repository_rules import RepositorySettings
from tests.fairlane.images import fleet
from tests.support import problems_of, template_of


def test_tags_stay_images_are_scanned_and_the_repository_is_kept() -> None:
    home = fleet.stack(fleet.app())
    fleet.repository(home, mutable_tags=["dev-*", "latest"])
    (made,) = (one for one in template_of(home)["Resources"].values() if one["Type"] == "AWS::ECR::Repository")
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = made["Properties"]
    assert properties["RepositoryName"] == "training/pytorch"
    assert properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert properties["EncryptionConfiguration"] == {"EncryptionType": "AES256"}
    assert properties["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    filters = properties["ImageTagMutabilityExclusionFilters"]
    assert [one["ImageTagMutabilityExclusionFilterValue"] for one in filters] == ["dev-*", "latest"]


def test_without_exclusions_every_tag_stays() -> None:
    home = fleet.stack(fleet.app())
    fleet.repository(home)
    made = fleet.only(home, "AWS::ECR::Repository")
    assert made["ImageTagMutability"] == "IMMUTABLE"
    assert "ImageTagMutabilityExclusionFilters" not in made


@given(st.lists(st.sampled_from(["dev-*", "*-rc", "latest"]), unique=True), st.integers(1, 100))
def test_nothing_with_a_tag_ever_expires_as_it_may_have_another_that_stays(patterns: list[str], days: int) -> None:
    (rule,) = json.loads(RepositorySettings(tuple(patterns), days, {}, None).lifecycle())["rules"]
    age = {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    assert rule == {"rulePriority": 1, "selection": {"tagStatus": "untagged", **age}, "action": {"type": "expire"}}


def test_what_is_not_replicated_makes_no_document_that_would_wipe_the_rules_of_others() -> None:
    home = fleet.stack(fleet.app())
    assert fleet.repository(home, regions=[]).registry is None
    assert fleet.of_type(home, "AWS::ECR::ReplicationConfiguration") == []


def test_other_accounts_are_destinations_that_are_warned_of_each() -> None:
    app = fleet.app()
    fleet.repository(fleet.stack(app), regions=["us-west-2"], other_accounts={fleet.OTHER: ["us-west-2"]})
    assert sorted(fleet.warnings_of(app)) == [
        f"fairlane:ReplicatedRepository.noTemplate.{account}.us-west-2" for account in (fleet.ACCOUNT, fleet.OTHER)
    ]


def test_a_warning_of_an_account_that_is_not_known_names_the_region() -> None:
    app = fleet.app()
    fleet.repository(Stack(app, "Anywhere", env={"region": fleet.HOME}), regions=["us-west-2"])
    assert list(fleet.warnings_of(app)) == ["fairlane:ReplicatedRepository.noTemplate.us-west-2"]


def test_a_key_of_another_partition_is_a_mistake() -> None:
    keys = {"us-east-1": fleet.key("us-east-1").replace("arn:aws:", "arn:aws-cn:")}
    home = fleet.stack(fleet.app())
    (problem,) = problems_of(lambda: fleet.repository(home, regions=[], kms_keys=keys))
    assert problem.endswith("allowed: a key of the partition aws, which us-east-1 is in")


def test_its_own_keys_and_policy() -> None:
    home = fleet.stack(fleet.app())
    policy = {"Version": "2012-10-17", "Statement": []}
    keys = {region: fleet.key(region) for region in [fleet.HOME, *fleet.REGIONS]}
    fleet.repository(home, kms_keys=keys, policy=policy)
    made = fleet.only(home, "AWS::ECR::Repository")
    assert made["EncryptionConfiguration"] == {"EncryptionType": "KMS", "KmsKey": fleet.key(fleet.HOME)}
    assert made["RepositoryPolicyText"] == policy


def test_an_image_has_the_same_name_in_each_region() -> None:
    made = fleet.repository(fleet.stack(fleet.app()), other_accounts={fleet.OTHER: ["us-east-1"]})
    assert made.image("1.0") == "111122223333.dkr.ecr.us-east-1.amazonaws.com/training/pytorch:1.0"
    for region in fleet.REGIONS:
        uri = f"111122223333.dkr.ecr.{region}.amazonaws.com/training/pytorch@{fleet.DIGEST}"
        assert made.image(fleet.DIGEST, region=region) == uri
    assert made.image("1.0", region="us-east-1", account=fleet.OTHER).startswith("444455556666.dkr.ecr.us-east-1.")


def test_uris_in_china_have_its_domain() -> None:
    made = fleet.repository(fleet.stack(fleet.app(), "cn-north-1"), regions=["cn-northwest-1"])
    assert made.image("1", region="cn-northwest-1").split("/")[0].endswith(".ecr.cn-northwest-1.amazonaws.com.cn")


def test_an_image_in_a_stack_of_another_region_is_a_plain_text_that_refers_to_nothing() -> None:
    app = fleet.app()
    made = fleet.repository(fleet.stack(app))
    there = fleet.stack(app, "eu-west-1")
    CfnOutput(there, "Image", value=made.image(fleet.DIGEST, region="eu-west-1"))
    assert template_of(there)["Outputs"]["Image"]["Value"] == made.image(fleet.DIGEST, region="eu-west-1")
    assert there.dependencies == []
    assert "Outputs" not in template_of(Stack.of(made))


def test_a_stack_without_region_and_account_works() -> None:
    stack = Stack(App(), "Anywhere")
    made = fleet.repository(stack)
    CfnOutput(stack, "Image", value=made.image("1.0"))
    said = json.dumps(template_of(stack)["Outputs"]["Image"]["Value"])
    assert all(part in said for part in ("AWS::AccountId", "AWS::Region", "AWS::URLSuffix"))


@pytest.mark.parametrize(("tag", "warned"), [("dev-1", True), ("1.0", False), (fleet.DIGEST, False)])
def test_a_tag_that_may_be_moved_is_warned_of(tag: str, warned: bool) -> None:
    app = fleet.app()
    fleet.repository(fleet.stack(app), mutable_tags=["dev-*"], regions=[]).image(tag)
    found = fleet.warnings_of(app)
    assert list(found) == [f"fairlane:ReplicatedRepository.mutableTag.{tag}"] * warned
    assert all("an image that has lost its tag expires 30 days after its push" in says for says in found.values())


def test_a_destination_that_nothing_sets_up_is_warned_of() -> None:
    app = fleet.app()
    fleet.repository(fleet.stack(app))
    assert sorted(fleet.warnings_of(app)) == [
        f"fairlane:ReplicatedRepository.noTemplate.{fleet.ACCOUNT}.{one}" for one in sorted(fleet.REGIONS)
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Training"}, "repository_name: got 'Training', allowed: 2 to 256 of a-z"),
        ({"regions": "us-west-2"}, "regions: got 'us-west-2', allowed: a list of Regions"),
        ({"regions": ["mars"]}, "regions[0]: got 'mars', allowed: a Region such as us-west-2"),
        ({"regions": ["us-west-2"] * 2}, "regions[1]: got 'us-west-2', allowed: each Region once"),
        ({"regions": ["us-west-2", "us-east-1"]}, "regions[1]: got 'us-east-1', allowed: Regions other than the"),
        ({"regions": ["cn-north-1"]}, "regions[0]: got 'cn-north-1', allowed: Regions of the partition aws, as of us-"),
        ({"other_accounts": ["1"]}, "other_accounts: got ['1'], allowed: Regions by twelve digits"),
        ({"other_accounts": {"1": ["us-west-2"]}}, "other_accounts.1: got '1', allowed: twelve digits of an account"),
        ({"other_accounts": {fleet.ACCOUNT: ["us-west-2"]}}, f"other_accounts.{fleet.ACCOUNT}: got '{fleet.ACCOUNT}'"),
        ({"other_accounts": {fleet.OTHER: []}}, f"other_accounts.{fleet.OTHER}: got [], allowed: one Region or more"),
        ({"other_accounts": {fleet.OTHER: ["cn-north-1"]}}, f"other_accounts.{fleet.OTHER}[0]: got 'cn-north-1'"),
        ({"mutable_tags": "dev-*"}, "mutable_tags: got 'dev-*', allowed: a list of tags"),
        ({"mutable_tags": list("abcdef")}, "mutable_tags: got '6 patterns', allowed: at most 5"),
        ({"mutable_tags": ["a*b*c*"]}, "mutable_tags[0]: got 'a*b*c*', allowed: 1 to 128"),
        ({"mutable_tags": ["*"]}, "mutable_tags[0]: got '*', allowed: not every tag"),
        ({"mutable_tags": ["dev-*"] * 2}, "mutable_tags[1]: got 'dev-*', allowed: each tag once"),
        ({"expire_after_days": 0}, "expire_after_days: got 0, allowed: a whole number of days"),
        ({"kms_keys": "arn"}, "kms_keys: got 'arn', allowed: ARNs of KMS keys by Region"),
        ({"kms_keys": {"us-east-1": fleet.key("us-east-1")}}, "kms_keys.us-west-2: missing; use the ARN of a"),
        ({"policy": "{}"}, "policy: got '{}', allowed: a policy document as a mapping"),
        ({"policy": {"Statement": "x" * 11_000}}, "policy: got '11016 characters', allowed: at most 10240"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], problem: str) -> None:
    home = fleet.stack(fleet.app())
    arguments: dict[str, Any] = {"name": "a/b", "regions": ["us-west-2"], **changes}
    assert problems_of(lambda: fleet.repository(home, **arguments))[0].startswith(problem)
    assert home.node.children == []


def test_a_key_of_another_region_is_a_mistake() -> None:
    keys = {
        "us-east-1": fleet.key("us-east-1"),
        "us-west-2": fleet.key("us-east-1"),
        "sa-east-1": fleet.key("sa-east-1"),
    }
    home = fleet.stack(fleet.app())
    problems = problems_of(lambda: fleet.repository(home, regions=["us-west-2"], kms_keys=keys))
    assert [one.split(": ")[0] for one in problems] == ["kms_keys.us-west-2", "kms_keys.sa-east-1"]
    assert problems[0].endswith("allowed: a key of us-west-2, as a repository has none of another Region")


def test_keys_and_other_accounts_do_not_go_together() -> None:
    home = fleet.stack(fleet.app())
    others = {fleet.OTHER: ["us-west-2"]}
    problems = problems_of(
        lambda: fleet.repository(
            home, regions=[], other_accounts=others, kms_keys={"us-east-1": fleet.key("us-east-1")}
        )
    )
    assert problems[0].startswith("kms_keys: got '1 keys', allowed: none, with other accounts")


def test_all_mistakes_are_told_at_once() -> None:
    home = fleet.stack(fleet.app())
    wrong: dict[str, Any] = {"regions": ["us-east-1"], "mutable_tags": ["*"], "expire_after_days": -1, "policy": 5}
    assert len(problems_of(lambda: fleet.repository(home, "Bad", **wrong))) == 5


def test_a_name_is_one_repositorys() -> None:
    home = fleet.stack(fleet.app())
    fleet.repository(home)
    inner = Stack(home, "Nested", env={"account": fleet.ACCOUNT, "region": fleet.HOME})
    (problem,) = problems_of(lambda: fleet.repository(inner))
    assert problem.endswith(f"another name: {home.node.path}/training-pytorch has it already")


@pytest.mark.parametrize("version", ["", "a b", ":latest", "sha256:abc", "x" * 129, 5])
def test_what_is_neither_tag_nor_digest_is_refused(version: Any) -> None:
    made = fleet.repository(fleet.stack(fleet.app()))
    assert problems_of(lambda: made.image(version))[0].startswith("tag_or_digest: got ")


def test_an_image_elsewhere_or_with_too_long_a_uri_is_refused() -> None:
    home = fleet.stack(fleet.app())
    (problem,) = problems_of(lambda: fleet.repository(home).image("1", region="sa-east-1"))
    assert problem.startswith(
        "region: got 'sa-east-1 of account 111122223333', allowed: where training/pytorch is: us-"
    )
    (problem,) = problems_of(lambda: fleet.repository(home, "x" * 200).image(fleet.DIGEST))
    assert problem == "got '317 characters', allowed: at most 255, which SageMaker takes"
