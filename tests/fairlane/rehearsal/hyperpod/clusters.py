"""Clusters and jobs for tests."""

from typing import Any

from fairlane.hyperpod import Governance, PriorityClass, Sharing, Team
from fairlane.rehearsal.hyperpod import ClusterJob, ClusterRehearsal, ClusterSetup, ClusterTrace, rehearse_cluster
from tests.fairlane.hyperpod.governance import EVEN, group, team

HOUR = 3600
CLASSES = Governance(
    priority_classes=[
        PriorityClass(class_name="inference", weight=100),
        PriorityClass(class_name="training", weight=50),
    ]
)
NIGHT = (
    team("inference", count=16, sharing=Sharing.LEND),
    team("pretraining", count=12, borrow_limit=100, weight=70),
    team("research", count=4, borrow_limit=300, weight=30),
)
"""Teams of a cluster of 256 GPUs, which all have quotas."""


def cluster(*teams: Team, count: int = 32, governance: Governance = CLASSES) -> ClusterSetup:
    return ClusterSetup(governance=governance, teams=teams or NIGHT, instance_groups=[group(count)])


def one_team(count: int = 4, **options: Any) -> ClusterSetup:
    return cluster(team("research", count=count, **options), count=count, governance=EVEN)


def job(team: str = "research", *, submit: int = 0, run: int = HOUR, **fields: Any) -> ClusterJob:
    return ClusterJob(team=team, submit=submit, run=run, **fields)


def elastic(*sizes: int, team: str = "research", **fields: Any) -> ClusterJob:
    times = {"checkpoint_seconds": 60, "restart_seconds": 120, "scale_up_snooze_seconds": 0}
    return job(team, sizes=sizes, **(times | fields))


def rehearse(setup: ClusterSetup, *jobs: ClusterJob, **options: Any) -> ClusterRehearsal:
    return rehearse_cluster(setup, ClusterTrace.of(jobs), **options)
