"""Task governance of a HyperPod cluster: add-on, scheduler configuration, and a quota for each team."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

import aws_cdk as cdk
from aws_cdk import aws_eks as eks
from aws_cdk import aws_eks_v2 as eks_v2
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.functions import Function
from fairlane._internal.log_encryption import AnyKey, log_key_arn, log_key_problems
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError
from fairlane.hyperpod.governance_provider import governance_provider
from fairlane.hyperpod.governance_rules import governance_advice, governance_problems
from fairlane.hyperpod.governance_types import (
    COMPUTE_QUOTA,
    CUSTOM_TYPES,
    SCHEDULER_CONFIG,
    native_governance_types,
    native_type_problems,
)
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.quota_table import DEFAULT_BORROW_LIMIT
from fairlane.hyperpod.team import Governance, QuotaResource, Sharing, Team

ADD_ON: Final = "amazon-sagemaker-hyperpod-taskgovernance"
"""Name of the EKS add-on of task governance."""

_UNKNOWN_TYPE: Final = "CloudFormation-Validate::F3006"
_NO_L1: Final = f"the CDK has no L1 construct of {COMPUTE_QUOTA} yet, and the Region has the type"


class GovernedCluster(Protocol):
    """HyperPod cluster whose tasks are governed, for example a `HyperPodCluster`."""

    cluster_name: str
    cluster_arn: str
    kubernetes: eks_v2.ICluster
    instance_groups: Sequence[InstanceGroup]
    node_pools: Sequence[NodePool]
    existing_add_ons: Collection[str]

    def add_dependant(self, construct: Construct) -> None:
        """Create a construct after the nodes and the add-ons, and delete it before them."""


class TaskGovernance(Construct):
    """Task governance of a HyperPod cluster: teams with quotas, which lend and borrow, and priorities of workloads.

    The EKS add-on installs Kueue. Each quota creates the namespace `hyperpod-ns-<team>` with the queue
    `hyperpod-ns-<team>-localqueue`. The namespace cannot be one that exists.

    Where CloudFormation lacks `AWS::SageMaker::ComputeQuota` or `AWS::SageMaker::ClusterSchedulerConfig`, a Lambda
    function creates the same by the SageMaker API. The Regions are those of a table of 2026-10-20. Pin
    `native_types` in stacks that exist: if a later version of the table gives a Region a type, CloudFormation creates
    quotas whose names are in use, and the deployment fails.

    HyperPod fills in amounts that a quota does not give, which drift detection reports.

    Updates: quotas, sharing, weights and priorities in place. The name of a team is the name of its quota: another name
    removes the quota and creates another one. The deploying role needs `eks:AssociateAccessPolicy`,
    `eks:DisassociateAccessPolicy`, `eks:DescribeAccessEntry` and `eks:ListAssociatedAccessPolicies` for
    CloudFormation's own types.

    Nothing here was verified on a live cluster.
    Sources: `CreateComputeQuota` and `CreateClusterSchedulerConfig` in the SageMaker API; resource schemas of both
    types; "SageMaker HyperPod task governance" in the Amazon SageMaker AI Developer Guide.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        cluster: HyperPod cluster, whose instance groups and node pools bound the quotas.
        governance: Priority classes, and the order in which teams get idle capacity.
        teams: Teams, each with its quota.
        native_types: Those of `AWS::SageMaker::ComputeQuota` and `AWS::SageMaker::ClusterSchedulerConfig` that the
            Region's CloudFormation has. Default: those of the table for the stack's Region, none if the Region is known
            only at deployment.
        log_encryption_key: KMS key of the log group of the function, or its ARN, as in `TrainingVpc`. Default:
            encryption with a key of CloudWatch Logs.

    Attributes:
        add_on: EKS add-on of task governance. None if it is one of the cluster's `existing_add_ons`.
        scheduler_config: Scheduler configuration, native or by the function.
        quotas: Quotas by team, native or by the function.
        function: Function of the custom resources. None if the Region has both types.

    Raises:
        ConfigurationError: If HyperPod would refuse a team, quota or priority, or if it could not have its effect.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: GovernedCluster,
        governance: Governance,
        teams: Sequence[Team],
        native_types: Collection[str] | None = None,
        log_encryption_key: AnyKey | None = None,
    ) -> None:
        problems = [
            *governance_problems(governance, teams, cluster.instance_groups, cluster.node_pools),
            *native_type_problems(native_types),
            *log_key_problems(scope, log_encryption_key),
        ]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.function: Function | None = None
        self._cluster = cluster
        self._log_key = log_key_arn(self, log_encryption_key)
        region = Claims.regional(self).region
        self._native_types = native_governance_types(region) if native_types is None else native_types
        self.add_on = None if ADD_ON in cluster.existing_add_ons else self._create_add_on()
        self.scheduler_config = self._create(
            "SchedulerConfig", SCHEDULER_CONFIG, cluster.cluster_name, {"SchedulerConfig": _scheduler(governance)}
        )
        if self.add_on is None:
            cluster.add_dependant(self.scheduler_config)
        else:
            cluster.add_dependant(self.add_on)
            self.scheduler_config.add_resource_dependency(self.add_on)
        quotas = {}
        parent = Construct(self, "Quotas")
        for index, team in enumerate(teams):
            name = f"Team{index}" if is_token(team.team_name) else team.team_name
            quotas[team.team_name] = self._create(name, COMPUTE_QUOTA, team.team_name, _quota(team), parent)
            quotas[team.team_name].add_resource_dependency(self.scheduler_config)
        self.quotas: Mapping[str, cdk.CfnResource] = MappingProxyType(quotas)
        for advice in governance_advice(governance, teams, cluster.instance_groups):
            cdk.Annotations.of(self).add_warning_v2(advice.id, advice.message)

    def _create_add_on(self) -> eks.CfnAddon:
        name = self._cluster.kubernetes.cluster_name
        return eks.CfnAddon(self, "AddOn", cluster_name=name, addon_name=ADD_ON, resolve_conflicts="OVERWRITE")

    def _create(
        self, construct_id: str, kind: str, name: str, properties: Mapping[str, Any], parent: Construct | None = None
    ) -> cdk.CfnResource:
        properties = {"Name": name, "ClusterArn": self._cluster.cluster_arn, **properties}
        if kind in self._native_types:
            resource = cdk.CfnResource(parent or self, construct_id, type=kind, properties=properties)
            if kind == COMPUTE_QUOTA:
                cdk.Validations.of(resource).acknowledge(cdk.Acknowledgment(id=_UNKNOWN_TYPE, reason=_NO_L1))
            return resource
        if self.function is None:
            self.function = governance_provider(
                self,
                cluster_arn=self._cluster.cluster_arn,
                kubernetes_name=self._cluster.kubernetes.cluster_name,
                kubernetes_arn=self._cluster.kubernetes.cluster_arn,
                log_key=self._log_key,
            )
        return cdk.CfnResource(
            parent or self,
            construct_id,
            type=CUSTOM_TYPES[kind],
            properties={"ServiceToken": self.function.arn, **properties},
        )


