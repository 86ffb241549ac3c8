"""Public names of all packages. A new name is a decision; a removed name breaks the code of users."""

import importlib
import subprocess
import sys

import pytest

from tests.support import REPOSITORY

PUBLIC: dict[str, list[str]] = {
    "fairlane": [
        "AlarmLimits",
        "AlarmTopic",
        "AllocationStrategy",
        "ConfigurationError",
        "DeadLetters",
        "EfsVolume",
        "EndpointPolicies",
        "ExporterLimits",
        "ExporterStale",
        "FailureRate",
        "FairShare",
        "Fifo",
        "GpuComputeEnvironment",
        "GpuJobDefinition",
        "GpuQueue",
        "HostVolume",
        "IdleCapacity",
        "IdleWhileWaiting",
        "JobAction",
        "JobMetrics",
        "JobRetries",
        "JobStateTimeLimitAction",
        "LustreMount",
        "MonitoringCost",
        "MultiNodeGpuJobDefinition",
        "OldestWait",
        "Preemptions",
        "Problem",
        "Purchase",
        "QueueAlarms",
        "QueueBlocked",
        "QueueDashboard",
        "QuotaManagement",
        "QuotaShare",
        "RegistryReplication",
        "ReplicaTemplates",
        "ReplicatedRepository",
        "ReplicationAlarm",
        "ReplicationGate",
        "ReplicationMode",
        "RetryAction",
        "RetryRule",
        "ServiceEnvironment",
        "Sharing",
        "SpotReclaims",
        "StarvedShare",
        "State",
        "TimeLimitReason",
        "TrainingExecutionRole",
        "TrainingQueue",
        "TrainingVpc",
        "Truncated",
    ],
    "fairlane.capacity": [
        "AllocationStrategy",
        "EndpointPolicies",
        "GpuComputeEnvironment",
        "LustreMount",
        "Purchase",
        "ServiceEnvironment",
        "ServiceEnvironmentBase",
        "TrainingVpc",
    ],
    "fairlane.catalog": [
        "GpuInstanceType",
        "JobNeeds",
        "gpu_instance_type",
        "gpu_instance_types",
        "training_gpus",
        "training_instance_types",
    ],
    "fairlane.cli": [
        "main",
    ],
    "fairlane.cloudwatch": [
        "History",
        "MetricKey",
        "Samples",
        "State",
        "evaluate_alarms",
    ],
    "fairlane.environment": [
        "AlarmSettings",
        "ComputeEnvironmentSettings",
        "DashboardModel",
        "Environment",
        "ExistingNetworkModel",
        "FairShareModel",
        "FifoModel",
        "GpuJobSettings",
        "GpuQueueModel",
        "ImageModel",
        "JobMetricsModel",
        "MultiNodeJobSettings",
        "NewNetworkModel",
        "QuotaManagementModel",
        "QuotaShareModel",
        "RegionModel",
        "ServiceEnvironmentModel",
        "TrainingExecutionRoleModel",
        "TrainingQueueModel",
        "environment_json_schema",
        "environment_names",
        "find_environment",
        "load_environment",
    ],
    "fairlane.images": [
        "RegistryReplication",
        "ReplicaTemplates",
        "ReplicatedRepository",
        "ReplicationAlarm",
        "ReplicationGate",
        "ReplicationMode",
    ],
    "fairlane.jobs": [
        "EfsVolume",
        "GpuJobDefinition",
        "HostVolume",
        "JobRetries",
        "MultiNodeGpuJobDefinition",
        "RetryAction",
        "RetryRule",
        "TrainingExecutionRole",
    ],
    "fairlane.monitoring": [
        "AlarmTopic",
        "JobMetrics",
        "MonitoringCost",
        "QueueAlarms",
        "QueueDashboard",
        "Target",
    ],
    "fairlane.monitoring.alarms": [
        "AlarmLimits",
        "AlarmTopic",
        "DeadLetters",
        "ExporterLimits",
        "ExporterStale",
        "FailureRate",
        "IdleCapacity",
        "IdleWhileWaiting",
        "Limit",
        "OldestWait",
        "Preemptions",
        "QueueAlarms",
        "QueueBlocked",
        "SpotReclaims",
        "StarvedShare",
        "Target",
        "Truncated",
    ],
    "fairlane.monitoring.alarms.kinds": [
        "DeadLetters",
        "ExporterStale",
        "FailureRate",
        "IdleCapacity",
        "IdleWhileWaiting",
        "Limit",
        "OldestWait",
        "Preemptions",
        "QueueBlocked",
        "SpotReclaims",
        "StarvedShare",
        "Truncated",
    ],
    "fairlane.monitoring.costs": [
        "Line",
        "MonitoringCost",
        "MonitoringUse",
        "MonthlyCost",
        "QueueUse",
        "count_series",
        "monthly_cost",
    ],
    "fairlane.monitoring.dashboards": [
        "QueueDashboard",
    ],
    "fairlane.monitoring.exporter": [
        "ExportedMetrics",
        "JobMetrics",
        "MonitoredQueue",
    ],
    "fairlane.preview": [
        "PreviewError",
        "preview",
    ],
    "fairlane.queues": [
        "GpuQueue",
        "GpuQueueBase",
        "JobDefinitionBase",
        "TrainingQueue",
        "TrainingQueueBase",
    ],
    "fairlane.rehearsal": [
        "Ec2Instances",
        "Fairness",
        "Job",
        "Load",
        "Outcome",
        "QueueSetup",
        "Rehearsal",
        "Run",
        "ShareResult",
        "Strategies",
        "Summary",
        "Timeline",
        "Trace",
        "Wait",
        "build_comparison_queue",
        "comparison_table",
        "describe_strategies",
        "describe_use",
        "generate",
        "hours",
        "minutes",
        "read_history",
        "read_queue",
        "read_trace",
        "rehearse",
        "render_report",
        "summarize",
        "write_trace",
    ],
    "fairlane.rehearsal.report": [
        "Summary",
        "comparison_table",
        "describe_strategies",
        "describe_use",
        "render_report",
        "summarize",
    ],
    "fairlane.rehearsal.traces": [
        "Load",
        "generate",
        "read_history",
        "read_trace",
        "write_trace",
    ],
    "fairlane.scheduler": [
        "Ec2Instances",
        "Job",
        "Strategies",
        "Trace",
        "hours",
        "minutes",
    ],
    "fairlane.scheduling": [
        "Allotment",
        "Capacity",
        "FairShare",
        "Fifo",
        "JobAction",
        "JobStateTimeLimitAction",
        "NUM_INSTANCES",
        "QuotaManagement",
        "QuotaShare",
        "SchedulingPolicy",
        "Sharing",
        "State",
        "TimeLimitReason",
        "UNLIMITED",
    ],
    "fairlane_local": [
        "DeployedQueue",
        "Invocation",
        "LocalAws",
        "LocalAwsError",
        "Value",
        "client",
        "deliver",
        "demo",
        "deployed_queues",
        "invoke",
        "poll",
        "print_tables",
        "queue_locations",
        "start",
        "stop",
        "tools_environment",
        "values",
    ],
    "fairlane_stacks": [
        "TrainingStack",
        "build_stacks",
        "check_template_sizes",
        "exit_on_mistakes",
        "read_environment",
        "synthesize",
    ],
}


@pytest.mark.parametrize(("module", "names"), PUBLIC.items(), ids=PUBLIC)
def test_public_names_are_listed_and_documented(module: str, names: list[str]) -> None:
    loaded = importlib.import_module(module)
    assert loaded.__all__ == names
    for name in names:
        value = getattr(loaded, name)
        assert value.__doc__, name
        assert name in dir(loaded)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        importlib.import_module("fairlane").Nothing  # noqa: B018


@pytest.mark.parametrize(
    "module",
    ["fairlane", "fairlane.scheduling", "fairlane.environment", "fairlane.catalog", "fairlane.cli", "fairlane_local"],
)
def test_importing_a_package_without_cdk_does_not_import_the_cdk(module: str) -> None:
    code = f"import sys, {module}; sys.exit(sorted({{'aws_cdk', 'jsii', 'constructs'}} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_package_is_listed() -> None:
    packages = {
        ".".join(path.parent.relative_to(REPOSITORY / root).parts)
        for root in ("constructs", "stacks")
        for path in (REPOSITORY / root).rglob("__init__.py")
    }
    assert packages - {"fairlane._internal", "fairlane._charts"} == set(PUBLIC) - {"fairlane_local"}
