"""Small HyperPod cluster with two teams, for elastic jobs that run as processes."""

from typing import Any, Final

from fairlane_local.kubernetes.access import ClusterLocation
from fairlane_local.kubernetes.api import KubernetesApi
from fairlane_local.kubernetes.clusters import kubernetes_api
from fairlane_local.server.access import ACCOUNT_ID, client
from fairlane_local.server.local_aws import LocalAws

NAME: Final = "night"
INSTANCE_TYPE: Final = "ml.p5.48xlarge"
BORROWER: Final = "research"
LENDER: Final = "inference"
_REGION: Final = "us-east-1"
_BUCKET: Final = "sagemaker-night"
_ROLE: Final = f"arn:aws:iam::{ACCOUNT_ID}:role/night"
_ADD_ON: Final = "amazon-sagemaker-hyperpod-taskgovernance"


def create_cluster(aws: LocalAws, instances: int, own: int) -> tuple[ClusterLocation, KubernetesApi]:
    """Create a cluster on which the team `research` may borrow all that the team `inference` does not use.

    Args:
        aws: Local AWS.
        instances: Number of instances.
        own: Number of instances in the quota of `research`. `inference` has the others.
    """
    clients = {name: client(name, aws.port, ACCOUNT_ID, _REGION) for name in ("ec2", "eks", "s3", "sagemaker")}
    sagemaker = clients["sagemaker"]
    subnet = clients["ec2"].describe_subnets()["Subnets"][0]["SubnetId"]
    clients["s3"].create_bucket(Bucket=_BUCKET)
    clients["s3"].put_object(Bucket=_BUCKET, Key="init.sh", Body=b"")
    kubernetes = clients["eks"].create_cluster(
        name=NAME,
        roleArn=_ROLE,
        resourcesVpcConfig={"subnetIds": [subnet]},
        accessConfig={"authenticationMode": "API"},
    )["cluster"]["arn"]
    clients["eks"].create_addon(clusterName=NAME, addonName=_ADD_ON)
    cluster = sagemaker.create_cluster(
        ClusterName=NAME,
        Orchestrator={"Eks": {"ClusterArn": kubernetes}},
        VpcConfig={"SecurityGroupIds": ["sg-0123456789abcdef0"], "Subnets": [subnet]},
        InstanceGroups=[
            {
                "InstanceGroupName": "workers",
                "InstanceType": INSTANCE_TYPE,
                "InstanceCount": instances,
                "ExecutionRole": _ROLE,
                "LifeCycleConfig": {"SourceS3Uri": f"s3://{_BUCKET}", "OnInitComplete": "init.sh"},
            }
        ],
    )["ClusterArn"]
    sagemaker.create_cluster_scheduler_config(
        Name="policy", ClusterArn=cluster, SchedulerConfig={"FairShare": "Enabled", "IdleResourceSharing": "Enabled"}
    )
    limit = 100 * (instances - own) // own
    for team, count, sharing in (
        (BORROWER, own, {"Strategy": "LendAndBorrow", "BorrowLimit": limit}),
        (LENDER, instances - own, {"Strategy": "Lend"}),
    ):
        _create_quota(sagemaker, cluster, team, count, sharing)
    location = ClusterLocation(ACCOUNT_ID, _REGION, NAME)
    return location, kubernetes_api(*location)


def _create_quota(sagemaker: Any, cluster: str, team: str, count: int, sharing: dict[str, Any]) -> None:
    resources = [{"InstanceType": INSTANCE_TYPE, "Count": count}]
    sagemaker.create_compute_quota(
        Name=team,
        ClusterArn=cluster,
        ComputeQuotaTarget={"TeamName": team, "FairShareWeight": 50},
        ComputeQuotaConfig={"ComputeQuotaResources": resources, "ResourceSharingConfig": sharing},
    )
