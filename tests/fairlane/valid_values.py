"""Valid fields of all public value objects, and the constructs that take them."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, get_args

import fairlane as f
from fairlane import hyperpod
from fairlane.monitoring.alarms import HyperPodLimits
from tests.fairlane.hyperpod.clusters import KEY, SYSTEM

Use = tuple[str, dict[str, Any]]
Value = tuple[Callable[..., Any], dict[str, Any], Callable[[Any], Use]]
P5 = "ml.p5.48xlarge"
_IDLE = hyperpod.InstanceGroup(group_name="gpu", instance_type=P5, instance_count=0)


def _groups(**changes: Any) -> Use:
    group: dict[str, Any] = {"group_name": "gpu", "instance_type": P5, "instance_count": 1}
    return "HyperPodCluster", {"instance_groups": [SYSTEM, hyperpod.InstanceGroup(**group | changes)]}


def _team(**changes: Any) -> Use:
    team: dict[str, Any] = {"team_name": "a", "quota": [hyperpod.QuotaResource(instance_type=P5, count=1)]}
    return "TaskGovernance", {"teams": [hyperpod.Team(**team | changes)]}


def _namespace(**changes: Any) -> Use:
    return "TeamNamespace", {"team": _team(**changes)[1]["teams"][0]}


def _job(**changes: Any) -> Use:
    job: dict[str, Any] = {
        "job_name": "llama",
        "team": "a",
        "instance_type": P5,
        "image": "registry.example.com/llama:1",
        "script": "train.py",
        "policy": hyperpod.ElasticPolicy(min_replicas=1, max_replicas=2, replica_increment_step=1),
    }
    return "job_manifest", {"job": hyperpod.ElasticTrainingJob(**job | changes)}


def _kinds(limits: type, construct: str, argument: str) -> Iterator[tuple[str, Value]]:
    """Yield the kinds of alarms in limits, each as the only limit."""
    for field in fields(limits):
        kind = get_args(get_args(get_args(field.type)[0])[1])[0]

        def use(value: Any, name: str = field.name) -> Use:
            return construct, {argument: limits(**{name: {"Warning": value}})}

        yield kind.__name__, (kind, {}, use)
    yield limits.__name__, (limits, {}, lambda value: (construct, {argument: value}))


VALUES: dict[str, Value] = {
    "BatchPlan": (
        hyperpod.BatchPlan,
        {"global_batch": 64, "micro_batch": 4, "learning_rate": 0.001},
        lambda v: _job(batch=v),
    ),
    "Checkpoint": (
        hyperpod.Checkpoint,
        {"size_gib": 100, "write_gib_per_second": 4},
        lambda v: _job(checkpoint=v),
    ),
    "ElasticPolicy": (
        hyperpod.ElasticPolicy,
        {"min_replicas": 1, "max_replicas": 2, "replica_increment_step": 1},
        lambda v: _job(policy=v),
    ),
    "ElasticTrainingJob": (
        hyperpod.ElasticTrainingJob,
        {field.name: getattr(_job()[1]["job"], field.name) for field in fields(hyperpod.ElasticTrainingJob)},
        lambda v: ("job_manifest", {"job": v}),
    ),
    "LogRule": (
        hyperpod.LogRule,
        {"rule_name": "steps", "pattern": "step=", "expected_start_seconds": 600},
        lambda v: _job(log_rules=[v]),
    ),
    "ReplicaPart": (
        hyperpod.ReplicaPart,
        {"part_name": "worker", "replicas": 1, "max_replicas": 2},
        lambda v: _job(parts=[v]),
    ),
    "RestartPolicy": (hyperpod.RestartPolicy, {}, lambda v: _job(restart=v)),
    "Cap": (hyperpod.Cap, {"instances": {P5: 1}}, lambda v: _namespace(cap=v)),
    "ContainerDefaults": (
        hyperpod.ContainerDefaults,
        {"requests": {"cpu": 1}},
        lambda v: _namespace(container_defaults=v),
    ),
    "EfsVolume": (
        f.EfsVolume,
        {"file_system_id": "fs-12345678", "container_path": "/data"},
        lambda v: ("GpuJobDefinition", {"volumes": [v]}),
    ),
    "EndpointPolicies": (f.EndpointPolicies, {}, lambda v: ("TrainingVpc", {"endpoint_policies": v})),
    "FairShare": (f.FairShare, {"weight_factors": {"a": 1.0}}, lambda v: ("TrainingQueue", {"scheduling": v})),
    "Fifo": (f.Fifo, {}, lambda v: ("TrainingQueue", {"scheduling": v})),
    "Governance": (hyperpod.Governance, {}, lambda v: ("TaskGovernance", {"governance": v})),
    "HostVolume": (
        f.HostVolume,
        {"source_path": "/a", "container_path": "/b"},
        lambda v: ("GpuJobDefinition", {"volumes": [v]}),
    ),
    "InstanceGroup": (
        hyperpod.InstanceGroup,
        {"group_name": "gpu", "instance_type": P5, "instance_count": 1},
        lambda v: ("HyperPodCluster", {"instance_groups": [SYSTEM, v]}),
    ),
    "JobRetries": (f.JobRetries, {}, lambda v: ("GpuJobDefinition", {"retries": v})),
    "JobStateTimeLimitAction": (
        f.JobStateTimeLimitAction,
        {"reason": f.TimeLimitReason.INSUFFICIENT_INSTANCE_CAPACITY, "max_time_seconds": 600},
        lambda v: ("GpuQueue", {"time_limit_actions": [v]}),
    ),
    "LustreMount": (
        f.LustreMount,
        {"file_system_id": "fs-0123456789abcdef0", "mount_name": "abcdefgh"},
        lambda v: ("GpuComputeEnvironment", {"lustre": [v]}),
    ),
    "MonitoredFanOut": (
        f.MonitoredFanOut,
        {"name": "campaigns", "region": "us-east-1", "regions": ["us-east-1"]},
        lambda v: ("FanOutAlarms", {"fan_out": v}),
    ),
    "NodePool": (
        hyperpod.NodePool,
        {"pool_name": "gpu", "instance_groups": ["gpu"], "max_accelerators": 64},
        lambda v: ("HyperPodCluster", {"instance_groups": [SYSTEM, _IDLE], "node_pools": [v]}),
    ),
    "PriorityClass": (
        hyperpod.PriorityClass,
        {"class_name": "high", "weight": 10},
        lambda v: ("TaskGovernance", {"governance": hyperpod.Governance(priority_classes=[v])}),
    ),
    "QuotaManagement": (
        lambda **shares: f.QuotaManagement(*shares.values()),
        {"shares": f.QuotaShare(name="a", capacity={P5: 1}, sharing=f.Sharing.LEND)},
        lambda v: ("TrainingQueue", {"capacity": {P5: 1}, "scheduling": v}),
    ),
    "QuotaResource": (
        hyperpod.QuotaResource,
        {"instance_type": P5, "count": 1},
        lambda v: _team(quota=[v]),
    ),
    "QuotaShare": (
        f.QuotaShare,
        {"name": "a", "capacity": {P5: 1}, "sharing": f.Sharing.LEND},
        lambda v: ("TrainingQueue", {"capacity": {P5: 1}, "scheduling": f.QuotaManagement(v)}),
    ),
    "RetryRule": (
        f.RetryRule,
        {"on_exit_code": "1"},
        lambda v: ("GpuJobDefinition", {"retries": f.JobRetries(rules=[v])}),
    ),
    "Taint": (hyperpod.Taint, {"key": "gpu"}, lambda v: _groups(taints=[v])),
    "Team": (
        hyperpod.Team,
        {"team_name": "a", "quota": [hyperpod.QuotaResource(instance_type=P5, count=1)]},
        lambda v: ("TaskGovernance", {"teams": [v]}),
    ),
    "Volume": (hyperpod.Volume, {"size_gib": 200, "encryption_key": KEY}, lambda v: _groups(data_volume=v)),
    **dict(_kinds(f.AlarmLimits, "QueueAlarms", "limits")),
    **dict(_kinds(f.ExporterLimits, "QueueAlarms", "exporter_limits")),
    **dict(_kinds(f.FanOutLimits, "FanOutAlarms", "limits")),
    **dict(_kinds(HyperPodLimits, "HyperPodMonitoring", "limits")),
}
