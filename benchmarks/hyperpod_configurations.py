"""Right configurations of governed HyperPod clusters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from fairlane import Purchase
from fairlane.hyperpod import (
    Cap,
    ContainerDefaults,
    DeepHealthCheck,
    Governance,
    InstanceGroup,
    NetworkInterface,
    NodePool,
    PatchingStrategy,
    PriorityClass,
    QuotaResource,
    Sharing,
    Taint,
    TaintEffect,
    Team,
    Volume,
)

ENVIRONMENT = cdk.Environment(account="111122223333", region="us-east-1")
GPU = "ml.p5.48xlarge"
SUBNETS = ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1")
PUBLIC_SUBNETS = ("subnet-0fedcba9876543210", "subnet-0fedcba9876543211")
PUBLIC = [ec2.Subnet.from_subnet_id(cdk.Stack(), name, name) for name in PUBLIC_SUBNETS]
CHART = "oci://111122223333.dkr.ecr.us-east-1.amazonaws.com/hyperpod-helm-chart:0.1.0"
KEY = "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012"
PLAN = "arn:aws:sagemaker:us-east-1:111122223333:training-plan/july"
WORKSPACE = "arn:aws:aps:us-east-1:111122223333:workspace/ws-01234567"
ROLE = "arn:aws:iam::111122223333:role"
OPERATOR = "amazon-sagemaker-hyperpod-training-operator"
SYSTEM = InstanceGroup(group_name="system", instance_type="ml.m5.2xlarge", instance_count=2)
P5 = InstanceGroup(group_name="gpu", instance_type=GPU, instance_count=32)
POOLED = replace(P5, instance_count=0)
POOL = NodePool(pool_name="gpu", instance_groups=["gpu"], max_accelerators=256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Governed HyperPod cluster.

    Attributes:
        title: Title of the right configuration, as part of the name of its stack.
        groups: Instance groups.
        settings: Other arguments of `HyperPodCluster`.
        has_vpc: False for a cluster without a VPC.
        existing: True for a cluster on an EKS cluster that exists.
        governance: Priorities and sharing.
        teams: Teams.
        resource_quotas: ResourceQuotas in addition, by the name of the team.
    """

    title: str = "Base"
    groups: Sequence[InstanceGroup] = (SYSTEM, P5)
    settings: Mapping[str, Any] = field(default_factory=dict)
    has_vpc: bool = True
    existing: bool = False
    governance: Governance = field(
        default_factory=lambda: Governance(priority_classes=[PriorityClass(class_name="training", weight=50)])
    )
    teams: Sequence[Team] = ()
    resource_quotas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def team(name: str = "vision", count: int = 12, *, instance_type: str = GPU, **settings: Any) -> Team:
    """Return a team with a quota of whole instances."""
    quota = [QuotaResource(instance_type=instance_type, count=count)]
    defaults: dict[str, Any] = {"team_name": name, "quota": quota, "weight": 30}
    return Team(**(defaults | settings))


BASE = Configuration(teams=[team("inference"), team(), team("language", 8)])
CAPPED = replace(BASE, title="Capped", teams=[replace(each, cap=Cap(instances={GPU: 16})) for each in BASE.teams])
KARPENTER = replace(CAPPED, title="Karpenter", groups=[SYSTEM, POOLED], settings={"node_pools": [POOL]})


