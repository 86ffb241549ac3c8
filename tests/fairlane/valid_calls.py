"""Valid arguments of all public constructs, their imports and their grants, for tests that replace one of them."""

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

import fairlane as f
from fairlane.hyperpod import Governance, job_manifest
from fairlane.monitoring.alarms import HyperPodLimits
from tests.fairlane.fan_out.fan_outs import KEY, QUEUES, TEMPLATE
from tests.fairlane.hyperpod.clusters import CHART, SYSTEM
from tests.fairlane.hyperpod.governance import team
from tests.fairlane.hyperpod.governed_cluster import Cluster
from tests.fairlane.schedules.payloads import PAYLOAD

Call = tuple[Callable[..., object], dict[str, Any]]
P4 = "p4d.24xlarge"
ARN = "arn:aws:batch:us-east-1:111122223333"
HERE = Environment(account="111122223333", region="us-east-1")


class World:
    """Stack with the constructs that the arguments need, each created at its first use."""

    def __init__(self) -> None:
        self.app = App(context={"aws:cdk:disable-asset-staging": True})
        self.stack = Stack(self.app, "Stack", env=HERE)

    @cached_property
    def vpc(self) -> f.TrainingVpc:
        return f.TrainingVpc(self.stack, "Vpc", nat_gateways=1)

    @cached_property
    def role(self) -> iam.Role:
        return iam.Role(self.stack, "Role", assumed_by=iam.AccountRootPrincipal())

    @cached_property
    def compute_environment(self) -> f.GpuComputeEnvironment:
        return f.GpuComputeEnvironment(self.stack, "P4", vpc=self.vpc, instance_types=[P4], max_gpus=64)

    @cached_property
    def gpu_queue(self) -> f.GpuQueue:
        environments = [self.compute_environment]
        shares = f.FairShare({"vision": 1.0})
        return f.GpuQueue(
            self.stack, "GpuQueue", queue_name="gpu", compute_environments=environments, scheduling=shares
        )

    @cached_property
    def training_queue(self) -> f.TrainingQueue:
        shares = f.FairShare({"vision": 1.0})
        return f.TrainingQueue(self.stack, "TrainingQueue", queue_name="training", capacity=8, scheduling=shares)

    @cached_property
    def job(self) -> f.GpuJobDefinition:
        return f.GpuJobDefinition(self.stack, "Job", job_definition_name="train", image="x:1", gpus=1, instance_type=P4)

    @cached_property
    def metrics(self) -> f.JobMetrics:
        return f.JobMetrics(self.stack, "Metrics", queues=[self.training_queue])

    @cached_property
    def archive(self) -> f.JobArchive:
        return f.JobArchive(self.stack, "Archive", queues=[self.training_queue])

    @cached_property
    def alarms(self) -> f.QueueAlarms:
        return f.QueueAlarms(self.stack, "Alarms", metrics=self.metrics)

    @cached_property
    def fan_out_alarms(self) -> f.FanOutAlarms:
        return f.FanOutAlarms(self.stack, "FanOutAlarms", fan_out=self.monitored_fan_out)

    @cached_property
    def dashboard(self) -> f.QueueDashboard:
        return f.QueueDashboard(self.stack, "Dashboard", dashboard_name="gpus", metrics=[self.metrics])

    @cached_property
    def cluster_monitoring(self) -> f.HyperPodMonitoring:
        return f.HyperPodMonitoring(self.stack, "Cluster", cluster_name="gpu", instance_groups=["p5"])

    @cached_property
    def topic(self) -> f.AlarmTopic:
        return f.AlarmTopic(self.stack, "Topic", subscriptions=["gpus@example.com"])

    @cached_property
    def repository(self) -> f.ReplicatedRepository:
        return f.ReplicatedRepository(self.stack, "Images", repository_name="images", regions=["us-west-2"])

    @cached_property
    def replica(self) -> f.ReplicatedRepository:
        there = Environment(account="111122223333", region="us-west-2")
        home = Stack(self.app, "Home", env=there)
        return f.ReplicatedRepository(home, "Images", repository_name="replicas", regions=["us-east-1"])

    @cached_property
    def gate(self) -> f.ReplicationGate:
        return f.ReplicationGate(self.stack, "Gate", repositories=[self.repository])

    @cached_property
    def store(self) -> f.SweepStore:
        return f.SweepStore(self.stack, "Store", store_name="search")

    @cached_property
    def execution_role(self) -> f.TrainingExecutionRole:
        return f.TrainingExecutionRole(self.stack, "ExecutionRole", regions=["eu-west-1"])

    @cached_property
    def fan_out(self) -> f.TrainingFanOut:
        create, arguments = CONSTRUCTS["TrainingFanOut"](self)
        created = create(self.stack, "FanOut", **arguments)
        assert isinstance(created, f.TrainingFanOut)
        return created

    @cached_property
    def monitored_fan_out(self) -> f.MonitoredFanOut:
        return f.MonitoredFanOut(name="campaigns", region="us-east-1", regions=["us-east-1"])

    @cached_property
    def cluster(self) -> Cluster:
        return Cluster(self.stack)

    @cached_property
    def hyperpod(self) -> f.HyperPodCluster:
        create, arguments = CONSTRUCTS["HyperPodCluster"](self)
        created = create(self.stack, "HyperPod", **arguments)
        assert isinstance(created, f.HyperPodCluster)
        return created

    @cached_property
    def secrets(self) -> dict[str, secretsmanager.ISecret]:
        return {"TOKEN": secretsmanager.Secret(self.stack, "Secret")}


