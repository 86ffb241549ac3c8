"""Clusters and traces that a rehearsal is compared with."""

from pathlib import Path

from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.hyperpod.cluster_setup import ClusterSetup, read_cluster
from fairlane.rehearsal.hyperpod.cluster_trace import ClusterTrace


def build_comparison_cluster(
    alternative: str, name: str, setup: ClusterSetup, trace: ClusterTrace
) -> tuple[ClusterSetup, ClusterTrace]:
    """Return the cluster and the jobs that a rehearsal is compared with.

    Args:
        alternative: `static`, or the path of an environment file that has a cluster of the same name.
        name: Name of the cluster.
        setup: Cluster that is rehearsed.
        trace: Jobs of the cluster.

    Returns:
        The same cluster with all jobs at one size, or the cluster of the environment file with the same jobs.

    Raises:
        ConfigurationError: If `read_cluster` fails, or if the jobs do not fit the cluster of the file.
    """
    if alternative == "static":
        return setup, trace.static()
    if not Path(alternative).is_file():
        allowed = "static, or the path of an environment file"
        raise ConfigurationError("--against", [Problem((), alternative, allowed)])
    other = read_cluster(alternative, name)
    if problems := list(trace.problems(other)):
        raise ConfigurationError(f"--against {alternative}", problems)
    return other, trace
