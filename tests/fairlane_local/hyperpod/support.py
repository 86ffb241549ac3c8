"""Stacks of HyperPod clusters of the tests."""

import json
from collections.abc import Iterable
from typing import Any

from fairlane_local import LocalAws, client
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.clusters import kubernetes_api
from fairlane_local.kubernetes.kinds import kinds

LOCATION = ("123456789012", "us-east-1")
ROLE = "arn:aws:iam::123456789012:role/nodes"
GOVERNANCE = "amazon-sagemaker-hyperpod-taskgovernance"
BUCKET = "sagemaker-scripts"

Json = dict[str, Any]


class Place:
    """Clients of the local AWS, a subnet, a bucket with a lifecycle script, and the stack `s`."""

    def __init__(self, aws: LocalAws) -> None:
        names = ("cloudformation", "ec2", "eks", "s3", "sagemaker")
        self.cloudformation, self.ec2, self.eks, self.s3, self.sagemaker = (
            client(name, aws.port, *LOCATION) for name in names
        )
        self.subnet, self.other_subnet, *_ = [each["SubnetId"] for each in self.ec2.describe_subnets()["Subnets"]]
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key="training/init.sh", Body=b"")

    def deploy(self, resources: Json, **outputs: Any) -> str:
        """Create or update the stack and return its status."""
        change = "update" if self.cloudformation.describe_stacks()["Stacks"] else "create"
        body = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
        getattr(self.cloudformation, f"{change}_stack")(StackName="s", TemplateBody=json.dumps(body))
        return str(self._stack["StackStatus"])

    def delete(self) -> None:
        self.cloudformation.delete_stack(StackName="s")
        assert self.cloudformation.describe_stacks()["Stacks"] == []

    def output(self, name: str) -> str:
        outputs = {output["OutputKey"]: output["OutputValue"] for output in self._stack["Outputs"]}
        return str(outputs[name])

    def failures(self) -> str:
        """Return the reasons of all failures of the stack."""
        events = self.cloudformation.describe_stack_events(StackName="s")["StackEvents"]
        return "\n".join(
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in events
            if "FAILED" in event["ResourceStatus"]
        )

    @property
    def _stack(self) -> Json:
        return dict(self.cloudformation.describe_stacks(StackName="s")["Stacks"][0])

    def create_kubernetes(self, name: str = "kube", mode: str = "API", add_ons: Iterable[str] = (GOVERNANCE,)) -> str:
        """Create an EKS cluster and return its ARN."""
        cluster = self.eks.create_cluster(
            name=name,
            roleArn=ROLE,
            resourcesVpcConfig={"subnetIds": [self.subnet]},
            accessConfig={"authenticationMode": mode},
        )["cluster"]
        for add_on in add_ons:
            self.eks.create_addon(clusterName=name, addonName=add_on)
        return str(cluster["arn"])

    def request(self, kubernetes_arn: str, *groups: Json, **members: Any) -> Json:
        """Return the members of CreateCluster."""
        return {
            "ClusterName": "training",
            "Orchestrator": {"Eks": {"ClusterArn": kubernetes_arn}},
            "VpcConfig": {"SecurityGroupIds": ["sg-0123456789abcdef0"], "Subnets": [self.subnet]},
            "InstanceGroups": [*groups] or [group("system", "ml.m5.2xlarge", 2)],
            **members,
        }

    def create_cluster(self) -> str:
        """Create an EKS cluster with a HyperPod cluster, and return the ARN of the latter."""
        return str(self.sagemaker.create_cluster(**self.request(self.create_kubernetes()))["ClusterArn"])

    def nodes(self, group_name: str = "") -> list[str]:
        pages = self.sagemaker.get_paginator("list_cluster_nodes").paginate(ClusterName="training")
        found = [node for page in pages for node in page["ClusterNodeSummaries"]]
        return [node["InstanceId"] for node in found if group_name in ("", node["InstanceGroupName"])]

    def objects(self, kind: str, cluster: str = "kube") -> dict[str, Json]:
        """Return the Kubernetes objects of a kind by name."""
        return objects(kind, cluster=cluster)

    def teams(self, cluster: str = "kube") -> set[str]:
        """Return the namespaces of teams."""
        return {name for name in self.objects("Namespace", cluster) if name.startswith("hyperpod-ns-")}


