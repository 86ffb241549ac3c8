"""Roles of a HyperPod cluster: of its instances, of Karpenter, and of pods of add-ons."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import aws_iam as iam
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.iam_statements import Statement, allow
from fairlane._internal.nag import acknowledge_wildcards

_INTERFACES: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DetachNetworkInterface",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:UnassignPrivateIpAddresses",
)
_DESCRIBE: Final = (
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""Actions for which IAM has no resources."""
_GRANT_OPERATIONS: Final = (
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptTo",
    "ReEncryptFrom",
    "RetireGrant",
)


def execution_role(
    scope: Construct,
    *,
    cluster_name: str,
    kubernetes_arn: str,
    scripts_arn: str,
    prefix: str,
    key_arn: str | None,
    subnets: Sequence[str],
    security_groups: Sequence[str],
) -> iam.Role:
    """Create the role of the instances, tighter than `AmazonSageMakerClusterInstanceRolePolicy`.

    Logs are limited to the cluster, scripts to one prefix of one bucket, new network interfaces to the nodes' subnets
    and security groups, and pod identities to one EKS cluster. The managed policy allows logs of all clusters, and
    reads of all buckets whose names start with `sagemaker-`.

    Args:
        scope: Scope of the role.
        cluster_name: Name of the HyperPod cluster.
        kubernetes_arn: ARN of the EKS cluster.
        scripts_arn: ARN of the bucket with the lifecycle scripts.
        prefix: Prefix of the lifecycle scripts in the bucket, which ends with `/`.
        key_arn: ARN of the KMS key of the bucket. None without.
        subnets: IDs of all subnets of the nodes.
        security_groups: IDs of all security groups of the nodes.
    """
    home = Claims.regional(scope)
    place = f"{home.region}:{home.account}"
    logs = f"{ARN}:logs:{place}:log-group:/aws/sagemaker/Clusters/{cluster_name}/*"
    ec2 = f"{ARN}:ec2:{place}"
    images = f"{ARN}:ecr:*:*:repository/*"
    statements = [
        allow(["logs:CreateLogGroup"], [logs]),
        allow(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [f"{logs}:log-stream:*"]),
        allow(
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/Clusters"}},
        ),
        allow(["s3:ListBucket"], [scripts_arn], {"StringLike": {"s3:prefix": [prefix, f"{prefix}*"]}}),
        allow(["s3:GetObject"], [f"{scripts_arn}/{prefix}*"]),
        allow(_INTERFACES, [f"{ec2}:network-interface/*", f"{ec2}:instance/*"]),
        allow(
            ["ec2:CreateNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute"],
            [
                *(f"{ec2}:subnet/{each}" for each in subnets),
                *(f"{ec2}:security-group/{each}" for each in security_groups),
            ],
        ),
        allow(["ec2:CreateTags"], [f"{ec2}:network-interface/*"]),
        allow(_DESCRIBE, ["*"]),
        allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [images]),
        allow(["eks-auth:AssumeRoleForPodIdentity"], [kubernetes_arn]),
        *([] if key_arn is None else [allow(["kms:Decrypt"], [key_arn])]),
    ]
    role = _role(scope, "ExecutionRole", "sagemaker.amazonaws.com", statements)
    of_interfaces = "HyperPod and the VPC CNI create, move and delete network interfaces, whose IDs EC2 chooses"
    reasons = {
        logs: "SageMaker names log groups by the ID of the cluster, which it generates",
        f"{logs}:log-stream:*": "SageMaker names log streams by the IDs of instances, which it generates",
        f"{scripts_arn}/{prefix}*": "the prefix has lifecycle scripts of this cluster only",
        f"{ec2}:instance/*": of_interfaces,
        f"{ec2}:network-interface/*": of_interfaces,
        images: "images of EKS and HyperPod are in accounts of AWS; policies of repositories limit the others",
        "*": "IAM has no resources for these actions; the namespace limits the metrics",
    }
    acknowledge_wildcards(role, reasons)
    return role


def autoscaling_role(scope: Construct, key_arns: Sequence[str]) -> iam.Role:
    """Create the role by which Karpenter adds and removes instances of clusters of the account and Region.

    Args:
        scope: Scope of the role.
        key_arns: ARNs of the KMS keys of the instances' volumes.
    """
    home = Claims.regional(scope)
    clusters = f"{ARN}:sagemaker:{home.region}:{home.account}:cluster/*"
    statements = [allow(["sagemaker:BatchAddClusterNodes", "sagemaker:BatchDeleteClusterNodes"], [clusters])]
    if key_arns:
        via = {"StringLike": {"kms:ViaService": "sagemaker.*.amazonaws.com"}}
        for_volumes = {
            "Bool": {"kms:GrantIsForAWSResource": "true"},
            "ForAllValues:StringEquals": {"kms:GrantOperations": [*_GRANT_OPERATIONS]},
        }
        statements.append(allow(["kms:CreateGrant"], [*key_arns], via | for_volumes))
        statements.append(allow(["kms:DescribeKey"], [*key_arns], via))  # no request to describe a key is for a grant
    role = _role(scope, "AutoscalingRole", "hyperpod.sagemaker.amazonaws.com", statements)
    reason = "SageMaker generates the ID of the cluster, and the cluster requires the role at its creation"
    acknowledge_wildcards(role, {clusters: reason})
    return role


def pod_role(scope: Construct, construct_id: str, kubernetes_arn: str, statements: Sequence[Statement]) -> iam.Role:
    """Create a role that pods of one EKS cluster assume by EKS Pod Identity."""
    condition = {"StringEquals": {"aws:SourceAccount": Claims.regional(scope).account, "aws:SourceArn": kubernetes_arn}}
    role = _role(scope, construct_id, "pods.eks.amazonaws.com", statements, condition)
    assert role.assume_role_policy is not None
    role.assume_role_policy.add_statements(
        iam.PolicyStatement(
            actions=["sts:TagSession"],
            principals=[iam.ServicePrincipal("pods.eks.amazonaws.com")],
            conditions=condition,
        )
    )
    return role


def _role(
    scope: Construct,
    construct_id: str,
    service: str,
    statements: Sequence[Statement],
    condition: Mapping[str, Any] | None = None,
) -> iam.Role:
    document = iam.PolicyDocument.from_json({"Version": "2012-10-17", "Statement": [*statements]})
    principal = iam.ServicePrincipal(service, conditions=condition)
    return iam.Role(scope, construct_id, assumed_by=principal, inline_policies={construct_id: document})
