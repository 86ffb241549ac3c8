"""Fair sharing, and idle capacity that no quota covers."""

from typing import Any

import pytest

from fairlane_local.hyperpod.training.governance import fair_sharing, idle_queue
from tests.fairlane_local.hyperpod.support import group
from tests.fairlane_local.hyperpod.training.support import PLACE, Cluster, job


def share(cluster: Cluster, **members: str) -> None:
    """Change the scheduler configuration of the cluster."""
    sagemaker = cluster.place.sagemaker
    (summary,) = sagemaker.list_cluster_scheduler_configs()["ClusterSchedulerConfigSummaries"]
    identifier = {"ClusterSchedulerConfigId": summary["ClusterSchedulerConfigId"]}
    current = sagemaker.describe_cluster_scheduler_config(**identifier)
    version = current["ClusterSchedulerConfigVersion"]
    changed = current["SchedulerConfig"] | members
    sagemaker.update_cluster_scheduler_config(**identifier, TargetVersion=version, SchedulerConfig=changed)


def resize(cluster: Cluster, instances: int) -> None:
    groups: list[Any] = [group("workers", "ml.p5.48xlarge", instances)]
    cluster.place.sagemaker.update_cluster(ClusterName="training", InstanceGroups=groups)


def test_fair_sharing_is_that_of_the_configuration(cluster: Cluster) -> None:
    assert fair_sharing(PLACE) is not None
    share(cluster, FairShare="Disabled")
    assert fair_sharing(PLACE) is None


@pytest.mark.parametrize(("idle", "size"), [("Enabled", 8), ("Disabled", 4)])
def test_instances_without_a_quota_are_lent_if_the_cluster_shares_them(cluster: Cluster, idle: str, size: int) -> None:
    share(cluster, IdleResourceSharing=idle)
    cluster.place.sagemaker.delete_compute_quota(ComputeQuotaId=cluster.quotas["b"])
    cluster.apply(job())
    cluster.advance(20)
    assert cluster.running() == size
    assert (idle_queue(PLACE, cluster.api) is None) == (idle == "Disabled")


def test_new_instances_are_used(cluster: Cluster) -> None:
    share(cluster, IdleResourceSharing="Enabled")
    resize(cluster, 4)
    cluster.place.sagemaker.delete_compute_quota(ComputeQuotaId=cluster.quotas["b"])
    cluster.apply(job())
    cluster.advance(20)
    assert cluster.running() == 4
    resize(cluster, 8)
    cluster.advance(20)
    assert cluster.running() == 8


def test_a_change_of_fair_sharing_keeps_what_is_admitted(cluster: Cluster) -> None:
    cluster.apply(job())
    cluster.advance(20)
    cluster.apply(job("own", "b", first=4, sizes=(4,)), "b")
    cluster.advance(2)
    share(cluster, FairShare="Disabled")
    cluster.advance(30)
    assert (cluster.running(), cluster.running("b", "own")) == (4, 4)
