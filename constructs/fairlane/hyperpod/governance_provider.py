"""Lambda function of the custom resources of HyperPod task governance."""

from typing import Final

from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.functions import Function, lambda_code
from fairlane._internal.iam_statements import allow

_TIMEOUT: Final = 900
_VERBS: Final = ("Create", "Update", "Describe", "Delete")
_RESOURCES: Final = {"ComputeQuota": "compute-quota", "ClusterSchedulerConfig": "cluster-scheduler-config"}


def governance_provider(
    scope: Construct, *, cluster_arn: str, kubernetes_name: str, kubernetes_arn: str, log_key: str | None
) -> Function:
    """Create the function that creates quotas and scheduler configurations by the SageMaker API.

    The permissions are those of the handlers of CloudFormation's own types, which associate access policies with an
    access entry of the EKS cluster.

    Source: `handlers` in the resource schemas of `AWS::SageMaker::ComputeQuota` and
    `AWS::SageMaker::ClusterSchedulerConfig`.

    Args:
        scope: Scope of the function.
        cluster_arn: ARN of the HyperPod cluster.
        kubernetes_name: Name of the EKS cluster.
        kubernetes_arn: ARN of the EKS cluster.
        log_key: ARN of the KMS key of the function's log group. None for a key of CloudWatch Logs.
    """
    place = Claims.regional(scope)
    home = f"{place.region}:{place.account}"
    policies = {noun: f"{ARN}:sagemaker:{home}:{kind}/*" for noun, kind in _RESOURCES.items()}
    entries = f"{ARN}:eks:{home}:access-entry/{kubernetes_name}/*"
    random = "SageMaker chooses the ids of quotas and scheduler configurations"
    return Function(
        scope,
        "Provider",
        code=lambda_code(scope),
        handler="hyperpod_governance",
        timeout_seconds=_TIMEOUT,
        environment={},
        statements=[
            *(allow([f"sagemaker:{verb}{noun}" for verb in _VERBS], [arn]) for noun, arn in policies.items()),
            allow(["sagemaker:AddTags", "sagemaker:ListTags"], [*policies.values()]),
            allow([f"sagemaker:List{noun}s" for noun in policies], ["*"]),
            allow(["sagemaker:DescribeCluster"], [cluster_arn]),
            allow(["eks:DescribeCluster"], [kubernetes_arn]),
            allow(
                [
                    "eks:AssociateAccessPolicy",
                    "eks:DescribeAccessEntry",
                    "eks:DisassociateAccessPolicy",
                    "eks:ListAssociatedAccessPolicies",
                ],
                [entries],
            ),
        ],
        wildcards={
            "*": "SageMaker allows the lists of quotas and scheduler configurations only for the whole account",
            **dict.fromkeys(policies.values(), random),
            entries: "HyperPod creates the access entry of its role",
        },
        log_key=log_key,
    )
