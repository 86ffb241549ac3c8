"""EKS cluster of a HyperPod cluster: one of its own, or one that exists."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from fairlane._internal.claims import Claims
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.hyperpod.cluster_network import ClusterNetwork
from fairlane.hyperpod.cluster_rules import ONE_CLUSTER
from fairlane.hyperpod.framework_findings import LOGS_POLICY, POLICIES, S3_READS, acknowledge_framework

_KIND: Final = "HyperPod cluster of an EKS cluster"
_LAYER: Final = "aws-cdk.lambda-layer-kubectl-v35"


def create_kubernetes(
    scope: Construct,
    *,
    cluster_name: str,
    version: str,
    network: ClusterNetwork,
    key_arn: str | None,
    layer: Callable[[Construct, str], lambda_.ILayerVersion],
) -> eks.Cluster:
    """Create an EKS cluster without nodes, with a private endpoint and all control plane logs.

    The authentication mode is API, as HyperPod requires. Nobody but the CDK's kubectl function has access, not even the
    role that deploys.

    Args:
        scope: Scope of the cluster.
        cluster_name: Name of the cluster.
        version: EKS version.
        network: VPC of the cluster, with private subnets in two zones or more.
        key_arn: ARN of the KMS key of Kubernetes secrets. None for a key of AWS.
        layer: Class of the Lambda layer with kubectl and helm.
    """
    cluster = eks.Cluster(
        scope,
        "Kubernetes",
        cluster_name=cluster_name,
        version=eks.KubernetesVersion.of(version),
        vpc=network.vpc,
        vpc_subnets=[ec2.SubnetSelection(subnets=[*network.private_subnets])],
        endpoint_access=eks.EndpointAccess.PRIVATE,
        bootstrap_cluster_creator_admin_permissions=False,
        default_capacity_type=eks.DefaultCapacityType.NODEGROUP,  # the default of the CDK is Auto Mode
        default_capacity=0,
        cluster_logging=[*eks.ClusterLoggingTypes],
        kubectl_provider_options=eks.KubectlProviderOptions(kubectl_layer=layer(scope, "KubectlLayer")),
        secrets_encryption_key=kms.Key.from_key_arn(scope, "KubernetesKey", key_arn) if key_arn else None,
        output_config_command=False,
    )
    resource = cluster.node.default_child
    assert resource is not None
    resource.node.add_dependency(*network.paths)  # kubectl needs the routes until the last object is deleted
    _acknowledge(cluster)
    return cluster


class ExistingKubernetes(Construct):
    """EKS cluster that exists, and a function in its VPC with which CloudFormation administers it.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        cluster_name: Name of the cluster, with authentication mode API or API_AND_CONFIG_MAP.
        security_group_id: ID of the security group that EKS created for the cluster.
        vpc: VPC of the cluster.
        subnets: Subnets of the function, with a path to AWS.

    Attributes:
        cluster: EKS cluster.
        access: Access entry of the function, which must exist before the first object and after the last one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        security_group_id: str,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
    ) -> None:
        layer = kubectl_layer()
        super().__init__(scope, construct_id)
        group = ec2.SecurityGroup.from_security_group_id(self, "SecurityGroup", security_group_id, mutable=False)
        known: Any = {"cluster_name": cluster_name, "cluster_security_group_id": security_group_id, "vpc": vpc}
        provider = eks.KubectlProvider(
            self,
            "KubectlProvider",
            cluster=eks.Cluster.from_cluster_attributes(self, "Administered", **known),
            kubectl_layer=layer(self, "KubectlLayer"),
            private_subnets=subnets,
            security_groups=[group],
        )
        self.cluster = eks.Cluster.from_cluster_attributes(self, "Cluster", **known, kubectl_provider=provider)
        assert provider.role is not None
        policy = eks.AccessPolicy.from_access_policy_name(
            "AmazonEKSClusterAdminPolicy", access_scope_type=eks.AccessScopeType.CLUSTER
        )
        role = provider.role.role_arn
        self.access = eks.AccessEntry(self, "Access", cluster=self.cluster, principal=role, access_policies=[policy])
        _acknowledge_provider(provider)


def kubectl_layer() -> Callable[[Construct, str], lambda_.ILayerVersion]:
    """Return the class of the Lambda layer with kubectl and helm, which only own EKS clusters need.

    Raises:
        ImportError: If the package of the layer is not installed, with the command that installs it.
    """
    try:
        from aws_cdk.lambda_layer_kubectl_v35 import KubectlV35Layer  # noqa: PLC0415 (an optional dependency)
    except ModuleNotFoundError as error:
        text = f'an EKS cluster of its own needs {_LAYER}: pip install "fairlane[hyperpod]"'
        raise ImportError(text, name=_LAYER) from error
    return KubectlV35Layer


