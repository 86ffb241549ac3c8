"""Permissions of the roles of HyperPod clusters. Written by hand, from the purposes of the roles."""

from tests.iam.probes import KEY
from tests.iam.service_roles import own_logs
from tests.iam.who_may import Kind, May
from tests.iam_evaluator import Context

_PATH = r"hyperpod-training/Cluster"
_LAMBDA = "lambda.amazonaws.com"
_PODS = "pods.eks.amazonaws.com"
_KUBERNETES = "arn:aws:eks:{place}:cluster/training"
_INTERFACES = (
    "ec2:CreateNetworkInterface ec2:CreateNetworkInterfacePermission ec2:DeleteNetworkInterface "
    "ec2:ModifyNetworkInterfaceAttribute"
)


def _via_sagemaker(context: Context) -> bool:
    return str(context.get("kms:ViaService", "")).startswith("sagemaker.")


def _is_for_volumes(context: Context) -> bool:
    return _via_sagemaker(context) and context.get("kms:GrantIsForAWSResource") == "true"


HYPERPOD_ROLES = (
    Kind(
        "HyperPod: control plane of EKS",
        rf"{_PATH}/Kubernetes/Role",
        "eks.amazonaws.com",
        managed_policies=("AmazonEKSClusterPolicy",),
    ),
    Kind(
        "HyperPod: the CDK's function of kubectl",
        rf"{_PATH}/Kubernetes/KubectlProvider/Handler/ServiceRole",
        _LAMBDA,
        (May("eks:DescribeCluster", _KUBERNETES),),
        managed_policies=(
            "AWSLambdaBasicExecutionRole",
            "AWSLambdaVPCAccessExecutionRole",
            "AmazonEC2ContainerRegistryReadOnly",
            "AmazonElasticContainerRegistryPublicReadOnly",
        ),
    ),
    Kind(
        "HyperPod: the CDK's provider framework",
        rf"{_PATH}/Kubernetes/KubectlProvider/Provider/framework-onEvent/ServiceRole",
        _LAMBDA,
        (May("lambda:InvokeFunction", "arn:aws:lambda:{place}:function:ClusterKubernetesKubectlProviderHandler*"),),
        managed_policies=("AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole"),
    ),
    Kind(
        "HyperPod: nodes",
        rf"{_PATH}/ExecutionRole",
        "sagemaker.amazonaws.com",
        (
            own_logs("/aws/sagemaker/Clusters/training/"),
            May("logs:CreateLogGroup", "arn:aws:logs:{place}:log-group:/aws/sagemaker/Clusters/training/*"),
            May(
                "cloudwatch:PutMetricData",
                when=lambda context: context["cloudwatch:namespace"] == "/aws/sagemaker/Clusters",
            ),
            May("s3:GetObject", "arn:aws:s3:::clusterbucket*/training/*"),
            May(
                "s3:ListBucket",
                "arn:aws:s3:::clusterbucket*",
                lambda context: str(context.get("s3:prefix", "")).startswith("training/"),
            ),
            May(f"{_INTERFACES} ec2:CreateTags", "arn:aws:ec2:{place}:network-interface/*"),
            May(_INTERFACES, "arn:aws:ec2:{place}:instance/*"),
            *(
                May("ec2:CreateNetworkInterface ec2:ModifyNetworkInterfaceAttribute", f"arn:aws:ec2:{{place}}:{own}")
                for own in ("security-group/ClusterSecurityGroup*", "subnet/NetworkPrivate*")
            ),
            May("ec2:DescribeSubnets ecr:GetAuthorizationToken ssmmessages:OpenDataChannel"),
            May("ecr:BatchGetImage ecr:GetDownloadUrlForLayer", "arn:aws:ecr:*:repository/*"),
            May("eks-auth:AssumeRoleForPodIdentity", _KUBERNETES),
        ),
    ),
    Kind(
        "HyperPod: Karpenter",
        rf"{_PATH}/AutoscalingRole",
        "hyperpod.sagemaker.amazonaws.com",
        (
            May(
                "sagemaker:BatchAddClusterNodes sagemaker:BatchDeleteClusterNodes",
                "arn:aws:sagemaker:{place}:cluster/*",
            ),
            May("kms:CreateGrant", f"arn:aws:kms:{{place}}:{KEY}", _is_for_volumes),
            May("kms:DescribeKey", f"arn:aws:kms:{{place}}:{KEY}", _via_sagemaker),
        ),
    ),
    Kind(
        "HyperPod: training operator",
        rf"{_PATH}/AmazonSagemakerHyperpodTrainingOperatorRole",
        _PODS,
        (May("sagemaker:DescribeClusterNode", "arn:aws:sagemaker:{place}:cluster/abcdefghijkl"),),
        for_own_account=True,
    ),
    Kind(
        "HyperPod: observability",
        rf"{_PATH}/AmazonSagemakerHyperpodObservabilityRole",
        _PODS,
        (May("aps:RemoteWrite", "arn:aws:aps:{place}:workspace/ws-12345678-abcd-1234-abcd-123456789012"),),
        for_own_account=True,
    ),
    Kind(
        "HyperPod: the CDK's function of lifecycle scripts",
        r"hyperpod-training/Custom::CDKBucketDeployment\w+/ServiceRole",
        _LAMBDA,
        (
            May("s3:GetObject s3:PutObject s3:DeleteObject", "arn:aws:s3:::clusterbucket*/*"),
            May("s3:ListBucket s3:GetBucketLocation", "arn:aws:s3:::clusterbucket*"),
            May("s3:GetObject", "arn:aws:s3:::cdk-hnb659fds-assets-*/*"),
            May("s3:ListBucket", "arn:aws:s3:::cdk-hnb659fds-assets-*"),
        ),
        managed_policies=("AWSLambdaBasicExecutionRole",),
    ),
)