CONSTRUCTS: dict[str, Callable[[World], Call]] = {
    "AlarmTopic": lambda w: (f.AlarmTopic, {"subscriptions": ["gpus@example.com"]}),
    "FanOutAlarms": lambda w: (
        f.FanOutAlarms,
        {"fan_out": w.monitored_fan_out, "notify": [w.topic.topic], "limits": f.FanOutLimits()},
    ),
    "GpuComputeEnvironment": lambda w: (f.GpuComputeEnvironment, {"vpc": w.vpc, "instance_types": [P4], "max_gpus": 8}),
    "GpuJobDefinition": lambda w: (
        f.GpuJobDefinition,
        {
            "job_definition_name": "evaluate",
            "image": "x:1",
            "gpus": 1,
            "instance_type": P4,
            "secrets": w.secrets,
            "queue": w.gpu_queue,
        },
    ),
    "GpuQueue": lambda w: (
        f.GpuQueue,
        {"queue_name": "new", "compute_environments": [w.compute_environment], "scheduling": f.Fifo()},
    ),
    "HyperPodCluster": lambda w: (
        f.HyperPodCluster,
        {"cluster_name": "training", "vpc": w.vpc, "instance_groups": [SYSTEM], "chart": CHART},
    ),
    "HyperPodMonitoring": lambda w: (
        f.HyperPodMonitoring,
        {"cluster_name": "gpu", "instance_groups": ["p5"], "notify": [w.topic.topic], "limits": HyperPodLimits()},
    ),
    "JobArchive": lambda w: (f.JobArchive, {"queues": [w.training_queue, w.gpu_queue]}),
    "JobMetrics": lambda w: (f.JobMetrics, {"queues": [w.training_queue, w.gpu_queue]}),
    "MonitoringCost": lambda w: (
        f.MonitoringCost,
        {
            "metrics": [w.metrics],
            "alarms": [w.alarms, w.fan_out_alarms],
            "fan_outs": [w.monitored_fan_out],
            "dashboards": [w.dashboard],
            "clusters": [w.cluster_monitoring],
        },
    ),
    "MultiNodeGpuJobDefinition": lambda w: (
        f.MultiNodeGpuJobDefinition,
        {
            "job_definition_name": "multi",
            "image": "x:1",
            "script": ["train.py"],
            "nodes": 2,
            "instance_type": P4,
            "efa": False,
            "queue": w.gpu_queue,
        },
    ),
    "QueueAlarms": lambda w: (f.QueueAlarms, {"metrics": w.metrics, "notify": [w.topic.topic]}),
    "QueueDashboard": lambda w: (f.QueueDashboard, {"dashboard_name": "gpu", "metrics": [w.metrics]}),
    "RegistryReplication": lambda w: (f.RegistryReplication, {}),
    "ReplicaTemplates": lambda w: (f.ReplicaTemplates, {"repositories": [w.replica]}),
    "ReplicatedRepository": lambda w: (
        f.ReplicatedRepository,
        {"repository_name": "other", "regions": ["us-west-2"]},
    ),
    "ReplicationAlarm": lambda w: (f.ReplicationAlarm, {"repositories": [w.replica], "notify": [w.topic.topic]}),
    "ReplicationGate": lambda w: (f.ReplicationGate, {"repositories": [w.repository]}),
    "ServiceEnvironment": lambda w: (f.ServiceEnvironment, {"capacity": 8}),
    "SweepStore": lambda w: (f.SweepStore, {"store_name": "other"}),
    "TaskGovernance": lambda w: (
        f.TaskGovernance,
        {"cluster": w.cluster, "governance": Governance(), "teams": [team()]},
    ),
    "TeamNamespace": lambda w: (
        f.TeamNamespace,
        {"cluster": w.hyperpod, "team": team(), "quota": w.cluster.before},
    ),
    "TrainingExecutionRole": lambda w: (f.TrainingExecutionRole, {"kms_keys": [KEY], "repositories": ["images"]}),
    "TrainingFanOut": lambda w: (
        f.TrainingFanOut,
        {
            "fan_out_name": "campaigns",
            "queues": QUEUES,
            "template": json.dumps(TEMPLATE),
            "execution_roles": {"search": w.execution_role},
            "store": w.store,
        },
    ),
    "TrainingFanOutRegion": lambda w: (
        f.TrainingFanOutRegion,
        {"fan_out_name": "campaigns", "home_region": "us-east-1"},
    ),
    "TrainingQueue": lambda w: (f.TrainingQueue, {"queue_name": "new", "capacity": 8, "scheduling": f.Fifo()}),
    "TrainingSchedule": lambda w: (
        f.TrainingSchedule,
        {
            "schedule_name": "nightly",
            "schedule": "rate(1 day)",
            "queue": w.training_queue,
            "share_identifier": "vision",
            "payload": PAYLOAD,
            "execution_role": w.execution_role,
            "notify": [w.topic.topic],
        },
    ),
    "TrainingVpc": lambda w: (f.TrainingVpc, {}),
}

