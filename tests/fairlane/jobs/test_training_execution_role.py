"""Tests of the execution role of training jobs, with an evaluator of IAM policies."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlane import TrainingExecutionRole
from tests import cfn_lint
from tests.iam_evaluator import Context, is_allowed
from tests.support import problems_of, template_of

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
LOGS = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/sagemaker/TrainingJobs"
REPOSITORY = "arn:aws:ecr:us-east-1:111122223333:repository"
TOKEN = "${Token[TOKEN.1]}"


def policy_of(stack: Stack) -> list[dict[str, Any]]:
    def resolve(value: Any) -> Any:
        match value:
            case {"Ref": "AWS::Partition"}:
                return "aws"
            case {"Fn::Join": [separator, parts]}:
                return separator.join(map(resolve, parts))
            case dict():
                return {key: resolve(item) for key, item in value.items()}
            case list():
                return [resolve(item) for item in value]
            case _:
                return value

    (role,) = (entry for entry in template_of(stack)["Resources"].values() if entry["Type"] == "AWS::IAM::Role")
    (policy,) = role["Properties"]["Policies"]
    return list(resolve(policy["PolicyDocument"]["Statement"]))


@pytest.fixture
def statements(stack: Stack) -> list[dict[str, Any]]:
    TrainingExecutionRole(
        stack,
        "Role",
        read=["s3://datasets/imagenet/", "s3://public/"],
        write=["s3://models/search/", "s3://datasets/cache/"],
        repositories=["training", "arn:aws:ecr:us-east-1:763104351884:repository/pytorch-training"],
        kms_keys=[KEY],
    )
    return policy_of(stack)


ALLOWED: list[tuple[str, str, Context]] = [
    ("s3:GetObject", "arn:aws:s3:::datasets/imagenet/train/1.tar", {}),
    ("s3:GetObject", "arn:aws:s3:::public/anything", {}),
    ("s3:GetObject", "arn:aws:s3:::models/search/checkpoint/1", {}),
    ("s3:PutObject", "arn:aws:s3:::models/search/checkpoint/1", {}),
    ("s3:PutObject", "arn:aws:s3:::datasets/cache/1", {}),
    ("s3:ListBucket", "arn:aws:s3:::datasets", {"s3:prefix": "imagenet/train"}),
    ("s3:ListBucket", "arn:aws:s3:::datasets", {"s3:prefix": "cache/"}),
    ("s3:ListBucket", "arn:aws:s3:::public", {"s3:prefix": ""}),
    ("s3:ListBucket", "arn:aws:s3:::public", {"s3:prefix": "any"}),
    ("s3:ListBucket", "arn:aws:s3:::public", {}),
    ("ecr:BatchGetImage", f"{REPOSITORY}/training", {}),
    ("ecr:BatchGetImage", "arn:aws:ecr:us-east-1:763104351884:repository/pytorch-training", {}),
    ("ecr:GetAuthorizationToken", "*", {}),
    ("kms:Decrypt", KEY, {}),
    ("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "true"}),
    ("logs:CreateLogGroup", LOGS, {}),
    ("logs:CreateLogGroup", f"{LOGS}:log-stream:", {}),
    ("logs:PutLogEvents", f"{LOGS}:log-stream:job/algo-1", {}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "/aws/sagemaker/TrainingJobs"}),
]
REFUSED: list[tuple[str, str, Context]] = [
    ("s3:GetObject", "arn:aws:s3:::datasets/imagenet-2/1", {}),
    ("s3:GetObject", "arn:aws:s3:::datasets/other/1", {}),
    ("s3:GetObject", "arn:aws:s3:::models/search-2/1", {}),
    ("s3:PutObject", "arn:aws:s3:::datasets/imagenet/1", {}),
    ("s3:PutObject", "arn:aws:s3:::public/1", {}),
    ("s3:DeleteObject", "arn:aws:s3:::models/search/1", {}),
    ("s3:ListBucket", "arn:aws:s3:::datasets", {"s3:prefix": "other/"}),
    ("s3:ListBucket", "arn:aws:s3:::datasets", {"s3:prefix": ""}),
    ("s3:ListBucket", "arn:aws:s3:::datasets", {}),
    ("ecr:BatchGetImage", f"{REPOSITORY}/training-2", {}),
    ("ecr:PutImage", f"{REPOSITORY}/training", {}),
    ("kms:Decrypt", KEY.replace("1234abcd", "00000000"), {}),
    ("kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": "false"}),
    ("kms:CreateGrant", KEY, {}),
    ("logs:PutLogEvents", f"{LOGS}-2:log-stream:x", {}),
    ("logs:PutLogEvents", LOGS.replace("us-east-1", "eu-west-1") + ":log-stream:x", {}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Fairlane"}),
    ("iam:PassRole", "arn:aws:iam::111122223333:role/anything", {}),
]


@pytest.mark.parametrize(("action", "resource", "context"), ALLOWED)
def test_actions_on_given_resources_are_allowed(statements: Any, action: str, resource: str, context: Context) -> None:
    assert is_allowed(statements, action, [resource], context)


@pytest.mark.parametrize(("action", "resource", "context"), REFUSED)
def test_all_other_actions_are_refused(statements: Any, action: str, resource: str, context: Context) -> None:
    assert not is_allowed(statements, action, [resource], context)


PREFIXES = st.lists(st.sampled_from(["a/", "a/b/", "ab/", "b/", ""]), unique=True, max_size=3)


@pytest.mark.parametrize("examples", [40, pytest.param(100, marks=pytest.mark.slow)])
def test_the_role_can_access_only_objects_below_its_prefixes(examples: int) -> None:
    @settings(max_examples=examples)
    @given(read=PREFIXES, write=PREFIXES, key=st.sampled_from(["a/x", "a/b/x", "ab/x", "b/x", "x", "a"]))
    def check(read: list[str], write: list[str], key: str) -> None:
        stack = Stack(App(), "Stack", env=cdk.Environment(account="111122223333", region="us-east-1"))
        uris = [[f"s3://bucket-1/{prefix}" for prefix in prefixes] for prefixes in (read, write)]
        TrainingExecutionRole(stack, "Role", read=uris[0], write=uris[1])
        statements = policy_of(stack)
        resource = [f"arn:aws:s3:::bucket-1/{key}"]
        writable = any(key.startswith(prefix) for prefix in write)
        readable = writable or any(key.startswith(prefix) for prefix in read)
        assert is_allowed(statements, "s3:GetObject", resource, {}) is readable
        assert is_allowed(statements, "s3:PutObject", resource, {}) is writable
        bucket, whole = ["arn:aws:s3:::bucket-1"], "" in (*read, *write)
        assert is_allowed(statements, "s3:ListBucket", bucket, {}) is whole
        assert is_allowed(statements, "s3:ListBucket", bucket, {"s3:prefix": ""}) is whole
        assert is_allowed(statements, "s3:ListBucket", bucket, {"s3:prefix": key}) is readable

    check()


def test_only_sagemaker_can_assume_the_role_for_this_account(stack: Stack) -> None:
    TrainingExecutionRole(stack, "Role")
    (role,) = template_of(stack)["Resources"].values()
    assert role["Properties"]["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
        }
    ]


def test_a_role_with_constructs_and_tokens_passes_cdk_nag_and_cfn_lint() -> None:
    app = App()
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Stack")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", cdk.Fn.import_value("bucket"))
    TrainingExecutionRole(
        stack,
        "Role",
        read=[
            bucket.s3_url_for_object("imagenet/"),
            f"s3://{cdk.Fn.import_value('other')}/",
            "s3://bucket/a [b::c) d/",
        ],
        write=[f"s3://models/{stack.region}/"],
        repositories=[ecr.Repository.from_repository_name(stack, "Repository", "training"), cdk.Fn.import_value("r")],
        kms_keys=[kms.Key.from_key_arn(stack, "Key", KEY), cdk.Fn.import_value("key")],
        tags={"team": "search"},
    )
    app.synth()
    template = template_of(stack)
    assert cfn_lint.findings(template) == []
    (role,) = template["Resources"].values()
    assert role["Properties"]["Tags"] == [{"Key": "team", "Value": "search"}]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"read": ["datasets/imagenet/"]}, "read[0]: got 'datasets/imagenet/', allowed: the S3 URI of a prefix"),
        (
            {"read": ["s3://datasets/imagenet"]},
            "read[0]: got 's3://datasets/imagenet', allowed: the S3 URI of a prefix",
        ),
        ({"write": ["s3://a-b/x/", "s3://datasets"]}, "write[1]: got 's3://datasets'"),
        ({"read": ["s3://datasets/*/"]}, "read[0]: got 's3://datasets/*/'"),
        ({"read": ["s3://Datasets/x/"]}, "read[0]: got 's3://Datasets/x/'"),
        ({"read": "s3://datasets/x/"}, "read: got 's3://datasets/x/', allowed: a list"),
        ({"repositories": ["Training"]}, "repositories[0]: got 'Training', allowed: the name or the ARN"),
        ({"repositories": ["training:latest"]}, "repositories[0]: got 'training:latest'"),
        ({"repositories": 5}, "repositories: got 5, allowed: a list"),
        ({"kms_keys": ["alias/training"]}, "kms_keys[0]: got 'alias/training', allowed: the ARN of a KMS key"),
        ({"kms_keys": [KEY.replace("key/", "alias/")]}, "kms_keys[0]: got 'arn:aws:kms"),
        ({"read": [f"s3://*{TOKEN}/"]}, "read[0]: got a value known only at deployment, allowed: the S3 URI"),
        ({"read": [f"s3://{TOKEN}*/"]}, "read[0]: got a value known only at deployment, allowed: the S3 URI"),
        ({"read": [f"s3://data-x/{TOKEN}?/"]}, "read[0]: got a value known only at deployment, allowed: the S3 URI"),
        ({"write": ["s3://data-x/${aws:username}/"]}, "write[0]: got 's3://data-x/${aws:username}/', allowed: the S3"),
        ({"write": ["s3://data-x/a\nb/"]}, "write[0]: got 's3://data-x/a\\nb/', allowed: the S3 URI"),
        ({"read": ["s3://a..b/x/"]}, "read[0]: 'a..b' is not the name of a bucket: use 3 to 63 characters"),
        ({"repositories": [f"arn:aws:ecr:*:*:repository/*{TOKEN}"]}, "repositories[0]: got a value known only"),
        ({"repositories": ["arn:aws:ecr:us-east-1:111122223333:repository/../x"]}, "repositories[0]: got 'arn:aws:ecr"),
        ({"kms_keys": [f"arn:aws:kms:*:*:key/*{TOKEN}"]}, "kms_keys[0]: got a value known only at deployment"),
        ({"kms_keys": [f"arn:aws:kms:{TOKEN}:alias/training"]}, "kms_keys[0]: got a value known only at deployment"),
        ({"kms_keys": [KEY.replace("1111", "\u0661" * 4)]}, "kms_keys[0]: got 'arn:aws:kms"),
        ({"tags": {"aws:x": "y"}}, "tags.\"aws:x\": got 'aws:x'"),
    ],
)
def test_a_wrong_value_is_reported(stack: Stack, arguments: dict[str, Any], problem: str) -> None:
    (message,) = problems_of(lambda: TrainingExecutionRole(stack, "Role", **arguments))
    assert message.startswith(problem)
    assert stack.node.children == []


def test_constructs_with_wildcards_or_aliases_are_refused(stack: Stack) -> None:
    everything = ecr.Repository.from_repository_name(stack, "Everything", "*")
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/training")
    problems = problems_of(lambda: TrainingExecutionRole(stack, "Role", repositories=[everything], kms_keys=[alias]))
    assert [problem.partition(":")[0] for problem in problems] == ["repositories[0]", "kms_keys[0]"]


def test_a_policy_with_too_many_characters_is_refused(stack: Stack) -> None:
    prefixes = [f"s3://bucket-1/{'x' * 60}/{number}/" for number in range(200)]
    (problem,) = problems_of(lambda: TrainingExecutionRole(stack, "Role", read=prefixes))
    assert problem.startswith("read: the policy of the role has ")
    assert "IAM accepts at most 10240" in problem
