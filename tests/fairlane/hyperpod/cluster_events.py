"""Events of HyperPod clusters as AWS documents them, with the null metadata that was seen on live clusters.

Sources: "Events that Amazon SageMaker AI sends to Amazon EventBridge" and "SageMaker HyperPod cluster events reference"
in the Amazon SageMaker AI Developer Guide; observations of live clusters in awslabs/awsome-distributed-ai, July 2026.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fairlane.cloudwatch.samples import Samples
from fairlane_local.monitoring.filter_patterns import matches, value_at

CLUSTER: Final = "research"
ARN: Final = "arn:aws:sagemaker:us-east-1:111122223333:cluster/a1b2c3d4e5f6"
NULLS: Final = dict.fromkeys(
    ("Cluster", "Instance", "InstanceGroup", "InstanceGroupScaling", "InstanceMonitor", "InstanceHealth")
)


def event(kind: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with the envelope of EventBridge."""
    return {
        "version": "0",
        "id": "0bd4a141-0a02-9d8a-f977-3924c3fb259c",
        "detail-type": f"SageMaker HyperPod Cluster {kind}",
        "source": "aws.sagemaker",
        "account": "111122223333",
        "time": "2026-06-01T17:20:25Z",
        "region": "us-east-1",
        "resources": [ARN],
        "detail": dict(detail),
    }


def state_change(status: str, counts: Mapping[str, tuple[int, int]] | None = None) -> dict[str, Any]:
    """Return a change of the state of a cluster.

    Args:
        status: State of the cluster.
        counts: Current and target number of instances, by instance group. Default: one group.
    """
    groups = [
        {
            "CurrentCount": current,
            "ExecutionRole": "arn:aws:iam::111122223333:role/execution",
            "InstanceGroupName": group,
            "InstanceType": "ml.p5.48xlarge",
            "LifeCycleConfig": {"OnCreate": "on_create.sh", "SourceS3Uri": "s3://sagemaker-bucket/research/"},
            "Status": "InService",
            "TargetCount": target,
            "ThreadsPerCore": 2,
        }
        for group, (current, target) in (counts or {"workers": (2, 2)}).items()
    ]
    detail = {
        "ClusterArn": ARN,
        "ClusterName": CLUSTER,
        "ClusterStatus": status,
        "CreationTime": 1745858447412,
        "FailureMessage": "",
        "InstanceGroups": groups,
        "NodeRecovery": "Automatic",
        "Orchestrator": {"Eks": {"ClusterArn": "arn:aws:eks:us-east-1:111122223333:cluster/research"}},
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    }
    return event("State Change", detail)


def node_health(status: str = "Unhealthy") -> dict[str, Any]:
    """Return a change of the health of a node."""
    summary = {
        "HealthStatus": status,
        "HealthStatusReason": "HyperPod Health Monitoring Agent (HMA) has detected fault type NvidiaErrorTerminate on "
        "this node and is unhealthy.",
        "RepairAction": "None",
        "Recommendation": "Please Replace the Faulty Node.",
    }
    detail = {"ClusterName": CLUSTER, "ClusterArn": ARN, "InstanceId": "i-1", "Tags": {}, "HealthSummary": summary}
    return event("Node Health Event", detail)


def cluster_event(description: str, level: str = "Info", group: str | None = None) -> dict[str, Any]:
    """Return a cluster event: of an instance if a group is given, otherwise of the cluster."""
    details = {
        "EventId": "83ea0bb5-be77-45e8-a458-0a87f778a205",
        "ClusterArn": ARN,
        "ClusterName": CLUSTER,
        "InstanceGroupName": group,
        "InstanceId": None,
        "ResourceType": "Instance" if group else "Cluster",
        "EventTime": 1748794825350,
        "EventLevel": level,
        "Description": description,
        "EventDetails": {"EventMetadata": NULLS},
    }
    return event("Event", {"EventDetails": details})


def lost_readiness(nodes: int) -> dict[str, Any]:
    """Return the warning of a cluster that scales."""
    text = (
        f"{nodes} node(s) lost orchestration-ready status. Current: 6/8 orchestration-ready across 2 instance group(s)."
    )
    return cluster_event(text, "Warn")


def failed_attempt(group: str = "workers") -> list[dict[str, Any]]:
    """Return both events of an instance that could not be provisioned."""
    return [
        cluster_event(
            f"Failed to provision EC2 Instance in Cluster {CLUSTER} and InstanceGroup {group}", "Error", group
        ),
        cluster_event(f"Instance creation in Cluster {CLUSTER} and InstanceGroup {group} failed", "Error", group),
    ]


def provisioned(group: str = "workers") -> dict[str, Any]:
    """Return the event of a new instance."""
    text = f"EC2 Instance i-0391f86fa0fe0d465 successfully provisioned in Cluster {CLUSTER} and IG {group}"
    return cluster_event(text, group=group)


def failed_script(group: str = "workers") -> dict[str, Any]:
    """Return the event of a lifecycle script that failed."""
    text = "Instance lifecycle script execution for EC2 Instance i-1 has Failed. To view lifecycle script logs, visit log group"
    return cluster_event(text, "Error", group)


def filtered_samples(template: Mapping[str, Any], history: Iterable[tuple[int, Mapping[str, Any]]]) -> Samples:
    """Return the samples of the metric filters of a template.

    Args:
        template: Template with metric filters.
        history: Time in seconds since the epoch, and event.
    """
    filters = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::MetricFilter"
    ]
    samples = Samples()
    for time, own in history:
        message = json.dumps(own)
        for properties in filters:
            (metric,) = properties["MetricTransformations"]
            dimensions = {pair["Key"]: value_at(pair["Value"], message) for pair in metric["Dimensions"]}
            if matches(properties["FilterPattern"], message) and None not in dimensions.values():
                value = metric["MetricValue"]
                number = value_at(value, message) if value.startswith("$") else value
                samples.add(metric["MetricNamespace"], metric["MetricName"], dimensions, time, [float(number)])
    return samples
