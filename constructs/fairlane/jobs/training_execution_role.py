"""Execution role of SageMaker training jobs."""

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
from fairlane.errors import ConfigurationError
from fairlane.jobs.permission_rules import (
    OBJECTS_REASON,
    policy_size_problem,
    s3_statements,
    training_permission_problems,
)

AnyRepository: TypeAlias = IRepositoryRef | str
AnyKey: TypeAlias = IKeyRef | str

_LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"
_NAMESPACES: Final = ["/aws/sagemaker/*", "aws/sagemaker/*"]
_PULL: Final = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


class TrainingExecutionRole(iam.Role):
    """IAM role that SageMaker assumes to run training jobs, with permissions for the given resources only.

    SageMaker can assume the role for this account only. Jobs can write to SageMaker's log group for training jobs in
    their Region, and publish metrics in SageMaker's namespaces. The role cannot delete S3 objects. Use
    `add_to_policy` for further permissions, for example for network interfaces in a VPC.

    Updates: all in place. Sources: "CreateTrainingJob API: Execution Role Permissions" and "Cross-service confused
    deputy prevention" in the SageMaker AI Developer Guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        read: S3 URIs of the prefixes that jobs read from, for example `s3://datasets/imagenet/`. Each ends with `/`, so
            that it covers no sibling prefix; `s3://datasets/` covers the whole bucket. Bucket and prefix can be tokens.
            Default: none.
        write: S3 URIs of the prefixes that jobs write to and read from, for example for checkpoints. Each ends with
            `/`. Default: none.
        repositories: ECR repositories to pull images from: constructs, ARNs, or names in the stack's account and in
            all Regions of the jobs. Default: none.
        kms_keys: KMS keys, or their ARNs, of the buckets and of the jobs' volumes. The key policies must also allow the
            role. Default: none.
        regions: Regions of the jobs besides the stack's Region, for example those of a `TrainingFanOut`. Default: none.
        tags: Tags of the role, at most 50. Default: none.

    Raises:
        ConfigurationError: If a URI, a name or an ARN has the wrong form, or if the policy is too long.
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
        regions: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        claims = Claims.regional(scope)
        repository_names, key_arns = _with_arns(repositories), _with_arns(kms_keys)
        problems = [
            *training_permission_problems(
                read=read, write=write, repositories=repository_names, kms_keys=key_arns, regions=regions
            ),
            *check_tags(tags),
        ]
        path = f"{scope.node.path}/{construct_id}"
        if problems:
            raise ConfigurationError(path, problems)
        places = [f"{region}:{claims.account}" for region in dict.fromkeys((claims.region, *regions))]
        statements = [
            *s3_statements(read, write, ARN),
            *_image_statements(_repository_arns(places, repository_names)),
            *_key_statements(key_arns),
            *_log_statements([f"{ARN}:logs:{place}:log-group:{_LOG_GROUP}" for place in places]),
        ]
        if (size := policy_size(statements)) > MAX_INLINE_POLICY:
            raise ConfigurationError(path, [policy_size_problem("read", size)])
        account_condition = {"StringEquals": {"aws:SourceAccount": claims.account}}
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com", conditions=account_condition),
            inline_policies={"Training": iam.PolicyDocument.from_json({"Statement": statements})},
        )
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)
        resources = {resource for statement in statements for resource in statement["Resource"]}
        acknowledge_wildcards(
            self, {resource: _wildcard_reason(resource) for resource in resources if resource.endswith("*")}
        )


def _with_arns(resources: Sequence[Any]) -> Any:
    """Return the resources with ARNs instead of constructs. Other values stay as they are, for the checks."""
    if isinstance(resources, str) or not isinstance(resources, Sequence):
        return resources
    return [_arn(resource) for resource in resources]


def _arn(resource: Any) -> Any:
    if hasattr(resource, "repository_ref"):
        return resource.repository_ref.repository_arn
    if hasattr(resource, "key_ref"):
        return resource.key_ref.key_arn
    return resource


def _repository_arns(places: Sequence[str], repositories: Sequence[str]) -> list[str]:
    arns: list[str] = []
    for repository in repositories:
        is_name = not is_token(repository) and not repository.startswith("arn:")
        arns += [f"{ARN}:ecr:{place}:repository/{repository}" for place in places] if is_name else [repository]
    return arns


def _image_statements(repositories: Sequence[str]) -> Iterator[Statement]:
    if repositories:
        yield allow(_PULL, repositories)
        yield allow(["ecr:GetAuthorizationToken"], ["*"])


def _key_statements(keys: Sequence[str]) -> Iterator[Statement]:
    if keys:
        yield allow(["kms:Decrypt", "kms:GenerateDataKey"], keys)
        yield allow(["kms:CreateGrant"], keys, {"Bool": {"kms:GrantIsForAWSResource": "true"}})


def _log_statements(groups: Sequence[str]) -> Iterator[Statement]:
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    yield allow(actions, [arn for group in groups for arn in (group, f"{group}:*")])
    yield allow(["cloudwatch:PutMetricData"], ["*"], {"StringLike": {"cloudwatch:namespace": _NAMESPACES}})


def _wildcard_reason(resource: str) -> str:
    if resource == "*":
        return (
            "GetAuthorizationToken and PutMetricData do not support resources; a condition limits the metric namespaces"
        )
    if resource.endswith(":*"):
        return "SageMaker chooses the names of the log streams, all in its log group for training jobs"
    return OBJECTS_REASON
