"""EKS add-ons of a HyperPod cluster in the order of their installation."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from aws_cdk import ArnFormat, Stack, Tags
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct, IDependable

from fairlane._internal.iam_statements import allow
from fairlane.hyperpod.cluster_rules import ADD_ONS, OBSERVABILITY, TAG, TRAINING_OPERATOR
from fairlane.hyperpod.execution_role import pod_role

_OPERATOR_VERSION: Final = "v1.2.1-eksbuild.1"
"""Lowest version of the training operator whose identity is a resource of its own."""
_COLLECTED: Final = ("training", "taskGovernance", "scaling")
_CONSTRUCT_IDS: Final = {name: "".join(map(str.capitalize, name.split("-"))) for name in ADD_ONS}
_SERVICE_ACCOUNTS: Final = {
    TRAINING_OPERATOR: ("aws-hyperpod", "hp-training-operator-controller-manager"),
    OBSERVABILITY: ("hyperpod-observability", "hyperpod-observability-operator-otel-collector"),
}
"""Namespaces and service accounts by add-on."""


def create_add_ons(
    scope: Construct,
    *,
    kubernetes_name: str,
    kubernetes_arn: str,
    cluster_arn: str,
    prometheus_workspace: str | None,
    versions: Mapping[str, str],
    existing: Collection[str],
    after: IDependable,
) -> dict[str, eks.CfnAddon]:
    """Create the add-ons, each after the one before it, and return them by name.

    Args:
        scope: Scope of the add-ons.
        kubernetes_name: Name of the EKS cluster.
        kubernetes_arn: ARN of the EKS cluster.
        cluster_arn: ARN of the HyperPod cluster.
        prometheus_workspace: ARN of the Prometheus workspace. None for a cluster without observability.
        versions: Versions by add-on.
        existing: Add-ons that the EKS cluster already has.
        after: Resource that has the nodes.
    """
    statements = {TRAINING_OPERATOR: allow(["sagemaker:DescribeClusterNode"], [cluster_arn])}
    configurations: dict[str, Mapping[str, Any]] = {}
    wanted = [name for name in ADD_ONS if name not in existing]
    if prometheus_workspace is None:
        wanted = [name for name in wanted if name != OBSERVABILITY]
    else:
        statements[OBSERVABILITY] = allow(["aps:RemoteWrite"], [prometheus_workspace])
        configurations[OBSERVABILITY] = _observability(scope, prometheus_workspace)
    add_ons: dict[str, eks.CfnAddon] = {}
    for name in wanted:
        configuration = configurations.get(name)
        add_on = eks.CfnAddon(
            scope,
            _CONSTRUCT_IDS[name],
            cluster_name=kubernetes_name,
            addon_name=name,
            addon_version=versions.get(name, _OPERATOR_VERSION if name == TRAINING_OPERATOR else None),
            resolve_conflicts="OVERWRITE",
            configuration_values=Stack.of(scope).to_json_string(configuration) if configuration else None,
        )
        add_on.node.add_dependency(after)
        after = add_on
        if name in statements:
            role = pod_role(scope, f"{_CONSTRUCT_IDS[name]}Role", kubernetes_arn, [statements[name]])
            add_on.node.add_dependency(_identity(scope, name, kubernetes_name, role))
        if name == OBSERVABILITY:
            Tags.of(add_on).add(TAG, "true")
        add_ons[name] = add_on
    return add_ons


def _identity(scope: Construct, name: str, kubernetes_name: str, role: iam.Role) -> eks.CfnPodIdentityAssociation:
    namespace, account = _SERVICE_ACCOUNTS[name]
    return eks.CfnPodIdentityAssociation(
        scope,
        f"{_CONSTRUCT_IDS[name]}Identity",
        cluster_name=kubernetes_name,
        namespace=namespace,
        service_account=account,
        role_arn=role.role_arn,
    )


def _observability(scope: Construct, workspace: str) -> Mapping[str, Any]:
    """Return the configuration of the observability add-on, whose own defaults omit governance and scaling."""
    parts = Stack.of(scope).split_arn(workspace, ArnFormat.SLASH_RESOURCE_NAME)
    endpoint = f"https://aps-workspaces.{parts.region}.{Stack.of(scope).url_suffix}/workspaces/{parts.resource_name}/"
    metrics = {f"{name}Metrics": {"level": "BASIC", "scrapeInterval": 30} for name in _COLLECTED}
    return {"ampWorkspace": {"arn": workspace, "prometheusEndpoint": endpoint}, "metricsProvider": metrics}