def existing_version(kubernetes: eks.ICluster) -> str | None:
    """Return the version of an EKS cluster. None if it is imported, so that its version is unknown."""
    resource = kubernetes.node.default_child
    return resource.version if isinstance(resource, eks.CfnCluster) else None


def claim_kubernetes(claims: Claims, kubernetes: eks.ICluster, owner: IConstruct) -> None:
    """Claim an existing EKS cluster for a HyperPod cluster.

    Args:
        claims: Names in the account and Region of the cluster.
        kubernetes: EKS cluster.
        owner: HyperPod cluster.
    """
    claims.add(_KIND, _claimed_name(kubernetes), owner)


def kubernetes_problems(
    kubernetes: eks.ICluster | None, existing: Collection[str], claims: Claims
) -> Iterator[Problem]:
    """Yield the properties that an existing EKS cluster lacks, and another HyperPod cluster that it has.

    Args:
        kubernetes: EKS cluster. None for one of its own.
        existing: Add-ons that the EKS cluster has.
        claims: Names in the account and Region of the cluster.
    """
    field = ("kubernetes",)
    if kubernetes is None:
        if existing:
            sentence = "an EKS cluster of its own has no add-ons: remove existing_add_ons, or use kubernetes"
            yield Problem.relation(("existing_add_ons",), sentence)
        return
    if owner := claims.owner(_KIND, _claimed_name(kubernetes)):
        yield Problem.relation(field, f"{owner} has this EKS cluster: {ONE_CLUSTER}")
    if kubernetes.kubectl_provider is None:
        yield Problem.relation(
            field, "the EKS cluster has no kubectl provider: create it with kubectl_provider_options"
        )
    try:
        _ = kubernetes.cluster_security_group_id
    except RuntimeError:
        yield Problem.relation(
            field, "the security group is unknown: import the cluster with cluster_security_group_id"
        )


def _claimed_name(kubernetes: eks.ICluster) -> str:
    """Return the name of an EKS cluster, or its path if the name is known only at deployment."""
    return kubernetes.node.path if is_token(kubernetes.cluster_name) else kubernetes.cluster_name


def acknowledge_chart(kubernetes: eks.ICluster, staging: s3.IBucket) -> None:
    """Acknowledge that the function of kubectl may read all objects in the bucket of the CDK's assets.

    Args:
        kubernetes: EKS cluster with the function.
        staging: Bucket of the CDK's assets, which has the Helm chart.
    """
    if kubernetes.kubectl_provider is not None and kubernetes.kubectl_provider.role is not None:
        reason = "the CDK grants reads of the bucket of its assets, which has the chart"
        acknowledge_wildcards(kubernetes.kubectl_provider.role, {staging.arn_for_objects("*"): reason})


def _acknowledge(cluster: eks.Cluster) -> None:
    role = cdk.Acknowledgment(
        id=f"AwsSolutions-IAM4[Policy::{POLICIES}/AmazonEKSClusterPolicy]",
        reason="EKS documents this managed policy as the one for the role of its clusters",
    )
    cdk.Validations.of(cluster.role).acknowledge(role)
    cdk.Annotations.of(cluster).acknowledge_warning(
        "@aws-cdk/aws-eks:clusterMustManuallyTagSubnet",
        "the tags are for load balancers of Kubernetes, which training does not use",
    )
    _acknowledge_provider(cluster.node.find_child("KubectlProvider"))


def _acknowledge_provider(provider: IConstruct) -> None:
    handler = provider.node.find_child("Handler")
    assert isinstance(handler, lambda_.Function)
    condition = handler.node.find_child("HasEcrPublic")
    assert isinstance(condition, cdk.CfnCondition)
    public = '["arn:",{"Ref":"AWS::Partition"},":iam::aws:policy/AmazonElasticContainerRegistryPublicReadOnly"]'
    logical_id = cdk.Stack.of(provider).resolve(condition.logical_id)
    policies = [
        LOGS_POLICY,
        f"{POLICIES}/service-role/AWSLambdaVPCAccessExecutionRole",
        f"{POLICIES}/AmazonEC2ContainerRegistryReadOnly",
        f'{{"Fn::If":["{logical_id}",{{"Fn::Join":["",{public}]}},{{"Ref":"AWS::NoValue"}}]}}',
    ]
    purpose = "the CDK's function runs kubectl and helm in the VPC, with charts from S3 or Amazon ECR"
    acknowledge_framework(provider, purpose, S3_READS, policies)
    reasons = {f"{handler.function_arn}:*": "the CDK's provider framework may invoke all versions of its function"}
    acknowledge_wildcards(provider, reasons)