def _scheduler(governance: Governance) -> dict[str, Any]:
    return {
        "PriorityClasses": [{"Name": item.class_name, "Weight": item.weight} for item in governance.priority_classes],
        "FairShare": _state(governance.fair_share),
        "IdleResourceSharing": _state(governance.share_unallocated),
    }


def _quota(team: Team) -> dict[str, Any]:
    sharing: dict[str, Any] = {"Strategy": str(team.sharing)}
    if team.sharing == Sharing.LEND_AND_BORROW:
        sharing["BorrowLimit"] = DEFAULT_BORROW_LIMIT if team.borrow_limit is None else team.borrow_limit
    return {
        "ActivationState": "Enabled",
        "ComputeQuotaTarget": {"TeamName": team.team_name, "FairShareWeight": team.weight},
        "ComputeQuotaConfig": {
            "ComputeQuotaResources": [_resource(resource) for resource in team.quota],
            "ResourceSharingConfig": sharing,
            "PreemptTeamTasks": "LowerPriority" if team.preempt_lower_priority else "Never",
        },
    }


def _resource(quota: QuotaResource) -> dict[str, Any]:
    amounts = {
        "Count": quota.count,
        "Accelerators": quota.accelerators,
        "VCpu": quota.vcpus,
        "MemoryInGiB": quota.memory_gib,
        "AcceleratorPartition": quota.partition and {"Type": quota.partition, "Count": quota.partitions},
    }
    given = {name: value for name, value in amounts.items() if value is not None}
    return {"InstanceType": quota.instance_type, **given}


def _state(enabled: bool) -> str:
    return "Enabled" if enabled else "Disabled"
