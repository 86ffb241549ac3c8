from typing import Any

import pytest

from tests.fairlane_local.batch.support import PREFIX, container, job_definition, message_of


def nodes(*targets: str, **changes: Any) -> dict[str, Any]:
    ranges = [{"targetNodes": target, "container": container()} for target in targets]
    properties = {"numNodes": 4, "mainNode": 0, "nodeRangeProperties": ranges} | changes
    return {"type": "multinode", "nodeProperties": properties, "containerProperties": None}


def requirements(**values: str) -> dict[str, Any]:
    return container(resourceRequirements=[{"type": kind, "value": value} for kind, value in values.items()])


def task(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"containerProperties": None, "ecsProperties": {"taskProperties": [{"containers": [*containers]}]}}


def member(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, **container(), **changes}


def names(batch: Any, **request: Any) -> list[str]:
    definitions = batch.describe_job_definitions(**request)["jobDefinitions"]
    return [f"{definition['jobDefinitionName']}:{definition['revision']}" for definition in definitions]


def test_the_description_has_the_fields_of_aws(batch: Any) -> None:
    settings: dict[str, Any] = {
        "parameters": {"Model": "small"},
        "schedulingPriority": 7,
        "retryStrategy": {"attempts": 3, "evaluateOnExit": [{"action": "retry", "onStatusReason": "Host EC2*"}]},
        "timeout": {"attemptDurationSeconds": 60},
        "propagateTags": True,
        "consumableResourceProperties": {"consumableResourceList": [{"consumableResource": "licence", "quantity": 1}]},
        "tags": {"team": "search"},
    }
    arn = job_definition(batch, **settings)
    settings["retryStrategy"]["evaluateOnExit"][0]["action"] = "RETRY"
    lists: dict[str, Any] = {name: [] for name in ("environment", "mountPoints", "secrets", "ulimits", "volumes")}
    assert batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"] == [
        {
            "jobDefinitionName": "train",
            "jobDefinitionArn": f"{PREFIX}job-definition/train:1",
            "revision": 1,
            "status": "ACTIVE",
            "type": "container",
            "containerProperties": {**lists, **container()},
            "containerOrchestrationType": "ECS",
            "platformCapabilities": ["EC2"],
            **settings,
        }
    ]


def test_revisions_are_counted_and_filtered(batch: Any) -> None:
    for name in ("train", "train", "other"):
        job_definition(batch, name)
    batch.deregister_job_definition(jobDefinition="train:2")
    assert names(batch, jobDefinitionName="train") == ["train:1", "train:2"]
    assert names(batch, jobDefinitionName="train", status="ACTIVE") == ["train:1"]
    assert names(batch, status="INACTIVE") == ["train:2"]
    assert names(batch, jobDefinitions=["other:1", f"{PREFIX}job-definition/train:2", "none:1"]) == [
        "other:1",
        "train:2",
    ]
    assert job_definition(batch).endswith("train:3")
    assert message_of(batch.deregister_job_definition, jobDefinition="train:9") == "train:9 does not exist"


def test_definitions_come_in_pages_of_a_hundred(batch: Any) -> None:
    for _ in range(101):
        job_definition(batch)
    pages = list(batch.get_paginator("describe_job_definitions").paginate())
    assert [len(page["jobDefinitions"]) for page in pages] == [100, 1]
    refused = message_of(batch.describe_job_definitions, jobDefinitions=["train:1"] * 101)
    assert refused == "Maximum number of job definitions supported is 100"
    refused = message_of(batch.describe_job_definitions, jobDefinitions=["train:1"], maxResults=1)
    assert refused == "JobDefinitions and MaxResults cannot both be set"


def test_multi_node_jobs_have_open_and_single_ranges(batch: Any) -> None:
    for number, targets in enumerate([("0:",), ("0", "1:3"), (":1", "2", "3")], 1):
        request = nodes(*targets)
        del request["containerProperties"]
        arn = batch.register_job_definition(jobDefinitionName="pretrain", **request)["jobDefinitionArn"]
        assert arn.endswith(f":{number}")


