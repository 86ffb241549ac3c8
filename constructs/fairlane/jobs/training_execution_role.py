"""The role that SageMaker assumes to run training jobs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from aws_cdk import Tags
from aws_cdk import aws_iam as iam
from aws_cdk.interfaces.aws_ecr import IRepositoryRef
from aws_cdk.interfaces.aws_kms import IKeyRef
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.checks import check_tags
from fairlane._internal.claims import Claims
from fairlane._internal.iam_statements import MAX_INLINE_POLICY, Statement, allow, policy_size
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.jobs.permission_rules import WHY_OBJECTS, s3_statements, training_permission_problems

AnyRepository: TypeAlias = IRepositoryRef | str
AnyKey: TypeAlias = IKeyRef | str

_LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"
_NAMESPACES: Final = ["/aws/sagemaker/*", "aws/sagemaker/*"]
_PULL: Final = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


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
        path = f"{scope.node.path}/{construct_id}"
        if problems:
            raise ConfigurationError(path, problems)
        where = Claims.at(scope)
        place = f"{where.region}:{where.account}"
        statements = [
            *s3_statements(read, write, ARN),
            *_image_statements([_repository_arn(place, repository) for repository in repository_names]),
            *_key_statements(key_arns),
            *_log_statements(f"{ARN}:logs:{place}:log-group:{_LOG_GROUP}"),
        ]
        if (size := policy_size(statements)) > MAX_INLINE_POLICY:
            allowed = f"at most {MAX_INLINE_POLICY} characters in the role's policy: fewer or shorter prefixes"
            raise ConfigurationError(path, [Problem(("read",), f"{size} characters with all that is named", allowed)])
        from_this_account = {"StringEquals": {"aws:SourceAccount": where.account}}
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com", conditions=from_this_account),
            inline_policies={"Training": iam.PolicyDocument.from_json({"Statement": statements})},
        )
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)
        resources = {resource for statement in statements for resource in statement["Resource"]}
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


def _repository_arn(place: str, repository: str) -> str:
    is_name = not is_token(repository) and not repository.startswith("arn:")
    return f"{ARN}:ecr:{place}:repository/{repository}" if is_name else repository


def _image_statements(repositories: Sequence[str]) -> Iterator[Statement]:
    if repositories:
        yield allow(_PULL, repositories)
        yield allow(["ecr:GetAuthorizationToken"], ["*"])


def _key_statements(keys: Sequence[str]) -> Iterator[Statement]:
    if keys:
        yield allow(["kms:Decrypt", "kms:GenerateDataKey"], keys)
        yield allow(["kms:CreateGrant"], keys, {"Bool": {"kms:GrantIsForAWSResource": "true"}})


def _log_statements(group: str) -> Iterator[Statement]:
    to_groups = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    yield allow(to_groups, [group, f"{group}:*"])
    yield allow(["cloudwatch:PutMetricData"], ["*"], {"StringLike": {"cloudwatch:namespace": _NAMESPACES}})


def _why(resource: str) -> str:
    if resource == "*":
        return "GetAuthorizationToken and PutMetricData have no resource; a condition bounds the metrics' namespace"
    if resource.endswith(":*"):
        return "SageMaker names the log streams of its jobs, all in its one log group for training"
    return WHY_OBJECTS
