"""The role that SageMaker assumes to run training jobs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from aws_cdk import ArnFormat, Stack, Tags
from aws_cdk import aws_iam as iam
from aws_cdk.interfaces.aws_ecr import IRepositoryRef
from aws_cdk.interfaces.aws_kms import IKeyRef
from constructs import Construct

from fairlane._checks import check_tags
from fairlane._nag import acknowledge_wildcards
from fairlane._problems import ConfigurationError
from fairlane._tokens import is_token
from fairlane._training_permissions import split_s3_prefix, training_permission_problems

AnyRepository: TypeAlias = IRepositoryRef | str
AnyKey: TypeAlias = IKeyRef | str

_LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"
_NAMESPACES: Final = ["/aws/sagemaker/*", "aws/sagemaker/*"]
_PULL: Final = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
_READ: Final = ["s3:GetObject"]
_READ_AND_WRITE: Final = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]


class TrainingExecutionRole(iam.Role):
    """The role that SageMaker assumes to run training jobs: it may use what is named here, and nothing else.

    SageMaker may assume it for this account only. Jobs may write to SageMaker's own log group for training jobs, in the
    stack's Region, and publish metrics to SageMaker's own namespaces. What else a job needs, such as a VPC's network
    interfaces, `add_to_policy` adds. Deleting an object is not among the permissions.

    Updates: all in place. Sources: "CreateTrainingJob API: Execution Role Permissions" and "Cross-service confused
    deputy prevention" in the SageMaker AI Developer Guide.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        read: S3 URIs of prefixes to read from, such as `s3://datasets/imagenet/`. Each ends with `/`, so that it stands
            for no sibling; `s3://datasets/` is the whole bucket. Bucket and prefix may be tokens.
        write: S3 URIs of prefixes to write to, and to read from, as checkpoints are.
        repositories: ECR repositories to pull from: constructs, ARNs, or names in the stack's account and Region.
        kms_keys: KMS keys, or their ARNs, of those buckets and of the jobs' volumes; their own policies must allow it.
        tags: at most 50.

    Raises:
        ConfigurationError: with every URI, name and ARN that cannot be right.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        read: Sequence[str] = (),
        write: Sequence[str] = (),
        repositories: Sequence[AnyRepository] = (),
        kms_keys: Sequence[AnyKey] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        repository_names, key_arns = _plain(repositories), _plain(kms_keys)
        problems = [
            *training_permission_problems(read=read, write=write, repositories=repository_names, kms_keys=key_arns),
            *check_tags(tags),
        ]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        stack = Stack.of(scope)
        statements = [
            *_s3_statements(stack, dict.fromkeys(read, _READ) | dict.fromkeys(write, _READ_AND_WRITE)),
            *_image_statements([_repository_arn(stack, repository) for repository in repository_names]),
            *_key_statements(key_arns),
            *_log_statements(stack),
        ]
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
            inline_policies={"Training": iam.PolicyDocument(statements=statements)},
        )
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)
        resources = {resource for statement in statements for resource in statement.resources}
        acknowledge_wildcards(self, {resource: _why(resource) for resource in resources if resource.endswith("*")})


def _plain(things: Sequence[Any]) -> Any:
    """ARNs instead of constructs; all else as it is, for the checks to judge."""
    if isinstance(things, str) or not isinstance(things, Sequence):
        return things
    return [_arn(thing) for thing in things]


def _arn(thing: Any) -> Any:
    if hasattr(thing, "repository_ref"):
        return thing.repository_ref.repository_arn
    if hasattr(thing, "key_ref"):
        return thing.key_ref.key_arn
    return thing


def _repository_arn(stack: Stack, repository: str) -> str:
    is_name = not is_token(repository) and not repository.startswith("arn:")
    return stack.format_arn(service="ecr", resource="repository", resource_name=repository) if is_name else repository


def _s3_statements(stack: Stack, actions: Mapping[str, Sequence[str]]) -> Iterator[iam.PolicyStatement]:
    prefixes: dict[str, list[str]] = {}
    for uri, allowed in actions.items():
        bucket, prefix = split_s3_prefix(uri)
        prefixes.setdefault(bucket, []).append(prefix)
        yield iam.PolicyStatement(actions=allowed, resources=[f"{_bucket_arn(stack, bucket)}/{prefix}*"])
    for bucket, within in prefixes.items():
        conditions = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in within]}}
        yield iam.PolicyStatement(
            actions=["s3:ListBucket"], resources=[_bucket_arn(stack, bucket)], conditions=conditions
        )


def _bucket_arn(stack: Stack, bucket: str) -> str:
    return stack.format_arn(service="s3", region="", account="", resource=bucket)


def _image_statements(repositories: Sequence[str]) -> Iterator[iam.PolicyStatement]:
    if repositories:
        yield iam.PolicyStatement(actions=_PULL, resources=repositories)
        yield iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])


def _key_statements(keys: Sequence[str]) -> Iterator[iam.PolicyStatement]:
    if keys:
        for_volumes = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        yield iam.PolicyStatement(actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=keys)
        yield iam.PolicyStatement(actions=["kms:CreateGrant"], resources=keys, conditions=for_volumes)


def _log_statements(stack: Stack) -> Iterator[iam.PolicyStatement]:
    group = stack.format_arn(
        service="logs", resource="log-group", resource_name=_LOG_GROUP, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    yield iam.PolicyStatement(actions=["logs:CreateLogGroup", "logs:DescribeLogStreams"], resources=[group])
    streams = f"{group}:log-stream:*"
    yield iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams])
    within = {"StringLike": {"cloudwatch:namespace": _NAMESPACES}}
    yield iam.PolicyStatement(actions=["cloudwatch:PutMetricData"], resources=["*"], conditions=within)


def _why(resource: str) -> str:
    if resource == "*":
        return "GetAuthorizationToken and PutMetricData have no resource; a condition bounds the metrics' namespace"
    if resource.endswith(":log-stream:*"):
        return "SageMaker names the log streams of its jobs, all in its one log group for training"
    return "the objects below a prefix that was named for this role: their keys are not known beforehand"
