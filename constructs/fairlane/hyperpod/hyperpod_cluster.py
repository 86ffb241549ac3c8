"""SageMaker HyperPod cluster on Amazon EKS."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, cast

from aws_cdk import Acknowledgment, Annotations, Tags, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct, IDependable

from fairlane._internal.assets import create_asset
from fairlane._internal.claims import Claims
from fairlane._internal.key_rules import check_regional_key
from fairlane._internal.log_encryption import AnyKey, key_arn_of
from fairlane._internal.tokens import is_token
from fairlane.capacity.training_vpc import TrainingVpc
from fairlane.errors import ConfigurationError
from fairlane.hyperpod.chart_rules import chart_problems, is_location
from fairlane.hyperpod.cluster_add_ons import create_add_ons
from fairlane.hyperpod.cluster_chart import install_chart
from fairlane.hyperpod.cluster_groups import cluster_group
from fairlane.hyperpod.cluster_network import ClusterNetwork
from fairlane.hyperpod.cluster_rules import TAG, cluster_advice, cluster_problems
from fairlane.hyperpod.eks_cluster import (
    acknowledge_chart,
    claim_kubernetes,
    create_kubernetes,
    existing_version,
    kubectl_layer,
    kubernetes_problems,
)
from fairlane.hyperpod.execution_role import autoscaling_role, execution_role
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.karpenter_objects import node_class, node_pool
from fairlane.hyperpod.lifecycle_scripts import DEFAULT_SCRIPTS, LifecycleScripts
from fairlane.hyperpod.pool_rules import group_subnets
from fairlane.hyperpod.script_rules import directory_problems, script_names

_KIND: Final = "HyperPod cluster"


class HyperPodCluster(Construct):
    """SageMaker HyperPod cluster on an EKS cluster that exists, or on one of its own.

    The resources are created in the order that HyperPod requires: EKS cluster, Helm chart, HyperPod cluster, and then,
    when nodes run, the EKS add-ons for pod identities, certificates, training and metrics. With node pools, the
    Karpenter of HyperPod adds and removes instances.

    An EKS cluster of its own has a private endpoint: kubectl works inside of the VPC only. It has no nodes but those of
    HyperPod. The execution role belongs to the nodes: give jobs roles of their own by EKS Pod Identity.

    Updates: groups, counts, node pools, add-ons and tags in place. Every update sends all instance groups again, with
    the counts of the template: the effect on groups that Karpenter or a person scaled is not documented. A new name,
    VPC, EKS cluster, or list of `subnets` **replaces the cluster**. So does a new `encryption_key` with an EKS cluster
    of its own, because EKS cannot change the key. Therefore use a stack of its own with termination
    protection. The bucket outlives the stack: pass its name as `lifecycle_bucket` to use it again.

    Nothing here was verified on a live cluster. The permissions of the execution role, and the fields of Karpenter's
    objects, come from the documentation.
    Sources: `CreateCluster` in the SageMaker API; resource schema of `AWS::SageMaker::Cluster`; "Orchestrating
    SageMaker HyperPod clusters with Amazon EKS" in the SageMaker developer guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        cluster_name: Name of the cluster and of its own EKS cluster, 1 to 63 characters of A-Z, a-z, 0-9 and -.
        vpc: VPC of the nodes. The nodes need access to AWS: by NAT gateways, or by VPC endpoints.
        instance_groups: 1 to 100 instance groups. One must be able to run the add-ons, without node pool and taints.
        chart: HyperPod Helm chart: its directory with all dependencies, `oci://REGISTRY/CHART:VERSION` or
            `https://HOST/CHART.tgz`. The chart is in the folder `helm_chart/HyperPodHelmChart` of the repository
            aws/sagemaker-hyperpod-cli.
        chart_values: Values of the chart. Default: those of the chart.
        kubernetes: EKS cluster that exists, with authentication mode API or API_AND_CONFIG_MAP and a kubectl provider.
            Default: an EKS cluster of its own.
        kubernetes_version: EKS version of its own cluster, 1.30 to 1.35. Default: 1.34.
        node_pools: Node pools that Karpenter scales. Default: none, and no Karpenter.
        subnets: 1 to 16 private subnets of the nodes. Default: the private subnets of the VPC.
        lifecycle_scripts: Directory of the scripts that instance groups name. Default: none.
        lifecycle_bucket: Name of an existing bucket for the scripts, which starts with `sagemaker-`. Default: a bucket
            of its own, `sagemaker-<account>-<Region>-<hash>`.
        encryption_key: KMS key of the bucket and of the secrets of its own EKS cluster, or its ARN, in the same Region.
            Default: keys of AWS.
        prometheus_workspace: ARN of the workspace of Amazon Managed Service for Prometheus that gets metrics of
            training, governance and scaling. Default: none, and no observability add-on.
        node_recovery: True if SageMaker reboots or replaces faulty nodes. Default: True.
        continuous_provisioning: True if SageMaker provisions nodes one by one and retries. Default: True.
        admin_roles: ARNs of IAM roles that administer Kubernetes, by access entries. Default: none.
        add_on_versions: Versions of EKS add-ons by name. Default: v1.2.1-eksbuild.1 of the training operator, and the
            defaults of EKS.
        existing_add_ons: Names of the EKS add-ons that `kubernetes` already has, for example
            amazon-sagemaker-hyperpod-taskgovernance. Default: none.
        tags: Tags of the resources, at most 49. Default: none.

    Attributes:
        cluster: Underlying L1 resource.
        cluster_name: Name of the cluster, as given.
        cluster_arn: ARN of the cluster.
        kubernetes: EKS cluster.
        execution_role: Role of the instances.
        lifecycle_bucket: Bucket of the lifecycle scripts.
        security_group_id: ID of the security group of the nodes.
        instance_groups: Instance groups, as given.
        node_pools: Node pools, as given.
        add_ons: EKS add-ons by name, in the order of their installation.

    Raises:
        ConfigurationError: If SageMaker or EKS would refuse an argument, or if the cluster could not run jobs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        vpc: ec2.IVpc | TrainingVpc,
        instance_groups: Sequence[InstanceGroup],
        chart: str,
        chart_values: Mapping[str, Any] | None = None,
        kubernetes: eks.ICluster | None = None,
        kubernetes_version: str = "1.34",
        node_pools: Sequence[NodePool] = (),
        subnets: Sequence[ec2.ISubnet] | None = None,
        lifecycle_scripts: str | None = None,
        lifecycle_bucket: str | None = None,
        encryption_key: AnyKey | None = None,
        prometheus_workspace: str | None = None,
        node_recovery: bool = True,
        continuous_provisioning: bool = True,
        admin_roles: Sequence[str] = (),
        add_on_versions: Mapping[str, str] | None = None,
        existing_add_ons: Collection[str] = (),
        tags: Mapping[str, str] | None = None,
    ) -> None:
        claims, network = Claims.regional(scope), ClusterNetwork(vpc, subnets)
        key_arn = key_arn_of(encryption_key)
        version = kubernetes_version if kubernetes is None else existing_version(kubernetes)
        no_directory = directory_problems(lifecycle_scripts)
        problems = [
            *network.problems(own_kubernetes=kubernetes is None),
            *kubernetes_problems(kubernetes, existing_add_ons, claims),
            *cluster_problems(
                cluster_name=cluster_name,
                instance_groups=instance_groups,
                node_pools=node_pools,
                subnets=network.subnet_ids if network.vpc else None,
                zones=network.zones,
                kubernetes_version=version,
                lifecycle_bucket=lifecycle_bucket,
                scripts=None if no_directory else script_names(lifecycle_scripts),
                node_recovery=node_recovery,
                continuous_provisioning=continuous_provisioning,
                prometheus_workspace=prometheus_workspace,
                admin_roles=admin_roles,
                tags=tags,
                other_nodes=kubernetes is not None,
                add_on_versions=add_on_versions,
                region=claims.region,
            ),
            *no_directory,
            *chart_problems(chart),
            *(
                check_regional_key(("encryption_key",), key_arn, claims.region, None, place="the cluster is")
                if key_arn is not None
                else ()
            ),
            *claims.name_problems(_KIND, "cluster_name", cluster_name),
        ]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        layer = kubectl_layer() if kubernetes is None else None
        super().__init__(scope, construct_id)
        staging = create_asset(self, "ScriptsAsset", path=DEFAULT_SCRIPTS).bucket
        claims.add(_KIND, cluster_name, self)
        if kubernetes is not None:
            claim_kubernetes(claims, kubernetes, self)
        self.cluster_name, self._network = cluster_name, network
        self.instance_groups: Sequence[InstanceGroup] = [*instance_groups]
        self.node_pools: Sequence[NodePool] = [*node_pools]
        self.existing_add_ons: Collection[str] = [*existing_add_ons]
        asset = None if is_location(chart) else create_asset(self, "ChartAsset", path=chart)
        self.kubernetes = kubernetes or self._own_kubernetes(kubernetes_version, key_arn, layer)
        if asset is not None:
            acknowledge_chart(self.kubernetes, asset.bucket)
        self.security_group_id = network.security_group(self, self.kubernetes.cluster_security_group_id)
        scripts = LifecycleScripts(self, cluster_name, lifecycle_scripts, lifecycle_bucket, key_arn, staging)
        self.lifecycle_bucket = scripts.bucket
        self.execution_role = execution_role(
            self,
            cluster_name=cluster_name,
            kubernetes_arn=self.kubernetes.cluster_arn,
            scripts_arn=scripts.bucket.bucket_arn,
            prefix=scripts.prefix,
            key_arn=key_arn,
            subnets=_all_ids(network.subnet_ids, (group.subnets for group in instance_groups)),
            security_groups=_all_ids([self.security_group_id], (group.security_groups for group in instance_groups)),
        )
        installed = install_chart(self, self.kubernetes, asset or chart, chart_values)
        self.cluster = self._cluster(scripts, node_recovery, continuous_provisioning)
        self.cluster.node.add_dependency(installed, scripts.deployment, *network.paths)
        self.cluster_arn = self.cluster.attr_cluster_arn
        self.add_ons = MappingProxyType(
            create_add_ons(
                self,
                kubernetes_name=self.kubernetes.cluster_name,
                kubernetes_arn=self.kubernetes.cluster_arn,
                cluster_arn=self.cluster_arn,
                prometheus_workspace=prometheus_workspace,
                versions=add_on_versions or {},
                existing=existing_add_ons,
                after=self.cluster,
            )
        )
        self._add_node_pools()
        self._add_admins(admin_roles)
        for key, value in (tags or {}).items():
            Tags.of(self).add(key, value)
        self._warn(node_recovery)

    def add_dependant(self, construct: Construct) -> None:
        """Create a construct after the nodes and the add-ons, and delete it before them."""
        construct.node.add_dependency(self.cluster, *self.add_ons.values())

    def _own_kubernetes(self, version: str, key_arn: str | None, layer: Any) -> eks.ICluster:
        cluster = create_kubernetes(
            self,
            cluster_name=self.cluster_name,
            version=version,
            network=self._network,
            key_arn=key_arn,
            layer=layer,
        )
        return cast("eks.ICluster", cluster)

    def _cluster(
        self, scripts: LifecycleScripts, node_recovery: bool, continuous_provisioning: bool
    ) -> sagemaker.CfnCluster:
        cfn, network, groups = sagemaker.CfnCluster, self._network, [self.security_group_id]
        volumes = (volume for group in self.instance_groups for volume in (group.root_volume, group.data_volume))
        keys = [*dict.fromkeys(volume.encryption_key for volume in volumes if volume and volume.encryption_key)]
        scaled = bool(self.node_pools)
        cluster = cfn(
            self,
            "Resource",
            cluster_name=self.cluster_name,
            orchestrator=cfn.OrchestratorProperty(
                eks=cfn.ClusterOrchestratorEksConfigProperty(cluster_arn=self.kubernetes.cluster_arn)
            ),
            vpc_config=cfn.VpcConfigProperty(security_group_ids=groups, subnets=[*network.subnet_ids]),
            node_recovery="Automatic" if node_recovery else "None",
            node_provisioning_mode="Continuous" if continuous_provisioning else None,
            auto_scaling=cfn.ClusterAutoScalingConfigProperty(mode="Enable", auto_scaler_type="Karpenter")
            if scaled
            else None,
            cluster_role=autoscaling_role(self, keys).role_arn if scaled else None,
            instance_groups=[
                cluster_group(
                    group,
                    role_arn=self.execution_role.role_arn,
                    scripts_uri=scripts.uri,
                    subnets=group_subnets(group, self.node_pools, network.subnet_ids, network.zones),
                    security_groups=groups,
                )
                for group in self.instance_groups
            ],
        )
        Tags.of(cluster).add(TAG, "true")
        if any(group.image_release for group in self.instance_groups):
            reason = "the schemas inside of the CDK are older than ImageReleaseVersion"
            Validations.of(cluster).acknowledge(Acknowledgment(id="CloudFormation-Validate::F3002", reason=reason))
        return cluster

    def _add_node_pools(self) -> None:
        for pool in self.node_pools:
            parent = Construct(self, f"NodePool-{pool.pool_name}")
            before: IDependable = self.cluster
            for construct_id, content in (
                ("Class", node_class(pool)),
                ("Pool", node_pool(pool, self.instance_groups)),
            ):
                manifest = eks.KubernetesManifest(parent, construct_id, cluster=self.kubernetes, manifest=[content])
                manifest.node.add_dependency(before)
                before = manifest

    def _add_admins(self, roles: Sequence[str]) -> None:
        policy = eks.AccessPolicy.from_access_policy_name(
            "AmazonEKSClusterAdminPolicy", access_scope_type=eks.AccessScopeType.CLUSTER
        )
        for number, role in enumerate(roles):
            name = str(number) if is_token(role) else f"-{sha256(role.encode()).hexdigest()[:8]}"  # stable in any order
            eks.AccessEntry(self, f"Admin{name}", cluster=self.kubernetes, principal=role, access_policies=[policy])

    def _warn(self, node_recovery: bool) -> None:
        network = self._network
        for advice in cluster_advice(
            self.instance_groups,
            self.node_pools,
            zones=network.zones,
            node_recovery=node_recovery,
        ):
            Annotations.of(self).add_warning_v2(advice.id, advice.message)
        if network.lacks_endpoints:
            Annotations.of(self).add_warning_v2(
                "fairlane:HyperPodCluster.noEndpoints",
                "the TrainingVpc has no NAT gateway, and its endpoints are those of AWS Batch: add NAT gateways, or "
                "VPC endpoints for aps-workspaces, ec2, eks, eks-auth, lambda, sagemaker.api, ssm and ssmmessages",
            )


def _all_ids(of_cluster: Sequence[str], of_groups: Iterable[Sequence[str]]) -> list[str]:
    return [*dict.fromkeys([*of_cluster, *chain.from_iterable(of_groups)])]