IMPORTS: dict[str, Callable[[World], Call]] = {
    "GpuQueue.from_job_queue_arn": lambda w: (
        f.GpuQueue.from_job_queue_arn,
        {"job_queue_arn": f"{ARN}:job-queue/gpu"},
    ),
    "GpuQueue.from_job_queue_name": lambda w: (f.GpuQueue.from_job_queue_name, {"job_queue_name": "gpu"}),
    "ServiceEnvironment.from_service_environment_arn": lambda w: (
        f.ServiceEnvironment.from_service_environment_arn,
        {"service_environment_arn": f"{ARN}:service-environment/training"},
    ),
    "SweepStore.from_bucket_name": lambda w: (
        f.SweepStore.from_bucket_name,
        {"bucket_name": "sweeps", "store_name": "search"},
    ),
    "TrainingQueue.from_job_queue_arn": lambda w: (
        f.TrainingQueue.from_job_queue_arn,
        {"job_queue_arn": f"{ARN}:job-queue/training"},
    ),
    "TrainingQueue.from_job_queue_name": lambda w: (f.TrainingQueue.from_job_queue_name, {"job_queue_name": "p4"}),
}

METHODS: dict[str, Callable[[World], Call]] = {
    "AlarmTopic.allow_alert_manager": lambda w: (
        w.topic.allow_alert_manager,
        {"workspace": "arn:aws:aps:us-east-1:111122223333:workspace/ws-01234567"},
    ),
    "FanOutGrants.read": lambda w: (w.fan_out.grants.read, {"grantee": w.role}),
    "FanOutGrants.start": lambda w: (w.fan_out.grants.start, {"grantee": w.role}),
    "FanOutGrants.stop": lambda w: (w.fan_out.grants.stop, {"grantee": w.role}),
    "GpuQueue.accepts": lambda w: (w.gpu_queue.accepts, {"jobs": w.job}),
    "GpuQueue.submit_policy": lambda w: (
        w.gpu_queue.submit_policy,
        {"construct_id": "Policy", "job_definitions": [w.job]},
    ),
    "GpuQueueGrants.manage": lambda w: (w.gpu_queue.grants.manage, {"grantee": w.role}),
    "GpuQueueGrants.observe": lambda w: (w.gpu_queue.grants.observe, {"grantee": w.role}),
    "GpuQueueGrants.submit": lambda w: (
        w.gpu_queue.grants.submit,
        {"grantee": w.role, "job_definitions": [w.job], "share_identifiers": ["vision"]},
    ),
    "QueueAlarms.add_alarm": lambda w: (
        w.alarms.add_alarm,
        {
            "queue": "training",
            "name": "failed",
            "metric": cloudwatch.Metric(namespace="Training", metric_name="Failed"),
            "threshold": 1,
            "meaning": "jobs fail",
        },
    ),
    "QueueDashboard.groups": lambda w: (f.QueueDashboard.groups, {"metrics": [w.metrics]}),
    "RegistryReplication.of": lambda w: (f.RegistryReplication.of, {"scope": w.stack}),
    "RegistryReplication.replicate": lambda w: (
        f.RegistryReplication.of(w.stack).replicate,
        {"prefix": "training/", "regions": ["us-west-2"]},
    ),
    "ReplicatedRepository.image": lambda w: (w.repository.image, {"tag_or_digest": "v1"}),
    "JobArchiveGrants.read": lambda w: (w.archive.grants.read, {"grantee": w.role}),
    "ReplicationGate.backfill": lambda w: (w.gate.backfill, {"repository": w.repository}),
    "ReplicationGate.wait": lambda w: (w.gate.wait, {"repository": w.repository, "tag_or_digest": "v1"}),
    "SweepStoreGrants.read": lambda w: (w.store.grants.read, {"grantee": w.role}),
    "SweepStoreGrants.run": lambda w: (w.store.grants.run, {"role": w.role}),
    "SweepStoreGrants.submit": lambda w: (w.store.grants.submit, {"grantee": w.role}),
    "TrainingQueue.submit_policy": lambda w: (w.training_queue.submit_policy, {"construct_id": "Policy"}),
    "TrainingQueueGrants.manage": lambda w: (w.training_queue.grants.manage, {"grantee": w.role}),
    "TrainingQueueGrants.observe": lambda w: (w.training_queue.grants.observe, {"grantee": w.role}),
    "TrainingQueueGrants.submit": lambda w: (
        w.training_queue.grants.submit,
        {"grantee": w.role, "execution_role": w.role},
    ),
}
FUNCTIONS: dict[str, Callable[[World], Call]] = {"job_manifest": lambda w: (job_manifest, {})}
"""Functions that take value objects, by their names."""
