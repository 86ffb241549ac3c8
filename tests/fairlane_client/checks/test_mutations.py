"""Each mistake of a submission is found, and its field is named."""

import json
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import botocore.session
import pytest

from fairlane.errors import ConfigurationError, dotted
from fairlane_client.checks import Stage, check, find_mistakes
from fairlane_client.checks.definitions import definition_of_environment
from fairlane_client.queues.queue import Queue
from tests.fairlane_client.checks.mutations import mutations
from tests.fairlane_client.checks.world import PLAN, container_job, payload, queues, service_job, write_file

Queues = dict[str, Queue]
SHARES = [f"key-{number}" for number in range(60)]


def shape(service: str, operation: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape


def test_valid_submissions_have_no_mistakes(all_queues: Queues) -> None:
    for submission, name in ((service_job(), "quota"), (container_job(), "gpu"), (payload(), "quota")):
        share = "a" if submission == payload() else ""
        assert check(submission, all_queues[name], share=share) == ()


def test_each_generated_mutation_names_its_field(all_queues: Queues, file: Path) -> None:
    definition = _definition(file, "train")
    unnamed: list[Any] = []
    count = 0
    for request, operation, queue in (
        (service_job(), "SubmitServiceJob", "quota"),
        (container_job(), "SubmitJob", "gpu"),
    ):
        for path, changed in mutations(request, shape("batch", operation)):
            if path == () or (path == ("serviceRequestPayload",) and isinstance(changed.get(path[0]), str)):
                continue
            if path in (("jobDefinition",), ("serviceRequestPayload",), ("serviceJobType",)) and path[0] not in changed:
                continue  # another kind of submission
            count += 1
            fields = [
                mistake.problem.field
                for mistake in find_mistakes(changed, all_queues[queue], job_definition=definition).mistakes
            ]
            unnamed += [] if path in fields else [(path, changed, fields)]
    for path, changed in mutations(payload(), shape("sagemaker", "CreateTrainingJob")):
        if path in ((), ("TrainingJobName",)):
            continue
        count += 1
        found = find_mistakes(changed, all_queues["quota"], share="a").mistakes
        unnamed += [] if path in [mistake.problem.field for mistake in found] else [(path, found)]
    assert unnamed == []
    assert count >= 200


RESOURCES = "serviceRequestPayload.ResourceConfig"
GROUPS = [{"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2, "InstanceGroupName": "a"}]
PREFERENCES = [{"InstanceType": "ml.p4d.24xlarge"}, {"InstanceType": "ml.p5.48xlarge"}]
SERVICE: list[tuple[dict[str, Any], str, Stage, str]] = [
    ({"jobName": "a b"}, "jobName", Stage.SUBMISSION, "1 to 128 characters"),
    ({"jobName": "a" * 129}, "jobName", Stage.SUBMISSION, "1 to 128 characters"),
    ({"jobQueue": "other"}, "jobQueue", Stage.SUBMISSION, "quota, the queue of the check"),
    ({"schedulingPriority": 10_000}, "schedulingPriority", Stage.SUBMISSION, "0 to 9999"),
    ({"schedulingPriority": -1}, "schedulingPriority", Stage.SUBMISSION, "0 to 9999"),
    ({"quotaShareName": "nope"}, "quotaShareName", Stage.SUBMISSION, "a quota share of the queue: a, b, c, closed"),
    ({"quotaShareName": "closed"}, "quotaShareName", Stage.SUBMISSION, "is disabled and takes no jobs"),
    ({"quotaShareName": ""}, "quotaShareName", Stage.SUBMISSION, "a, b, c, closed"),
    ({"shareIdentifier": "a"}, "shareIdentifier", Stage.SUBMISSION, "use quotaShareName instead"),
    ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts", Stage.SUBMISSION, "1 to 10"),
    ({"retryStrategy": {"attempts": 0}}, "retryStrategy.attempts", Stage.SUBMISSION, "1 to 10"),
    (
        {"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT", "onStatusReason": "x"}] * 6}},
        "retryStrategy.evaluateOnExit",
        Stage.SUBMISSION,
        "use at most 5",
    ),
    (
        {"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}]}},
        "retryStrategy.evaluateOnExit[0].onStatusReason",
        Stage.SUBMISSION,
        "missing",
    ),
    ({"timeoutConfig": {"attemptDurationSeconds": 59}}, "timeoutConfig.attemptDurationSeconds", Stage.SUBMISSION, "60"),
    (
        {"preemptionConfiguration": {"preemptionRetriesBeforeTermination": -1}},
        "preemptionConfiguration.preemptionRetriesBeforeTermination",
        Stage.SUBMISSION,
        "0 or more",
    ),
    ({"tags": dict.fromkeys(SHARES, "x")}, "tags", Stage.SUBMISSION, "1 to 50"),
    ({"tags": {"a": "x" * 257}}, "tags.a", Stage.SUBMISSION, "256"),
    ({"serviceRequestPayload": "{"}, "serviceRequestPayload", Stage.SUBMISSION, "no valid JSON"),
    ({"serviceRequestPayload": "[]"}, RESOURCES, Stage.SUBMISSION, "missing"),
    ({"training": {"Environment": {"A": "x" * 12_000}}}, "serviceRequestPayload", Stage.SUBMISSION, "10 KiB"),
    (
        {
            "training": {"Environment": {"A": "x" * 8_000}},
            "tags": {f"{number:0128}": "x" * 256 for number in range(50)},
            "retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onStatusReason": "x" * 512}] * 5},
        },
        "",
        Stage.SUBMISSION,
        "30 KiB",
    ),
    ({"training": {"ResourceConfig": {}}}, f"{RESOURCES}.InstanceCount", Stage.SUBMISSION, "1 or more"),
    ({"training": {"ResourceConfig": {"InstanceCount": 2}}}, f"{RESOURCES}.InstanceType", Stage.TRAINING, "missing"),
    (
        {"training": {"ResourceConfig": {"InstancePreferences": PREFERENCES * 3, "InstanceCount": 1}}},
        f"{RESOURCES}.InstancePreferences",
        Stage.SUBMISSION,
        "use 1 to 5",
    ),
    (
        {"training": {"ResourceConfig": {"InstancePreferences": PREFERENCES * 2, "InstanceCount": 1}}},
        f"{RESOURCES}.InstancePreferences[0].InstanceType",
        Stage.TRAINING,
        "listed twice",
    ),
    (
        {"training": {"ResourceConfig": {"InstancePreferences": PREFERENCES, "InstanceType": "ml.p4d.24xlarge"}}},
        f"{RESOURCES}.InstancePreferences[0].InstanceCount",
        Stage.SUBMISSION,
        "1 or more",
    ),
    (
        {
            "training": {
                "ResourceConfig": {
                    "InstancePreferences": [PREFERENCES[0] | {"InstanceCount": 1}, PREFERENCES[1]],
                    "InstanceCount": 2,
                }
            }
        },
        f"{RESOURCES}.InstanceCount",
        Stage.TRAINING,
        "one count for the job",
    ),
    (
        {
            "training": {
                "ResourceConfig": {
                    "InstancePreferences": [PREFERENCES[0] | {"TrainingPlanArns": [PLAN]}, PREFERENCES[1]],
                    "InstanceCount": 2,
                    "TrainingPlanArn": PLAN,
                }
            }
        },
        f"{RESOURCES}.TrainingPlanArn",
        Stage.TRAINING,
        "excludes TrainingPlanArns",
    ),
    (
        {
            "training": {
                "ResourceConfig": {"InstancePreferences": PREFERENCES, "InstanceCount": 1},
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
            }
        },
        f"{RESOURCES}.InstancePreferences",
        Stage.TRAINING,
        "excludes EnableManagedSpotTraining",
    ),
    (
        {"training": {"EnableManagedSpotTraining": True}},
        "serviceRequestPayload.StoppingCondition.MaxWaitTimeInSeconds",
        Stage.TRAINING,
        "3,600 or more",
    ),
    (
        {"training": {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}}},
        "serviceRequestPayload.StoppingCondition.MaxWaitTimeInSeconds",
        Stage.TRAINING,
        "only for managed Spot training: leave it out, or set EnableManagedSpotTraining (unverified",
    ),
    (
        {"training": {"ResourceConfig": {"InstanceCount": 2, "InstanceGroups": GROUPS}}},
        f"{RESOURCES}.InstanceCount",
        Stage.TRAINING,
        "each of InstanceGroups has its own InstanceCount: leave it out (unverified",
    ),
    (
        {"training": {"ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}}},
        f"{RESOURCES}.InstanceType",
        Stage.NEVER,
        "the queue counts: ml.p4d.24xlarge, ml.p5.48xlarge; otherwise the job waits forever",
    ),
    (
        {"training": {"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 7}}},
        f"{RESOURCES}.InstanceCount",
        Stage.NEVER,
        "at most 6 ml.p4d.24xlarge, which a owns and borrows at most (4 of its own); otherwise AWS Batch terminates "
        "the job 3,600 seconds after it reaches the head of the queue",
    ),
    (
        {
            "quotaShareName": "c",
            "training": {"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 3}},
        },
        f"{RESOURCES}.InstanceCount",
        Stage.NEVER,
        "at most 2 ml.p4d.24xlarge, which c owns",
    ),
    (
        {
            "quotaShareName": "c",
            "training": {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1}},
        },
        f"{RESOURCES}.InstanceType",
        Stage.NEVER,
        "an instance type of the quota share c: ml.p4d.24xlarge",
    ),
    (
        {
            "quotaShareName": "nope",
            "training": {"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 11}},
        },
        f"{RESOURCES}.InstanceCount",
        Stage.NEVER,
        "at most 10, the capacity of the queue",
    ),
    (
        {"training": {"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 11}}},
        f"{RESOURCES}.InstanceCount",
        Stage.NEVER,
        "at most 10, the capacity of the queue",
    ),
]
CONTAINER: list[tuple[dict[str, Any], str, Stage, str]] = [
    ({"jobName": "a b"}, "jobName", Stage.SUBMISSION, "1 to 128"),
    ({"shareIdentifier": "a/b"}, "shareIdentifier", Stage.SUBMISSION, "1 to 255 characters"),
    ({"shareIdentifier": ""}, "shareIdentifier", Stage.SUBMISSION, "a, b"),
    ({"schedulingPriorityOverride": 10_000}, "schedulingPriorityOverride", Stage.SUBMISSION, "0 to 9999"),
    ({"arrayProperties": {"size": 1}}, "arrayProperties.size", Stage.SUBMISSION, "2 to 10,000"),
    ({"arrayProperties": {"size": 10_001}}, "arrayProperties.size", Stage.SUBMISSION, "2 to 10,000"),
    ({"dependsOn": [{"jobId": "x"}] * 21}, "dependsOn", Stage.SUBMISSION, "at most 20"),
    ({"dependsOn": [{"type": "N_TO_N"}]}, "dependsOn[0].jobId", Stage.SUBMISSION, "missing"),
    ({"retryStrategy": {"evaluateOnExit": []}}, "retryStrategy.attempts", Stage.SUBMISSION, "missing"),
    (
        {"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}]}},
        "retryStrategy.evaluateOnExit[0].onReason",
        Stage.SUBMISSION,
        "one or more of",
    ),
    (
        {"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT", "onExitCode": "x"}]}},
        "retryStrategy.evaluateOnExit[0].onExitCode",
        Stage.SUBMISSION,
        "digits",
    ),
    ({"timeout": {"attemptDurationSeconds": 1}}, "timeout.attemptDurationSeconds", Stage.SUBMISSION, "60 or more"),
    ({"nodeOverrides": {"numNodes": 2}}, "nodeOverrides", Stage.SUBMISSION, "use containerOverrides"),
    (
        {"containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "0"}]}},
        "containerOverrides.resourceRequirements.VCPU",
        Stage.SUBMISSION,
        "1 or more",
    ),
    (
        {"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "lots"}]}},
        "containerOverrides.resourceRequirements.MEMORY",
        Stage.SUBMISSION,
        "a whole number",
    ),
    (
        {"containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "64"}]}},
        "jobDefinition",
        Stage.NEVER,
        "otherwise the job waits forever",
    ),
    (
        {"containerOverrides": {"resourceRequirements": [{"type": "GPU", "value": "8"}]}},
        "jobDefinition",
        Stage.NEVER,
        "4 of 8 GPUs",
    ),
    (
        {"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "900000"}]}},
        "jobDefinition",
        Stage.NEVER,
        "of 900000 MiB",
    ),
]


def _definition(file: Path, name: str) -> Any:
    queue = "gpu-nodes" if name == "spread" else "gpu"
    return definition_of_environment(file, queue, name)


@pytest.mark.parametrize(
    ("make", "change", "field", "stage", "text"),
    [(service_job, *case) for case in SERVICE] + [(container_job, *case) for case in CONTAINER],
)
def test_a_mistake_names_its_field_and_what_to_change(
    file: Path, all_queues: Queues, make: Any, change: dict[str, Any], field: str, stage: Stage, text: str
) -> None:
    is_service = make is service_job
    queue = all_queues["quota" if is_service else "gpu"]
    definition = None if is_service else _definition(file, "train")
    found = find_mistakes(make(**deepcopy(change)), queue, job_definition=definition).mistakes
    matches = [each for each in found if dotted(each.problem.field) == field]
    assert matches, found
    assert any(each.stage == stage and text in str(each.problem) for each in matches), matches


def test_all_mistakes_are_in_one_error(all_queues: Queues) -> None:
    training = payload(RoleArn="role", ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1})
    request = service_job(jobName="a b", schedulingPriority=-1, serviceRequestPayload=json.dumps(training))
    with pytest.raises(ConfigurationError) as raised:
        check(request, all_queues["quota"], name="job.json")
    fields = [dotted(problem.field) for problem in raised.value.problems]
    assert raised.value.subject == "job.json"
    assert fields == [
        "jobName",
        "schedulingPriority",
        "serviceRequestPayload.RoleArn",
        "serviceRequestPayload.ResourceConfig.InstanceType",
    ]


@pytest.mark.parametrize(
    ("change", "queue", "warning"),
    [
        ({"ResourceConfig": {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 5}}, "quota", "above-quota"),
        ({"CheckpointConfig": None}, "quota", "no-checkpoint"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 9000}}, "quota", "short-timeout"),
        ({"ResourceConfig": {"InstanceType": "ml.p9.large", "InstanceCount": 1}}, "fifo", "unknown-instance-type"),
        ({}, "fifo", "unused-priority"),
        ({}, "fair", "unlisted-share"),
        (
            {
                "ResourceConfig": {
                    "InstancePreferences": [*PREFERENCES, {"InstanceType": "ml.g5.xlarge"}],
                    "InstanceCount": 1,
                }
            },
            "quota",
            "preference-does-not-fit",
        ),
    ],
)
def test_what_is_legal_and_unwise_is_a_warning(
    all_queues: Queues, change: dict[str, Any], queue: str, warning: str
) -> None:
    training = {name: value for name, value in payload(**change).items() if value is not None}
    request = service_job(jobQueue=queue, serviceRequestPayload=json.dumps(training))
    request.pop("quotaShareName" if queue != "quota" else "none", None)
    request.pop("schedulingPriority" if warning == "unknown-instance-type" else "none", None)
    share = {"quota": "a", "fair": "z"}.get(queue, "")
    assert [each.id for each in check(request, all_queues[queue], share=share)] == [warning]


def test_a_share_that_neither_borrows_nor_preempts_needs_no_checkpoint(all_queues: Queues) -> None:
    training = {name: value for name, value in payload().items() if name != "CheckpointConfig"}
    assert check(training, all_queues["quota"], share="c") == ()
    assert [each.id for each in check(training, all_queues["quota"], share="b")] == ["no-checkpoint"]


def test_a_submission_for_the_other_kind_of_queue_names_the_operation(all_queues: Queues) -> None:
    for request, name, operation in ((service_job(), "gpu", "SubmitJob"), (container_job(), "quota", "SubmitService")):
        (mistake,) = find_mistakes({**request, "jobQueue": name}, all_queues[name]).mistakes
        assert mistake.problem.field == ("jobQueue",)
        assert operation in str(mistake.problem)


def test_secrets_of_the_environment_are_not_shown(all_queues: Queues) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check(payload(Environment={"TOKEN": "secret" * 200}), all_queues["quota"], share="a")
    assert "secret" not in str(raised.value)
    assert "Environment.TOKEN: got 'text of 1,200 characters'" in str(raised.value)


@pytest.mark.parametrize(
    "request_",
    [
        service_job(training={"Environment": {"PIN": 424242}}),
        service_job(training={"HyperParameters": {"token": 424242}}),
        service_job(training={"AlgorithmSpecification": {"ContainerEntrypoint": "log in 424242"}}),
        container_job(containerOverrides={"command": "login 424242"}),
        container_job(parameters={"token": 424242}),
        container_job(
            eksPropertiesOverride={"podProperties": {"containers": [{"env": [{"name": "A", "value": 424242}]}]}}
        ),
    ],
)
def test_values_of_wrong_types_that_can_be_secrets_are_not_shown(all_queues: Queues, request_: dict[str, Any]) -> None:
    found = find_mistakes(request_, all_queues[request_["jobQueue"]]).mistakes
    assert any("got '" in str(mistake.problem) for mistake in found)
    assert "424242" not in " ".join(str(mistake.problem) for mistake in found)


def test_a_queue_of_the_same_name_in_another_account_is_another_queue(all_queues: Queues) -> None:
    arn = "arn:aws:batch:us-east-1:123456789012:job-queue/quota"
    queue = replace(all_queues["quota"], arn=arn)
    assert check(service_job(jobQueue=arn), queue) == check(service_job(), queue) == ()
    (mistake,) = find_mistakes(service_job(jobQueue=arn.replace("1234", "9999")), queue).mistakes
    assert mistake.problem.field == ("jobQueue",)


def test_a_payload_that_is_an_object_names_json_dumps(all_queues: Queues) -> None:
    (mistake,) = find_mistakes(service_job(serviceRequestPayload=payload()), all_queues["quota"]).mistakes
    assert str(mistake.problem) == (
        "serviceRequestPayload: got an object with 12 entries, and AWS Batch takes JSON as text: use json.dumps"
    )


@pytest.mark.parametrize(("job", "queue"), [("train", "gpu"), ("spread", "gpu-nodes"), ("huge", "gpu")])
def test_job_definitions_of_the_file_are_compared_with_the_queue(
    file: Path, all_queues: Queues, job: str, queue: str
) -> None:
    request = {"jobName": "j", "jobQueue": queue, "jobDefinition": job}
    share = "a" if queue == "gpu" else ""
    found = find_mistakes(request, all_queues[queue], share=share, job_definition=_definition(file, job)).mistakes
    assert [each.stage for each in found] == ([Stage.NEVER] * 2 if job == "huge" else [])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"is_spot": True}, "multi-node jobs cannot run on Spot"),
        ({"has_efa": False}, "EFA interfaces, but the compute environment has no EFA"),
    ],
)
def test_a_multi_node_job_needs_instances_that_can_run_it(
    file: Path, all_queues: Queues, change: dict[str, Any], text: str
) -> None:
    queue = all_queues["gpu-nodes"]
    (environment,) = queue.environments
    request = {"jobName": "j", "jobQueue": "gpu-nodes", "jobDefinition": "spread"}
    changed = replace(queue, environments=[replace(environment, **change)])
    (mistake,) = find_mistakes(request, changed, job_definition=_definition(file, "spread")).mistakes
    assert (mistake.stage, text in str(mistake.problem)) == (Stage.NEVER, True)


def test_the_environments_of_a_file_have_their_purchase_option_and_efa(tmp_path: Path) -> None:
    path = write_file(tmp_path)
    text = path.read_text().replace("small: {", "small: {purchase: SPOT, ")
    path.write_text(text)
    small, large = queues(path)["gpu"].environments
    (nodes,) = queues(path)["gpu-nodes"].environments
    assert [(each.is_spot, each.has_efa) for each in (small, large, nodes)] == [
        (True, False),
        (False, False),
        (False, True),
    ]


def test_members_of_no_submission_are_refused(all_queues: Queues) -> None:
    for value in ({}, {"jobName": "a", "jobQueue": "quota"}):
        with pytest.raises(ConfigurationError, match="jobDefinition"):
            check(value, all_queues["quota"])


JUNK: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "{",
    "[]",
    "x" * 300,
    [],
    {},
    [None],
    [{}],
    {"a": None},
    {"type": "GPU"},
]


@pytest.mark.parametrize("make", [service_job, container_job, payload])
def test_no_json_crashes_the_check(all_queues: Queues, file: Path, make: Any) -> None:
    random, definition = Random(make.__name__), _definition(file, "train")
    for _ in range(150):
        request = deepcopy(make())
        if make is service_job and random.random() < 0.5:
            request["serviceRequestPayload"] = payload()
        for _ in range(random.choice([1, 2, 3])):
            _put_junk(request, random)
        queue = random.choice([*all_queues.values()])
        with suppress(ConfigurationError):
            find_mistakes(request, queue, share=random.choice(["", "a"]), job_definition=definition)


def _put_junk(value: Any, random: Random) -> None:
    keys = [*value] if isinstance(value, dict) else [*range(len(value))]
    if not keys:
        return
    key = random.choice(keys)
    if isinstance(value[key], dict | list) and value[key] and random.random() < 0.8:
        _put_junk(value[key], random)
    elif random.random() < 0.2:
        del value[key]
    else:
        value[key] = deepcopy(random.choice(JUNK))
