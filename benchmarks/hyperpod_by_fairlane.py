"""Problems that Fairlane reports for a configuration of a governed HyperPod cluster."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from hyperpod_configurations import CHART, ENVIRONMENT, PUBLIC_SUBNETS, ROLE, SUBNETS, Configuration

from fairlane import ConfigurationError
from fairlane.hyperpod import (
    HyperPodCluster,
    QuotaResource,
    TaskGovernance,
    TeamNamespace,
    resource_quota_problems,
)


def problems(configuration: Configuration) -> list[str]:
    """Return the problems that Fairlane reports at synth. Empty if Fairlane creates all constructs.

    Args:
        configuration: Right or wrong configuration.
    """
    stack = cdk.Stack(cdk.App(context={"aws:cdk:disable-asset-staging": True}), "Stack", env=ENVIRONMENT)
    found = [
        str(problem)
        for name, quota in configuration.resource_quotas.items()
        for problem in resource_quota_problems(quota, _quota(configuration, name))
    ]
    try:
        cluster = HyperPodCluster(
            stack,
            "Cluster",
            vpc=_network(stack) if configuration.has_vpc else None,  # type: ignore[arg-type]
            kubernetes=_existing(stack) if configuration.existing else None,
            instance_groups=configuration.groups,
            **{"cluster_name": "training", "chart": CHART, **configuration.settings},
        )
        governance = TaskGovernance(
            stack, "Governance", cluster=cluster, governance=configuration.governance, teams=configuration.teams
        )
        for each in configuration.teams:
            quota = governance.quotas[each.team_name]
            TeamNamespace(stack, each.team_name, cluster=cluster, team=each, quota=quota)
    except ConfigurationError as error:
        found += map(str, error.problems)
    return found


def _network(stack: cdk.Stack) -> ec2.IVpc:
    """Return a VPC that exists, with two private subnets."""
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Network",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=[*SUBNETS],
        public_subnet_ids=[*PUBLIC_SUBNETS],
    )


def _existing(stack: cdk.Stack) -> eks.ICluster:
    provider = eks.KubectlProvider.from_kubectl_provider_attributes(
        stack,
        "Provider",
        service_token="arn:aws:lambda:us-east-1:111122223333:function:kubectl",
        role=cdk.aws_iam.Role.from_role_arn(stack, "Handler", f"{ROLE}/kubectl"),
    )
    return eks.Cluster.from_cluster_attributes(
        stack,
        "Shared",
        cluster_name="shared",
        cluster_security_group_id="sg-0123456789abcdef0",
        kubectl_provider=provider,
    )


def _quota(configuration: Configuration, name: str) -> Sequence[QuotaResource]:
    return next(each.quota for each in configuration.teams if each.team_name == name)
