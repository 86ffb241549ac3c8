"""Generated events of AWS Batch, as EventBridge sends them and as the rule of a queue transforms them.

All events are of jobs that have ended. Their size is close to the size of AWS's own events: with an image, a command,
an environment and attempts. Shares, waits, runs, retries and failures have the distributions of a healthy queue: most
jobs succeed at the first attempt.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

Fields = dict[str, Any]

SHARES = ("production", "vision*", "language*")
COMPUTE = {"single": 52, "array child": 20, "multi-container": 12, "multi-node": 3, "node": 13}
SERVICE = {"service": 1}

_ARN = "arn:aws:batch:us-east-1:111122223333:"
_ECS = "arn:aws:ecs:us-east-1:111122223333:"
_TRAINING = "arn:aws:sagemaker:us-east-1:111122223333:training-job/AWSBatch"
_IDENTIFIERS = {"production": 10, "vision-detect": 6, "vision-track": 3, "language-base": 8, "language-tune": 4}
_FAILED = 0.12
_RETRIED = 0.1
_EXITED = "Essential container in task exited"
_RECLAIMED = "Host EC2 (instance i-0a1b2c3d4e5f60718) terminated."
_FAILURES: dict[str, Sequence[tuple[str, str, int | None]]] = {
    # statusReason, reason and exit code of the container
    "job": (
        (_EXITED, "", 1),
        (_EXITED, "", 1),
        (_EXITED, "OutOfMemoryError: Container killed due to memory usage", 137),
        (_RECLAIMED, "", None),
        ("Task failed to start", "CannotPullContainerError: failed to resolve ref", None),
        ("Job attempt duration exceeded timeout", "", 137),
        ("wrong data set", "", 137),  # by request
    ),
    "service-job": (
        ("Received status from SageMaker: AlgorithmError: ExecuteUserScriptError: ExitCode 1", "", None),
        ("Received status from SageMaker: CapacityError: Unable to provision requested ML compute capacity", "", None),
        ("Received status from SageMaker: InternalServerError: We encountered an internal error", "", None),
        ("Service job attempt duration exceeded timeout", "", None),
        ("wrong data set", "", None),  # by request
    ),
}
_PATHS = {
    "type": "detail-type",
    "time": "time",
    "id": "detail.jobId",
    "status": "detail.status",
    "reason": "detail.statusReason",
    "share": "detail.shareIdentifier",
    "quota": "detail.quotaShareName",
    "created": "detail.createdAt",
    "scheduled": "detail.scheduledAt",
    "started": "detail.startedAt",
    "stopped": "detail.stoppedAt",
    "attempts": "detail.attempts",
    "cancelled": "detail.isCancelled",
    "terminated": "detail.isTerminated",
    "array": "detail.arrayProperties",
    "node": "detail.nodeDetails",
    "nodes": "detail.nodeProperties.numNodes",
    "exit": "detail.container.exitCode",
    "why": "detail.container.reason",
    "needs": "detail.container.resourceRequirements",
    **{f"needs{n}": f"detail.ecsProperties.taskProperties.0.containers.{n}.resourceRequirements" for n in range(10)},
    "usage": "detail.capacityUsage",
}


def whole_events(count: int, seed: int, minute: int, queues: Sequence[str], kinds: dict[str, int]) -> list[Fields]:
    """Return events of one minute.

    Args:
        count: Number of events.
        seed: Seed of the random numbers.
        minute: Start of the minute, in milliseconds since 1970.
        queues: Names of the queues, used in turn.
        kinds: Weight of each kind of job.
    """
    random = Random(seed)
    choices = random.choices([*kinds], [*kinds.values()], k=count)
    return [_event(random, kind, queues[n % len(queues)], minute) for n, kind in enumerate(choices)]


def transformed(event: Fields) -> Fields:
    """Return the body that the rule's input transformer makes of a whole event."""
    queue = event["detail"]["jobQueue"].rpartition("/")[2]
    return {name: _value(event, path) for name, path in _PATHS.items()} | {"queue": queue, "shares": [*SHARES]}


