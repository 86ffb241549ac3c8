"""HyperPod cluster of 32 ml.p5.48xlarge with three teams by Fairlane, the counterpart of `handwritten_hyperpod.py`."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from fairlane.hyperpod import (
    Cap,
    Governance,
    HyperPodCluster,
    InstanceGroup,
    PriorityClass,
    QuotaResource,
    TaskGovernance,
    Team,
    TeamNamespace,
)

GPU = "ml.p5.48xlarge"
app = cdk.App(context={"aws:cdk:disable-asset-staging": True})
stack = cdk.Stack(app, "Governed", env=cdk.Environment(account="111122223333", region="us-east-1"))
vpc = ec2.Vpc.from_vpc_attributes(
    stack,
    "Network",
    vpc_id="vpc-0123456789abcdef0",
    availability_zones=["us-east-1a", "us-east-1b"],
    private_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
)
cluster = HyperPodCluster(
    stack,
    "Cluster",
    cluster_name="training",
    vpc=vpc,
    chart="oci://111122223333.dkr.ecr.us-east-1.amazonaws.com/hyperpod-helm-chart:0.1.0",
    instance_groups=[
        InstanceGroup(group_name="system", instance_type="ml.m5.2xlarge", instance_count=2),
        InstanceGroup(group_name="gpu", instance_type=GPU, instance_count=32),
    ],
)
teams = [
    Team(
        team_name=name,
        quota=[QuotaResource(instance_type=GPU, count=count)],
        borrow_limit=100,
        weight=weight,
        cap=Cap(instances={GPU: 2 * count}),
        roles=[f"arn:aws:iam::111122223333:role/{name}"],
    )
    for name, count, weight in (("inference", 12, 50), ("vision", 12, 30), ("language", 8, 20))
]
classes = [PriorityClass(class_name=name, weight=weight) for name, weight in (("serving", 90), ("training", 50))]
governance = TaskGovernance(
    stack, "Governance", cluster=cluster, governance=Governance(priority_classes=classes), teams=teams
)
for team in teams:
    TeamNamespace(stack, team.team_name, cluster=cluster, team=team, quota=governance.quotas[team.team_name])
app.synth()