def api(cluster: str = "kube") -> KubernetesApi:
    return kubernetes_api(*LOCATION, cluster)


def objects(kind: str, namespace: str = "", cluster: str = "kube") -> dict[str, Json]:
    """Return the Kubernetes objects of a kind by name, in one namespace or all."""
    (own,) = {each.resource: each for each in kinds() if each.kind == kind}.values()
    return {item["metadata"]["name"]: item for item in api(cluster).list(own, namespace)["items"]}


def group(name: str, instance_type: str, count: int, **members: Any) -> Json:
    """Return an instance group. A member that is None is left out."""
    script = {"SourceS3Uri": f"s3://{BUCKET}/training", "OnInitComplete": "init.sh"}
    given = {
        "InstanceGroupName": name,
        "InstanceType": instance_type,
        "InstanceCount": count,
        "ExecutionRole": ROLE,
        "LifeCycleConfig": script,
        **members,
    }
    return {member: value for member, value in given.items() if value is not None}


def quota(cluster_arn: Any, team: str, count: int = 1, name: str = "", **members: Any) -> Json:
    """Return the members of CreateComputeQuota."""
    resources = [{"InstanceType": "ml.p5.48xlarge", "Count": count}]
    return {
        "Name": name or team,
        "ClusterArn": cluster_arn,
        "ComputeQuotaTarget": {"TeamName": team, "FairShareWeight": 10},
        "ComputeQuotaConfig": {"ComputeQuotaResources": resources},
        **members,
    }


def schedule(cluster_arn: Any, **weights: int) -> Json:
    """Return the members of CreateClusterSchedulerConfig."""
    classes = [{"Name": name, "Weight": weight} for name, weight in weights.items()]
    return {"Name": "policy", "ClusterArn": cluster_arn, "SchedulerConfig": {"PriorityClasses": classes}}


def manifest_resource(*objects: Json, cluster: Any = None, **members: Any) -> Json:
    """Return a custom resource of the CDK with objects."""
    properties = {"ClusterName": cluster or {"Ref": "Kubernetes"}, "Manifest": json.dumps(objects), "ServiceToken": "x"}
    return {"Type": "Custom::AWSCDK-EKS-KubernetesResource", "Properties": properties, **members}


def resources(place: Place, *groups: Json, teams: Iterable[str] = ("vision",)) -> Json:
    """Return the resources of a stack with a governed cluster."""
    kubernetes = {
        "Name": "kube",
        "RoleArn": ROLE,
        "Version": "1.34",
        "ResourcesVpcConfig": {"SubnetIds": [place.subnet]},
        "AccessConfig": {"AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": False},
    }
    cluster = place.request("", *groups) | {
        "Orchestrator": {"Eks": {"ClusterArn": {"Fn::GetAtt": ["Kubernetes", "Arn"]}}}
    }
    add_on = {"ClusterName": {"Ref": "Kubernetes"}, "AddonName": GOVERNANCE}
    arn = {"Fn::GetAtt": ["Cluster", "ClusterArn"]}
    return {
        "Kubernetes": {"Type": "AWS::EKS::Cluster", "Properties": kubernetes},
        "Cluster": {"Type": "AWS::SageMaker::Cluster", "Properties": cluster},
        "Governance": {"Type": "AWS::EKS::Addon", "Properties": add_on, "DependsOn": "Cluster"},
        "Schedule": {
            "Type": "AWS::SageMaker::ClusterSchedulerConfig",
            "Properties": schedule(arn, training=70),
            "DependsOn": "Governance",
        },
        **{
            team.capitalize(): {
                "Type": "AWS::SageMaker::ComputeQuota",
                "Properties": quota(arn, team),
                "DependsOn": "Schedule",
            }
            for team in teams
        },
    }
