"""The public names, pinned: adding one is a decision, removing one breaks somebody."""

import importlib
import subprocess
import sys

import pytest

PUBLIC = {
    "fairlane": [
        "AlarmLimits",
        "AlarmTopic",
        "AllocationStrategy",
        "ConfigurationError",
        "DeadLetters",
        "EfsVolume",
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
    "fairlane.environment": [
        "AlarmsModel",
        "DashboardModel",
        "Environment",
        "FairShareModel",
        "FifoModel",
        "GivenNetworkModel",
        "GpuComputeEnvironmentModel",
        "GpuJobDefinitionModel",
        "GpuQueueModel",
        "ImageModel",
        "JobMetricsModel",
        "MadeNetworkModel",
        "MultiNodeGpuJobDefinitionModel",
        "QueueAlarmsModel",
        "QuotaManagementModel",
        "QuotaShareModel",
        "RegionModel",
        "ServiceEnvironmentModel",
        "TimeLimitActionModel",
        "TrainingExecutionRoleModel",
        "TrainingQueueModel",
        "environment_json_schema",
        "environment_names",
        "find_environment",
        "is_topic",
        "load_environment",
    ],
    "fairlane_local": [
        "Invocation",
        "LocalAws",
        "LocalAwsError",
        "StandingQueue",
        "Value",
        "client",
        "deliver",
        "demo",
        "invoke",
        "places",
        "poll",
        "show",
        "standing_queues",
        "start",
        "stop",
        "tools_environment",
        "values",
    ],
    "fairlane_stacks": ["TrainingStack", "build_stacks", "check_template_sizes"],
}


@pytest.mark.parametrize(("module", "names"), PUBLIC.items(), ids=PUBLIC)
def test_public_names_are_these(module: str, names: list[str]) -> None:
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
def test_importing_what_needs_no_cdk_starts_no_node(module: str) -> None:
    code = f"import sys, {module}; sys.exit(sorted({{'aws_cdk', 'jsii', 'constructs'}} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