def test_jobs_with_several_containers_are_registered(batch: Any) -> None:
    dependency = [{"containerName": "setup", "condition": "SUCCESS"}]
    request = task(member("setup", essential=False), member("main", dependsOn=dependency))
    del request["containerProperties"]
    batch.register_job_definition(jobDefinitionName="several", type="container", **request)
    (definition,) = batch.describe_job_definitions()["jobDefinitions"]
    assert definition["ecsProperties"] == request["ecsProperties"]


ECS = task(member("a"))["ecsProperties"]
RULE = {"action": "RETRY", "onReason": "*"}


def retry(**strategy: Any) -> dict[str, Any]:
    return {"retryStrategy": strategy}


def consumables(*arns: str) -> dict[str, Any]:
    resources = [{"consumableResource": arn, "quantity": 1} for arn in arns]
    return {"consumableResourceProperties": {"consumableResourceList": resources}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jobDefinitionName": "x y"}, "Job Definition name should match a valid pattern."),
        ({"parameters": {"a": "x" * 24 * 1024}}, "Job definition size exceeds 24 KiB."),
        ({"schedulingPriority": 10000}, "Scheduling priority must be between 0 and 9999."),
        ({"schedulingPriority": -1}, "Scheduling priority must be between 0 and 9999."),
        ({"timeout": {"attemptDurationSeconds": 59}}, "Timeout should be at least 60 seconds."),
        ({"platformCapabilities": ["EC2", "FARGATE"]}, "Exactly 1 capability must be provided."),
        ({"platformCapabilities": ["GPU"]}, "Capability GPU is not valid. Valid capabilities: [FARGATE, EC2, MANAGED_INSTANCES]"),
        (retry(), "RetryAttempts must be provided with retry strategy."),
        (retry(attempts=11), "RetryAttempts must be between 1 and 10."),
        (retry(attempts=0), "RetryAttempts must be between 1 and 10."),
        (retry(attempts=1, evaluateOnExit=[RULE] * 6), "EvaluateOnExit can contain at most 5 conditions."),
        (retry(attempts=1, evaluateOnExit=[{"action": "EXIT"}]), "EvaluateOnExit should contain at least one of onExitCode, onReason or onStatusReason"),
        (retry(attempts=1, evaluateOnExit=[RULE | {"onReason": "x" * 513}]), "Evaluate on exit condition cannot exceed 512 characters."),
        (retry(attempts=1, evaluateOnExit=[RULE | {"onReason": "a*b"}]), "Evaluate on exit condition contains restricted characters."),
        (retry(attempts=1, evaluateOnExit=[RULE | {"onExitCode": "x"}]), "Evaluate on exit condition contains restricted characters."),
        (consumables(*map(str, range(6))), "Each ConsumableResourceProperty can have at most 5 consumableResources"),
        (consumables("a", "a"), "Cannot have duplicate consumableResource in consumableResourceProperties"),
        ({"containerProperties": None}, "ECS Container Image must be provided."),
        ({"containerProperties": container(image=None)}, "ECS Container Image must be provided."),
        ({"ecsProperties": ECS}, "Cannot use both ECS containerProperties and ecsProperties"),
        ({"eksProperties": {}}, "Cannot use both ECS containerProperties and eksProperties"),
        ({"nodeProperties": nodes("0:")["nodeProperties"]}, "nodeProperties is only valid for multinode job definitions."),
        ({"containerProperties": requirements(MEMORY="4")}, "vCPU is required."),
        ({"containerProperties": requirements(MEMORY="4", VCPU="0")}, "vCPU must be at least 1, got 0."),
        ({"containerProperties": requirements(MEMORY="4", VCPU="1.0")}, "Value 1.0 for type VCPU in resourceRequirement is not valid. Please provide a numeric value."),
        ({"containerProperties": requirements(MEMORY="4", VCPU="1", GPU="0.5")}, "Value 0.5 for type GPU in resourceRequirement is not valid. Please provide a numeric value."),
        ({"containerProperties": requirements(VCPU="1")}, "Memory is required."),
        ({"containerProperties": requirements(VCPU="1", MEMORY="3")}, "Memory must be at least 4 Mib, got 3 Mib."),
        ({"containerProperties": container(resourceRequirements=[{"type": "GPU", "value": "1"}] * 2)}, "Cannot provide duplicates in resourceRequirements."),
        ({"containerProperties": container(linuxParameters={"maxSwap": 1})}, "When container specified swap memory, swappiness value is required."),
        ({"containerProperties": container(linuxParameters={"tmpfs": [{"containerPath": "/t", "size": 0}]})}, "Size of a tmpfs is invalid. The size is required and must be a positive integer."),
        ({"containerProperties": container(networkConfiguration={})}, "networkConfiguration not applicable for EC2."),
        ({"containerProperties": container(secrets=[{"name": "n", "valueFrom": "s"}])}, "executionRoleArn cannot be empty when using secrets or secretOptions"),
        ({"platformCapabilities": ["FARGATE"]}, "executionRoleArn is required for Fargate jobs."),
        ({"platformCapabilities": ["FARGATE"], "containerProperties": container(executionRoleArn="r")}, "GPU is not applicable for Fargate."),
        ({"platformCapabilities": ["FARGATE"], "containerProperties": container(vcpus=1)}, "vcpus is not applicable for Fargate. Use resource requirements instead."),
        ({"platformCapabilities": ["MANAGED_INSTANCES"]}, "Cannot use ECS containerProperties for MANAGED_INSTANCES"),
        ({"type": "multinode"}, "Node properties of multinode job is required."),
        (nodes("0:") | {"platformCapabilities": ["FARGATE"]}, "Fargate does not support MNP jobs"),
        (nodes("0:") | {"platformCapabilities": ["MANAGED_INSTANCES"]}, "MANAGED_INSTANCES does not support MNP jobs"),
        (nodes("0:", numNodes=1001), "Number of nodes must be between 1 and 1000."),
        (nodes("0:", mainNode=4), "Main node index is out of range, must be less than numNodes."),
        (nodes(*["0:"] * 6), "Maximum allowed size of node range properties is 5"),
        (nodes("a:b"), "targetNodes should contain only digits."),
        (nodes("0:4"), "targetNodes 0:4 is out of range, must be less than numNodes."),
        (nodes("0:2"), "The node ranges must cover all 4 nodes of the job."),
        (nodes("0:", nodeRangeProperties=[{"targetNodes": "0:"}]), "Must specify container for node range 0:"),
        (nodes("0:", nodeRangeProperties=[{"targetNodes": "0:", "container": container(), "ecsProperties": ECS}]), "NodeRangeProperties can not use both ecsProperties and container fields"),
        (nodes("0:", nodeRangeProperties=[{"targetNodes": "0:", "container": container(), "instanceTypes": ["p5"]}]), "Using instanceTypes with nodeRangeProperty is only allowed for ecsProperties jobs."),
        (task(*[member(str(number)) for number in range(11)]), "Number of containers must be between 1 and 10"),
        (task(member("a"), member("a")), "Container names must be unique"),
        (task(member("a", essential=False)), "At least one container must be set as essential"),
        (task(member("a", dependsOn=[{"containerName": "a", "condition": "START"}])), "Container dependency can not be used in a single-container job."),
        (task(member("a", dependsOn=[{"containerName": "c", "condition": "START"}]), member("b")), "containerName c must reference a defined container."),
        (task(member("a", dependsOn=[{"containerName": "b", "condition": "X"}]), member("b")), "TaskContainer dependency X is not valid. Valid values are: [START, COMPLETE, SUCCESS]"),
        (task(member("a", dependsOn=[{"containerName": "b", "condition": "SUCCESS"}]), member("b")), "The container target of a dependency can not have condition SUCCESS if the target is essential"),
    ],
)  # fmt: skip
def test_invalid_definitions_are_refused(batch: Any, changes: dict[str, Any], message: str) -> None:
    request = {"jobDefinitionName": "train", "type": "container", "containerProperties": container(), **changes}
    present = {name: value for name, value in request.items() if value is not None}
    assert message_of(batch.register_job_definition, **present) == message
    assert batch.describe_job_definitions()["jobDefinitions"] == []
