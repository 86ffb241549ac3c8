from dataclasses import replace
from typing import Any

import pytest

from fairlane import TrainingVpc
from tests.cloudformation_updates import update_of
from tests.fairlane.hyperpod.clusters import (
    CLUSTER,
    KEY,
    P5,
    POOL,
    SYSTEM,
    WORKSPACE,
    Resources,
    cluster,
    existing,
    new_stack,
    properties,
)
from tests.support import template_of


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"cluster_name": "other"}, "replacement"),
        ({"subnets": 1}, "replacement"),
        ({"instance_groups": [replace(SYSTEM, instance_count=3)]}, "in place"),
        ({"instance_groups": [SYSTEM, P5]}, "in place"),
        ({"instance_groups": [SYSTEM, P5], "node_pools": [POOL]}, "in place"),
        ({"node_recovery": False}, "in place"),
        ({"tags": {"team": "other"}}, "in place"),
        ({"kubernetes_version": "1.35"}, "none"),
        ({"prometheus_workspace": WORKSPACE}, "none"),
    ],
    ids=str,
)
def test_only_names_networks_and_kubernetes_clusters_replace_the_cluster(
    settings: dict[str, Any], expected: str
) -> None:
    stack = new_stack()
    vpc = TrainingVpc(stack, "Network", nat_gateways=1)
    if "subnets" in settings:
        settings = {"subnets": vpc.vpc.private_subnets[:1]}
    cluster(stack, vpc=vpc, **settings)
    assert update_of(CLUSTER, properties(), Resources(template_of(stack)).only(CLUSTER)) == expected


def test_another_key_replaces_the_own_kubernetes_cluster_and_so_the_cluster() -> None:
    kubernetes = []
    for key in (KEY, None):
        stack = new_stack()
        cluster(stack, encryption_key=key)
        kubernetes.append(Resources(template_of(stack)).only("AWS::EKS::Cluster"))
    assert update_of("AWS::EKS::Cluster", *kubernetes) == "replacement"


def test_another_kubernetes_cluster_replaces_the_cluster() -> None:
    stack = new_stack()
    cluster(stack, kubernetes=existing(stack))
    assert update_of(CLUSTER, properties(), Resources(template_of(stack)).only(CLUSTER)) == "replacement"
