"""Values of governed clusters for tests."""

from typing import Any

from fairlane.hyperpod import Governance, InstanceGroup, NodePool, QuotaResource, Team

P5 = "ml.p5.48xlarge"


def group(count: int = 32, instance_type: str | None = P5, name: str = "gpu", **options: Any) -> InstanceGroup:
    return InstanceGroup(group_name=name, instance_type=instance_type, instance_count=count, **options)


def quota(instance_type: str = P5, **amounts: Any) -> QuotaResource:
    return QuotaResource(instance_type=instance_type, **amounts)


def team(name: str = "research", *resources: QuotaResource, count: int = 4, **options: Any) -> Team:
    return Team(team_name=name, quota=resources or [quota(count=count)], **({"weight": 10} | options))


def pool(*groups: str, **limits: Any) -> NodePool:
    return NodePool(pool_name="spare", instance_groups=groups, **limits)


EVEN = Governance()
EIGHT_TEAMS = [team(f"team-{index}") for index in range(8)]

USER_GUIDE = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "quota"},
    "spec": {
        "hard": {
            "nvidia.com/gpu": "64",
            "vpc.amazonaws.com/efa": "256",
            "requests.cpu": "1536",
            "requests.memory": "5120Gi",
            "limits.cpu": "1536",
            "limits.memory": "5120Gi",
        }
    },
}
"""ResourceQuota for 8 ml.p5.48xlarge in AWS's guide to elastic training."""
