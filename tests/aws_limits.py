"""AWS's limits for the resources of Fairlane, copied from AWS's documents and from answers of the service.

No limit is imported from the library, so that the tests find a wrong limit in the library. Each rule names its source.
"""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from tests.aws_gpu_limits import compute_environment, container_queue, job_definition

Resource = dict[str, Any]

QUEUE_REASONS = {  # "Jobs stuck in RUNNABLE" in the user guide, for SAGEMAKER_TRAINING
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED",
}


def violations(template: dict[str, Any]) -> list[str]:
    """Return the values of a template that AWS Batch refuses."""
    by_id: dict[str, Resource] = template["Resources"]
    checks = {
        "AWS::Batch::ServiceEnvironment": service_environment,
        "AWS::Batch::SchedulingPolicy": scheduling_policy,
        "AWS::Batch::JobQueue": job_queue,
        "AWS::Batch::QuotaShare": quota_share,
        "AWS::Batch::ComputeEnvironment": compute_environment,
        "AWS::Batch::JobDefinition": job_definition,
    }
    problems = [
        f"{logical_id}: {violation}"
        for logical_id, resource in by_id.items()
        if resource["Type"] in checks
        for violation in checks[resource["Type"]](resource["Properties"])
    ]
    return problems + [f"{logical_id}: {violation}" for logical_id, violation in relations(by_id)]


def service_environment(properties: Resource) -> Iterator[str]:
    # CreateServiceEnvironment; capacity limits: "Service quotas" and the service's answers
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", properties.get("ServiceEnvironmentName", "x")):
        yield "ServiceEnvironmentName"
    if properties["ServiceEnvironmentType"] != "SAGEMAKER_TRAINING":
        yield "ServiceEnvironmentType"
    limits = properties["CapacityLimits"]
    if not 1 <= len(limits) <= 5:
        yield "CapacityLimits: number of limits"
    units = [limit["CapacityUnit"] for limit in limits]
    if len(set(units)) < len(units) or ("NUM_INSTANCES" in units and len(units) > 1):
        yield "CapacityLimits: units"
    for limit in limits:
        if limit["CapacityUnit"] != "NUM_INSTANCES" and not limit["CapacityUnit"].startswith("ml."):
            yield "CapacityUnit"
        if limit["MaxCapacity"] < 1 or limit["MaxCapacity"] != int(limit["MaxCapacity"]):
            yield "MaxCapacity"


def scheduling_policy(properties: Resource) -> Iterator[str]:
    # SchedulingPolicy has one of the two; the rest is FairsharePolicy, ShareAttributes and the service's answers
    if ("FairsharePolicy" in properties) == ("QuotaSharePolicy" in properties):
        yield "FairsharePolicy and QuotaSharePolicy"
    if "QuotaSharePolicy" in properties:
        if properties["QuotaSharePolicy"] != {"IdleResourceAssignmentStrategy": "FIFO"}:
            yield "IdleResourceAssignmentStrategy"
        return
    policy = properties["FairsharePolicy"]
    if not 0 <= policy.get("ShareDecaySeconds", 0) <= 604800:
        yield "ShareDecaySeconds"
    if not 0 <= policy.get("ComputeReservation", 0) <= 99:
        yield "ComputeReservation"
    shares = policy.get("ShareDistribution", [])
    if len(shares) > 500:
        yield "ShareDistribution"
    for share in shares:
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,254}[a-zA-Z0-9_*-]?", share["ShareIdentifier"]):
            yield "ShareIdentifier"
        if not 0.0001 <= share["WeightFactor"] <= 999.9999:
            yield "WeightFactor"
    identifiers = [share["ShareIdentifier"] for share in shares]
    for first, second in combinations(identifiers, 2):
        overlap = (first.endswith("*") and second.startswith(first[:-1])) or (
            second.endswith("*") and first.startswith(second[:-1])
        )
        if first == second or overlap:
            yield f"ShareIdentifier overlap: {first} {second}"