def _value(event: Any, path: str) -> Any:
    """Return the value at a path, or "" if the path does not exist, as the input transformer does."""
    for part in path.split("."):
        if isinstance(event, list):
            event = event[int(part)] if int(part) < len(event) else ""
        else:
            event = event.get(part, "") if isinstance(event, dict) else ""
    return event


def _event(random: Random, kind: str, queue: str, minute: int) -> Fields:
    family = "service-job" if kind == "service" else "job"
    status_reason, reason, code = random.choice(_FAILURES[family]) if random.random() < _FAILED else (_EXITED, "", 0)
    succeeded = code == 0
    if succeeded and kind == "service":
        status_reason = "Received status from SageMaker: Training job completed"
    runs = 2 if random.random() < _RETRIED else 1
    sent = minute + random.randrange(60) * 1000
    job = _name(random, "0123456789abcdef", 32)
    suffix = {"array child": f":{random.randrange(500)}", "node": f"#{random.randrange(4)}"}.get(kind, "")
    stopped = sent - random.randrange(100, 1000)
    attempts: list[Fields] = []
    start = stopped
    for n in range(runs):
        outcome = (status_reason, reason, code) if n == 0 else (_RECLAIMED, "", None)
        start = stopped - int(random.lognormvariate(13.7, 1.2))
        attempts.insert(0, {**_attempt(random, kind, *outcome), "startedAt": start, "stoppedAt": stopped})
        stopped = start - int(random.lognormvariate(12.6, 1.5))
    detail = {
        "jobArn": f"{_ARN}{family}/{job}{suffix}",
        "jobName": f"train-{_name(random, 'abcdefghijklmnop', 12)}",
        "jobId": f"{job}{suffix}",
        "jobQueue": f"{_ARN}job-queue/{queue}",
        "status": "SUCCEEDED" if succeeded else "FAILED",
        "statusReason": status_reason,
        "shareIdentifier": random.choices([*_IDENTIFIERS], [*_IDENTIFIERS.values()])[0],
        "schedulingPriority": random.randrange(10),
        "attempts": attempts,
        "createdAt": stopped,
        "startedAt": attempts[-1]["startedAt"],
        "stoppedAt": attempts[-1]["stoppedAt"],
        "retryStrategy": {"attempts": 3, "evaluateOnExit": [{"onStatusReason": "Host EC2*", "action": "RETRY"}]},
        "isTerminated": status_reason == "wrong data set",
        **_rest(random, kind, start, reason, code),
    }
    return {
        "version": "0",
        "id": _name(random, "0123456789abcdef", 36),
        "detail-type": "Batch Service Job State Change" if kind == "service" else "Batch Job State Change",
        "source": "aws.batch",
        "account": "111122223333",
        "time": datetime.fromtimestamp(sent / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [detail["jobArn"]],
        "detail": detail,
    }


def _attempt(random: Random, kind: str, status_reason: str, reason: str, code: int | None) -> Fields:
    name = _name(random, "0123456789abcdef", 32)
    if kind == "service":
        return {
            "serviceResourceId": {"name": "TrainingJobArn", "value": _TRAINING + name},
            "statusReason": status_reason,
        }
    outcome = ({} if code is None else {"exitCode": code}) | ({"reason": reason} if reason else {})
    ended: Fields = {"logStreamName": f"train/default/{name}", "networkInterfaces": [], **outcome}
    task = {"containerInstanceArn": f"{_ECS}container-instance/gpu/{name}", "taskArn": f"{_ECS}task/gpu/{name[::-1]}"}
    if kind == "multi-container":
        sidecar = {"name": "metrics", "exitCode": 0, "networkInterfaces": []}
        containers = [{"name": "main", **ended}, sidecar]
        return {"taskProperties": [{**task, "containers": containers}], "statusReason": status_reason}
    return {"container": {**task, **ended}, "statusReason": status_reason}


def _rest(random: Random, kind: str, started: int, reason: str, code: int | None) -> Fields:
    """Return the fields that depend on the kind of job."""
    if kind == "service":
        resource = {"serviceResourceId": {"name": "TrainingJobArn", "value": _TRAINING + _name(random, "0123", 32)}}
        usage = [{"capacityUnit": "ml.p4d.24xlarge", "quantity": random.choice((1.0, 2.0, 4.0))}]
        return {
            "serviceJobType": "SAGEMAKER_TRAINING",
            "scheduledAt": started - random.randrange(60_000, 300_000),
            "latestAttempt": resource,
            "capacityUsage": usage,
            "timeoutConfig": {"attemptDurationSeconds": 172_800},
        }
    rest: Fields = {
        "jobDefinition": f"{_ARN}job-definition/train:{random.randrange(1, 60)}",
        "dependsOn": [],
        "parameters": {},
        "timeout": {"attemptDurationSeconds": 172_800},
        "tags": {"resourceArn": f"{_ARN}job/{_name(random, '0123456789abcdef', 32)}", "project": "detection"},
        "propagateTags": True,
        "platformCapabilities": ["EC2"],
        "isCancelled": False,
    }
    if kind == "array child":
        rest["arrayProperties"] = {"statusSummary": {}, "index": random.randrange(500)}
    if kind == "multi-node":
        nodes = {"targetNodes": "0:3", "container": _container(random, "", None)}
        return rest | {"nodeProperties": {"numNodes": 4, "mainNode": 0, "nodeRangeProperties": [nodes]}}
    if kind == "node":
        rest["nodeDetails"] = {"nodeIndex": 0, "isMainNode": True}
    if kind == "multi-container":
        main = {"name": "main", **_container(random, reason, code)}
        needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
        sidecar = {"name": "metrics", "essential": False, "image": "metrics:1", "resourceRequirements": needs}
        return rest | {"ecsProperties": {"taskProperties": [{"containers": [main, sidecar]}]}}
    return rest | {"container": _container(random, reason, code)}


def _container(random: Random, reason: str, code: int | None) -> Fields:
    gpus = random.choice(("1", "4", "8"))
    name = _name(random, "0123456789abcdef", 32)
    data = {"name": "data", "host": {"sourcePath": "/mnt/nvme"}}
    environment = [{"name": f"SETTING_{n}", "value": _name(random, "abcdefghijklmnop", 16)} for n in range(5)]
    return {
        "image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/training/detection:2026.11",
        "command": ["python", "-m", "detection.train", "--config", "configs/large.yaml", "--epochs", "90"],
        "jobRoleArn": "arn:aws:iam::111122223333:role/training-job",
        "executionRoleArn": "arn:aws:iam::111122223333:role/training-execution",
        "volumes": [data],
        "environment": environment,
        "mountPoints": [{"containerPath": "/data", "readOnly": True, "sourceVolume": "data"}],
        "ulimits": [{"name": "memlock", "softLimit": -1, "hardLimit": -1}],
        "containerInstanceArn": f"{_ECS}container-instance/gpu/{name}",
        "taskArn": f"{_ECS}task/gpu/{name[::-1]}",
        "logStreamName": f"train/default/{name}",
        "networkInterfaces": [],
        "resourceRequirements": [
            {"type": "VCPU", "value": "8"},
            {"type": "MEMORY", "value": "60000"},
            {"type": "GPU", "value": gpus},
        ],
        "linuxParameters": {"devices": [], "sharedMemorySize": 16384, "tmpfs": []},
        "secrets": [],
        **({} if code is None else {"exitCode": code}),
        **({"reason": reason} if reason else {}),
    }


def _name(random: Random, letters: str, length: int) -> str:
    return "".join(random.choices(letters, k=length))
