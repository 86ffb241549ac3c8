"""AWS's limits for compute environments, queues and job definitions of containers, copied from AWS's documents."""

import json
import re
from collections.abc import Iterator
from typing import Any

Resource = dict[str, Any]

REASONS = {  # "Jobs stuck in RUNNABLE" in the user guide, for ECS
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
}
STRATEGIES = {  # "Allocation strategies" in the user guide
    "EC2": {"BEST_FIT", "BEST_FIT_PROGRESSIVE", "BEST_FIT_PROGRESSIVE_ORDERED"},
    "SPOT": {
        "SPOT_CAPACITY_OPTIMIZED",
        "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
        "SPOT_PRICE_CAPACITY_OPTIMIZED",
    },
}
GPU_FAMILIES = re.compile(r"(p4|p5|p6|g4dn|g5|g6)[a-z0-9-]*\.")  # "Create a GPU job definition"; AL2023 has no p3, g3


def container_queue(properties: Resource) -> Iterator[str]:
    # CreateJobQueue and JobStateTimeLimitAction, for ECS
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", properties["JobQueueName"]):
        yield "JobQueueName"
    if properties["JobQueueType"] != "ECS":
        yield "JobQueueType"
    order = [item["Order"] for item in properties["ComputeEnvironmentOrder"]]
    environments = [json.dumps(item["ComputeEnvironment"]) for item in properties["ComputeEnvironmentOrder"]]
    if not 1 <= len(order) <= 3 or len({*order}) < len(order) or len({*environments}) < len(environments):
        yield "ComputeEnvironmentOrder"
    if not 0 <= properties["Priority"] <= 1000:
        yield "Priority"
    for action in properties.get("JobStateTimeLimitActions", []):
        if action["Action"] != "CANCEL" or action["State"] != "RUNNABLE" or action["Reason"] not in REASONS:
            yield "JobStateTimeLimitAction"


def compute_environment(properties: Resource) -> Iterator[str]:
    # CreateComputeEnvironment, ComputeResource and UpdatePolicy
    compute_resources = properties["ComputeResources"]
    if properties["Type"] != "MANAGED" or properties.get("State", "ENABLED") != "ENABLED":
        yield "Type or State"
    if "Tags" in properties or "ComputeEnvironmentName" in properties:  # createOnly: a change replaces the environment
        yield "Tags or ComputeEnvironmentName"
    if compute_resources["AllocationStrategy"] not in STRATEGIES[compute_resources["Type"]]:
        yield "AllocationStrategy"
    if not compute_resources["InstanceTypes"] or not all(map(GPU_FAMILIES.match, compute_resources["InstanceTypes"])):
        yield "InstanceTypes"
    if not 0 == compute_resources["MinvCpus"] < compute_resources["MaxvCpus"]:
        yield "vCPUs"
    if not compute_resources["Subnets"] or not compute_resources["InstanceRole"]:
        yield "Subnets or InstanceRole"
    if "Fn::GetAtt" not in compute_resources["LaunchTemplate"]["Version"]:  # AWS Batch resolves $Latest only once
        yield "LaunchTemplate"
    if not 1 <= properties["UpdatePolicy"]["JobExecutionTimeoutMinutes"] <= 7200:
        yield "JobExecutionTimeoutMinutes"


def job_definition(properties: Resource) -> Iterator[str]:
    # RegisterJobDefinition, RetryStrategy, EvaluateOnExit, JobTimeout, ResourceRequirement
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", properties["JobDefinitionName"]):
        yield "JobDefinitionName"
    rules = properties["RetryStrategy"]["EvaluateOnExit"]
    if not 1 <= properties["RetryStrategy"]["Attempts"] <= 10 or not 1 <= len(rules) <= 5:
        yield "RetryStrategy"
    for pattern in (pattern for rule in rules for name, pattern in rule.items() if name != "Action"):
        if not re.fullmatch(r"[A-Za-z0-9.: ]{0,511}\*?", pattern):
            yield "EvaluateOnExit"
    if not properties.get("Timeout", {}).get("AttemptDurationSeconds", 60) >= 60:
        yield "Timeout"
    if not 0 <= properties["SchedulingPriority"] <= 9999:
        yield "SchedulingPriority"
    nodes = properties.get("NodeProperties", {"NodeRangeProperties": []})
    containers = [node["Container"] for node in nodes["NodeRangeProperties"]]
    for container in containers or [properties["ContainerProperties"]]:
        needs = {item["Type"]: int(item["Value"]) for item in container["ResourceRequirements"]}
        if not (needs["GPU"] >= 1 and needs["VCPU"] >= 1 and needs["MEMORY"] >= 4):
            yield "ResourceRequirements"
        if not 0 < container["LinuxParameters"]["SharedMemorySize"] <= needs["MEMORY"]:
            yield "SharedMemorySize"
        if any(item["Name"].startswith("AWS_BATCH") for item in container.get("Environment", [])):
            yield "Environment"
    if len(json.dumps(properties)) > 24 * 1024:
        yield "size"