def job_queue(properties: Resource) -> Iterator[str]:
    # CreateJobQueue and JobStateTimeLimitAction, for SAGEMAKER_TRAINING
    if "ServiceEnvironmentOrder" not in properties:
        yield from container_queue(properties)
        return
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", properties["JobQueueName"]):
        yield "JobQueueName"
    if properties["JobQueueType"] != "SAGEMAKER_TRAINING" or "ComputeEnvironmentOrder" in properties:
        yield "JobQueueType"
    if len(properties["ServiceEnvironmentOrder"]) != 1:
        yield "ServiceEnvironmentOrder"
    if not 0 <= properties["Priority"] <= 1000:
        yield "Priority"
    if properties.get("State", "ENABLED") not in {"ENABLED", "DISABLED"}:
        yield "State"
    actions = properties.get("JobStateTimeLimitActions", [])
    for action in actions:
        if action["Action"] != "TERMINATE" or action["State"] != "RUNNABLE" or action["Reason"] not in QUEUE_REASONS:
            yield "JobStateTimeLimitAction"
        if not 600 <= action["MaxTimeSeconds"] <= 86400:
            yield "MaxTimeSeconds"
    if len({action["Reason"] for action in actions}) < len(actions):
        yield "JobStateTimeLimitActions: reasons"


def quota_share(properties: Resource) -> Iterator[str]:
    # CreateQuotaShare; "Quota shares" in the user guide
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", properties["QuotaShareName"]):
        yield "QuotaShareName"
    limits = properties["CapacityLimits"]
    if not 1 <= len(limits) <= 5:
        yield "CapacityLimits"
    if any(limit["MaxCapacity"] < 1 or not limit["CapacityUnit"].startswith("ml.") for limit in limits):
        yield "CapacityLimits"
    sharing = properties["ResourceSharingConfiguration"]
    if sharing["Strategy"] not in {"RESERVE", "LEND", "LEND_AND_BORROW"}:
        yield "Strategy"
    if "BorrowLimit" in sharing and (sharing["Strategy"] != "LEND_AND_BORROW" or sharing["BorrowLimit"] < -1):
        yield "BorrowLimit"
    if properties["PreemptionConfiguration"]["InSharePreemption"] not in {"ENABLED", "DISABLED"}:
        yield "InSharePreemption"


def relations(by_id: dict[str, Resource]) -> Iterator[tuple[str, str]]:
    # "Create quota management resources" and "Service quotas" in the user guide
    shares_by_queue: dict[str, list[Resource]] = {}
    for resource in by_id.values():
        if resource["Type"] == "AWS::Batch::QuotaShare":
            queue = resource["Properties"]["JobQueue"]["Fn::GetAtt"][0]
            shares_by_queue.setdefault(queue, []).append(resource["Properties"])
    queues = {
        key: value["Properties"]
        for key, value in by_id.items()
        if value["Type"] == "AWS::Batch::JobQueue" and "ServiceEnvironmentOrder" in value["Properties"]
    }
    environments = [
        queue["ServiceEnvironmentOrder"][0]["ServiceEnvironment"]["Fn::GetAtt"][0] for queue in queues.values()
    ]
    for key, queue in queues.items():
        environment = queue["ServiceEnvironmentOrder"][0]["ServiceEnvironment"]["Fn::GetAtt"][0]
        limits = {
            limit["CapacityUnit"]: limit["MaxCapacity"] for limit in by_id[environment]["Properties"]["CapacityLimits"]
        }
        policy = by_id[queue["SchedulingPolicyArn"]["Fn::GetAtt"][0]] if "SchedulingPolicyArn" in queue else {}
        quotas = "QuotaSharePolicy" in policy.get("Properties", {})
        shares = shares_by_queue.get(key, [])
        if quotas == ("NUM_INSTANCES" in limits):
            yield key, "policy and capacity units"
        if quotas and environments.count(environment) > 1:
            yield key, "environment with several queues"
        if quotas != (1 <= len(shares) <= 20):
            yield key, "number of quota shares"
        if len({share["QuotaShareName"] for share in shares}) < len(shares):
            yield key, "quota share names"
        for share in shares:
            if any(limit["MaxCapacity"] > limits.get(limit["CapacityUnit"], 0) for limit in share["CapacityLimits"]):
                yield key, "quota above the environment"
