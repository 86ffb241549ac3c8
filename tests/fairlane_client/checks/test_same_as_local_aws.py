"""The check refuses what the local AWS refuses, and says "never" of the jobs that the local AWS blocks."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fairlane_client.checks import Stage, find_mistakes
from fairlane_client.queues.queue import Queue
from fairlane_local.batch.api import BatchApi
from fairlane_local.batch.errors import BatchError
from fairlane_local.batch.jobs.queue_jobs import find_queue
from fairlane_local.testing.local_batch import LocalBatch
from tests.fairlane_client.checks.world import container_job, payload, service_job

TYPES = ["ml.p4d.24xlarge", "ml.p5.48xlarge", "ml.g5.xlarge"]
SERVICE_CHANGES: dict[str, list[Any]] = {
    "jobName": ["a", "a" * 129, "a b"],
    "quotaShareName": ["a", "b", "c", "closed", "nope", None],
    "shareIdentifier": ["a", "team-x", "a/b", "", None],
    "schedulingPriority": [0, 9999, 10_000, -1, None],
    "retryStrategy": [{"attempts": 10}, {"attempts": 11}, {"attempts": 1, "evaluateOnExit": []}, None],
    "timeoutConfig": [{"attemptDurationSeconds": 60}, {"attemptDurationSeconds": 59}, {}, None],
    "preemptionConfiguration": [{"preemptionRetriesBeforeTermination": number} for number in (-1, 0)],
    "tags": [{}, {"a": "x" * 257}, {"": "x"}, {f"{number}": "x" for number in range(51)}, {"a": "b"}],
    "serviceJobType": ["SAGEMAKER_TRAINING", "sagemaker_training", "OTHER"],
    "clientToken": ["", "x" * 65, None],
}
CONTAINER_CHANGES: dict[str, list[Any]] = {
    "jobName": ["a", "a" * 129, "a b"],
    "shareIdentifier": ["a", "unlisted", "a/b", "", None],
    "schedulingPriorityOverride": [0, 9999, 10_000, -1, None],
    "arrayProperties": [{"size": 1}, {"size": 2}, {"size": 10_001}, {}, None],
    "dependsOn": [[{"type": "SEQUENTIAL"}], [{"type": "N_TO_N"}], [{}], [], None],
    "retryStrategy": [
        {"attempts": 0},
        {},
        {"evaluateOnExit": []},
        {"attempts": 1, "evaluateOnExit": [{"action": "RETRY", "onExitCode": "1x"}]},
        None,
    ],
    "timeout": [{"attemptDurationSeconds": 60}, {"attemptDurationSeconds": 59}, {}, None],
    "nodeOverrides": [{"numNodes": 2}, None, None, None],
    "containerOverrides": [
        {"resourceRequirements": [{"type": "VCPU", "value": value}]} for value in ("0", "4", "96", "999", "1.5", "x")
    ]
    + [{"resourceRequirements": [{"type": "MEMORY", "value": "3"}]}, {"environment": [{"name": "A"}]}, None],
    "tags": [{}, {"a": "x" * 257}, {"a": "b"}],
    "consumableResourcePropertiesOverride": [{"consumableResourceList": []}, None, None],
}


def _changed(request: dict[str, Any], changes: dict[str, list[Any]], random: Random) -> dict[str, Any]:
    for name in random.sample(sorted(changes), random.choice([0, 1, 1, 2, 3])):
        request[name] = random.choice(changes[name])
    return {name: value for name, value in request.items() if value is not None}


def _training(random: Random) -> str:
    count, choice = random.choice([1, 2, 3, 5, 7, 9, 11, 0, "2", True, None]), random.choice(TYPES)
    config: dict[str, Any] = {"InstanceType": choice, "InstanceCount": count}
    kind = random.random()
    if kind < 0.1:
        own = {} if random.random() < 0.5 else {"InstanceCount": random.choice([1, 3, 0])}
        preferences = [{"InstanceType": name, **own} for name in random.sample(TYPES, 2)] * random.choice([1, 1, 3])
        config = {"InstancePreferences": preferences, "InstanceCount": count}
    elif kind < 0.2:
        groups = [
            {"InstanceType": name, "InstanceCount": 1, "InstanceGroupName": name} for name in random.choices(TYPES, k=2)
        ]
        config = {"InstanceGroups": groups}
    text = json.dumps(payload(ResourceConfig=config))
    return random.choice([text] * 20 + ["{", "[]", "{}", json.dumps(payload(Environment={"A": "x" * 10_000}))])


def _compare(api: BatchApi, operation: str, request: dict[str, Any], queue: Queue, definition: Any = None) -> str:
    """Submit a request, and return its ID if the local AWS accepts it. Compare the answer with the check."""
    mistakes = find_mistakes(request, queue, job_definition=definition).mistakes
    refused = [mistake for mistake in mistakes if mistake.stage == Stage.SUBMISSION]
    try:
        job = str(api.call(operation, request)["jobId"])
    except BatchError as error:
        assert refused, (error.message, request)
        return ""
    assert not refused, (refused, request)
    return job


@pytest.mark.parametrize("name", ["fifo", "fair", "quota"])
@pytest.mark.parametrize("seed", range(2))
def test_service_jobs(local_batch: LocalBatch, file: Path, all_queues: dict[str, Queue], name: str, seed: int) -> None:
    local_batch.deploy(file)
    random, queue, share = Random(seed), all_queues[name], {"fair": "shareIdentifier", "quota": "quotaShareName"}
    api, record = find_queue(name)
    never: dict[str, bool] = {}
    for _ in range(150):
        request = service_job(jobQueue=record["jobQueueArn"], serviceRequestPayload=_training(random), clientToken=None)
        request["quotaShareName"] = None
        if name in share:
            request[share[name]] = random.choice(["a", "a", "b", "c"] if name == "quota" else ["a", "team-x"])
        request = _changed(request, SERVICE_CHANGES, random)
        if job := _compare(api, "SubmitServiceJob", request, queue):
            mistakes = find_mistakes(request, queue).mistakes
            never[job] = any(mistake.stage == Stage.NEVER for mistake in mistakes)
    local_batch.advance(1)
    reasons = {job: api.call("DescribeServiceJob", {"jobId": job}).get("statusReason") or "" for job in never}
    assert {job: reason.startswith("MISCONFIGURATION") for job, reason in reasons.items()} == never
    assert len(never) > 20
    assert len({*never.values()}) == 2


@pytest.mark.parametrize("name", ["gpu", "gpu-fifo"])
@pytest.mark.parametrize("seed", range(2))
def test_container_jobs(
    local_batch: LocalBatch, file: Path, all_queues: dict[str, Queue], name: str, seed: int
) -> None:
    local_batch.deploy(file)
    random, queue = Random(seed), all_queues[name]
    api, record = find_queue(name)
    definition = _register(api)
    never: dict[str, bool] = {}
    for _ in range(150):
        request = container_job(jobQueue=record["jobQueueArn"], dependsOn=None, arrayProperties=None)
        if name == "gpu-fifo":
            request["shareIdentifier"] = None
        request = _changed(request, CONTAINER_CHANGES, random)
        if (job := _compare(api, "SubmitJob", request, queue, definition)) and "arrayProperties" not in request:
            mistakes = find_mistakes(request, queue, job_definition=definition).mistakes
            never[job] = any(
                "needs" in str(mistake.problem) and "vCPUs and the" in str(mistake.problem) for mistake in mistakes
            )
    local_batch.advance(1)
    jobs = [api.call("DescribeJobs", {"jobs": [job]})["jobs"][0] for job in never]
    blocked = {job["jobId"]: (job.get("statusReason") or "").startswith("MISCONFIGURATION") for job in jobs}
    assert blocked == never
    assert len(never) > 20


def _register(api: BatchApi) -> Any:
    requirements = [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "8192"}]
    container = {"image": "repo/train:1", "resourceRequirements": requirements}
    request = {"jobDefinitionName": "train", "type": "container", "containerProperties": container}
    arn = api.call("RegisterJobDefinition", request)["jobDefinitionArn"]
    return api.call("DescribeJobDefinitions", {"jobDefinitions": [arn]})["jobDefinitions"][0]