def good_configurations(scratch: Path) -> dict[str, Configuration]:
    """Return right configurations by description.

    Args:
        scratch: Empty directory, for a chart and lifecycle scripts.
    """
    chart = write_chart(scratch / "chart", "cert-manager")
    scripts = scratch / "scripts"
    scripts.mkdir()
    (scripts / "mount.sh").write_text("#!/bin/bash\n")
    spot = InstanceGroup(group_name="spot", instance_type="ml.g6e.12xlarge", instance_count=0, purchase=Purchase.SPOT)
    trainium = InstanceGroup(group_name="trn", instance_type="ml.trn1.32xlarge", instance_count=4)
    mig = QuotaResource(instance_type=GPU, partition="mig-1g.10gb", partitions=56)
    h200 = InstanceGroup(group_name="h200", instance_type="ml.p5en.48xlarge", instance_count=4)
    return {
        "on demand, three teams": BASE,
        "caps above the quotas": CAPPED,
        "no teams": replace(BASE, teams=()),
        "CPU instances only": Configuration(
            groups=[replace(SYSTEM, instance_count=8)], teams=[team("data", 4, instance_type="ml.m5.2xlarge")]
        ),
        "training plan with health checks": replace(
            BASE, groups=[SYSTEM, replace(P5, training_plan=PLAN, deep_health_checks=[*DeepHealthCheck])]
        ),
        "Spot": replace(BASE, groups=[SYSTEM, P5, replace(spot, instance_count=6)]),
        "several instance types in a group": Configuration(
            groups=[
                SYSTEM,
                InstanceGroup(group_name="g", instance_types=["ml.g6e.12xlarge", "ml.g5.12xlarge"], instance_count=6),
            ],
            teams=[team("small", 4, instance_type="ml.g5.12xlarge")],
        ),
        "fewer instances at first": replace(BASE, groups=[SYSTEM, replace(P5, min_instance_count=8)]),
        "Karpenter": KARPENTER,
        "Karpenter with Spot and a fallback": Configuration(
            groups=[SYSTEM, spot, replace(spot, group_name="g6e", purchase=Purchase.ON_DEMAND)],
            settings={"node_pools": [NodePool(pool_name="g6e", instance_groups=["spot", "g6e"], max_accelerators=64)]},
            teams=[team("small", 8, instance_type="ml.g6e.12xlarge", cap=Cap(instances={"ml.g6e.12xlarge": 16}))],
        ),
        "EKS cluster that exists": replace(BASE, existing=True),
        "EKS cluster that exists, with its own nodes": replace(BASE, existing=True, groups=[P5]),
        "EKS 1.33, observability, administrators, keys, tags": replace(
            BASE,
            settings={
                "kubernetes_version": "1.33",
                "prometheus_workspace": WORKSPACE,
                "admin_roles": [f"{ROLE}/Admin"],
                "encryption_key": KEY,
                "tags": {"team": "research"},
            },
        ),
        "chart in a directory, lifecycle scripts, bucket that exists": replace(
            BASE,
            groups=[SYSTEM, replace(P5, init_script="mount.sh")],
            settings={
                "chart": str(chart),
                "lifecycle_scripts": str(scripts),
                "lifecycle_bucket": "sagemaker-scripts-111122223333",
            },
        ),
        "volumes, EFA, labels, taints, patching": replace(
            BASE,
            groups=[
                SYSTEM,
                replace(
                    P5,
                    root_volume=Volume(encryption_key=KEY),
                    data_volume=Volume(size_gib=500),
                    network_interface=NetworkInterface.EFA_ONLY,
                    labels={"pool": "training"},
                    taints=[Taint(key="nvidia.com/gpu", value="true")],
                    patching=PatchingStrategy.WHEN_IDLE,
                    image_release="1.2.3",
                    subnets=SUBNETS[:1],
                    security_groups=["sg-0123456789abcdef0"],
                ),
            ],
        ),
        "quotas of GPUs, vCPUs and memory": Configuration(
            teams=[
                Team(team_name="halves", quota=[QuotaResource(instance_type=GPU, accelerators=4)], weight=1),
                Team(team_name="cpu", quota=[QuotaResource(instance_type=GPU, vcpus=96, memory_gib=512)], weight=1),
            ]
        ),
        "MIG partitions": Configuration(
            groups=[SYSTEM, replace(P5, instance_count=2)],
            teams=[Team(team_name="notebooks", quota=[mig], weight=5), team("training", 1)],
        ),
        "Trainium": Configuration(
            groups=[SYSTEM, trainium],
            teams=[team("neuron", 4, instance_type="ml.trn1.32xlarge", cap=Cap(instances={"ml.trn1.32xlarge": 4}))],
        ),
        "sharing of three kinds, borrow limits, priorities": replace(
            BASE,
            governance=Governance(
                priority_classes=[
                    PriorityClass(class_name="serving", weight=100),
                    PriorityClass(class_name="batch", weight=0),
                ],
                share_unallocated=False,
            ),
            teams=[
                team("inference", sharing=Sharing.LEND),
                team(borrow_limit=100),
                team("secret", 8, sharing=Sharing.DONT_LEND, weight=0),
            ],
        ),
        "first come, first served": replace(
            BASE,
            governance=Governance(fair_share=False),
            teams=[replace(each, weight=0) for each in BASE.teams],
        ),
        "container defaults and roles": replace(
            CAPPED,
            teams=[
                replace(
                    each,
                    container_defaults=ContainerDefaults(
                        requests={"cpu": "1", "memory": "4Gi"}, maximum={"cpu": 192, "nvidia.com/gpu": 8}
                    ),
                    roles=[f"{ROLE}/{each.team_name}", f"{ROLE}/researcher"],
                )
                for each in CAPPED.teams
            ],
        ),
        "two generations of GPUs": replace(
            BASE,
            groups=[SYSTEM, P5, h200],
            teams=[
                Team(
                    team_name="both",
                    quota=[QuotaResource(instance_type=name, count=4) for name in (GPU, "ml.p5en.48xlarge")],
                    cap=Cap(instances={GPU: 8, "ml.p5en.48xlarge": 4}),
                    weight=5,
                ),
                team(),
            ],
        ),
        "groups in two zones, system group with a preferred taint": replace(
            BASE,
            groups=[
                replace(SYSTEM, taints=[Taint(key="dedicated", effect=TaintEffect.PREFER_NO_SCHEDULE)]),
                replace(P5, subnets=SUBNETS[:1]),
                replace(P5, group_name="gpu-b", instance_count=8, subnets=SUBNETS[1:]),
            ],
        ),
    }


def write_chart(folder: Path, *present: str) -> Path:
    """Write a chart that depends on cert-manager, with the given charts in its folder `charts`.

    Args:
        folder: Folder of the chart, which is created.
        present: Names of the charts.
    """
    folder.mkdir()
    (folder / "Chart.yaml").write_text(
        "apiVersion: v2\nname: hyperpod-helm-chart\nversion: 0.1.0\n"
        "dependencies:\n- {name: cert-manager, version: v1.18.2, repository: oci://quay.io/jetstack/charts}\n"
    )
    for name in present:
        (folder / "charts" / name).mkdir(parents=True)
        (folder / "charts" / name / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: v1.18.2\n")
    return folder
