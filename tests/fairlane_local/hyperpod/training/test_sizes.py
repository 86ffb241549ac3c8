"""Sizes of jobs: growth into idle instances, and their return."""

from tests.fairlane_local.hyperpod.training.support import Cluster, job


def test_a_job_grows_and_gives_back(cluster: Cluster) -> None:
    cluster.apply(job())
    cluster.advance(2)
    print(cluster.workloads(), cluster.pods(), cluster.job())
    assert cluster.running() == 2
