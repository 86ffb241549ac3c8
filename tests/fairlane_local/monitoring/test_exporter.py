"""The exporter of job metrics, deployed to the local AWS, changed there, run there and destroyed."""

import io
import json
import shutil
import zipfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk
import pytest
from botocore.exceptions import ClientError
from moto.core.utils import unix_time_millis

from fairlane.environment import load_environment
from fairlane_local import LocalAws, LocalAwsError, client, deliver, invoke, poll, standing_queues, values
from fairlane_stacks import build_stacks
from tests.support import REPOSITORY

HERE = ("123456789012", "us-east-1")
QUEUE = "arn:aws:batch:us-east-1:123456789012:job-queue/gpu-g5"
TRAINING, MONITORING = "fairlane-example-training", "fairlane-example-monitoring"
JOB: dict[str, Any] = {
    "jobId": "1f2e",
    "jobArn": "arn:aws:batch:us-east-1:123456789012:job/1f2e",
    "jobName": "j",
    "jobQueue": QUEUE,
    "status": "FAILED",
    "statusReason": 'He said "no"\n',
    "shareIdentifier": "research",
    "createdAt": 1793527100000,
    "startedAt": 1793527200000,
    "stoppedAt": 1793527260000,
    "attempts": [{"container": {"exitCode": 1}, "startedAt": 1793527200000, "stoppedAt": 1793527260000}],
    "container": {
        "command": ["--password", "in the command"],
        "environment": [{"name": "PASSWORD", "value": "in the environment"}],
        "resourceRequirements": [{"type": "GPU", "value": "4"}],
        "exitCode": 1,
    },
    "parameters": {"password": "in the parameters"},
    "tags": {"password": "in the tags"},
}


@cache
def synthesized(**job_metrics: object) -> dict[str, str]:
    """The templates of the example's stacks by name, and the files of its asset by key."""
    text = (REPOSITORY / "environments" / "example.yaml").read_text()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "example.yaml"
        path.write_text(text.replace("job_metrics: {}", f"job_metrics: {json.dumps(job_metrics)}"))
        app = cdk.App(outdir=f"{folder}/out")
        build_stacks(app, "example", load_environment(path))
        app.synth()
        (asset,) = (one for one in (Path(folder) / "out").iterdir() if one.is_dir())
        key = asset.name.removeprefix("asset.") + ".zip"
        _code[key] = Path(shutil.make_archive(f"{folder}/code", "zip", asset)).read_bytes()
        return {name: (Path(folder) / "out" / f"{name}.template.json").read_text() for name in (TRAINING, MONITORING)}


_code: dict[str, bytes] = {}


@pytest.fixture
def exporter(aws: LocalAws) -> LocalAws:
    """An AWS with the example in it."""
    templates = synthesized()
    client("ssm", aws.port, *HERE).get_parameter(Name="/cdk-bootstrap/hnb659fds/version")  # as the CDK CLI begins
    for key, code in _code.items():
        client("s3", aws.port, *HERE).put_object(
            Bucket="cdk-hnb659fds-assets-123456789012-us-east-1", Key=key, Body=code
        )
    for name, template in templates.items():
        _cloudformation(aws).create_stack(StackName=name, TemplateBody=template)
        assert status(aws, name) == "CREATE_COMPLETE"
    return aws


def _cloudformation(aws: LocalAws) -> Any:
    return client("cloudformation", aws.port, *HERE)


def status(aws: LocalAws, name: str) -> str:
    return str(_cloudformation(aws).describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def put(aws: LocalAws, kind: str = "Batch Job State Change", **changes: Any) -> None:
    detail = json.dumps(JOB | changes)
    event = {"Source": "aws.batch", "DetailType": kind, "Detail": detail, "Time": 1793527261}
    client("events", aws.port, *HERE).put_events(Entries=[event])


def queue_url(aws: LocalAws, part: str = "JobMetricsEvents") -> str:
    (url,) = (one for one in client("sqs", aws.port, *HERE).list_queues()["QueueUrls"] if f"-{part}" in one)
    return str(url)


def waiting(aws: LocalAws, part: str = "JobMetricsEvents") -> tuple[int, int]:
    """How many messages a queue shows, and how many it hides as they were received."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    request = {"QueueUrl": queue_url(aws, part), "AttributeNames": names}
    attributes = client("sqs", aws.port, *HERE).get_queue_attributes(**request)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


def bodies(aws: LocalAws) -> list[str]:
    """Messages that wait to be counted; they stay where they are."""
    request = {"QueueUrl": queue_url(aws), "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
    return [one["Body"] for one in client("sqs", aws.port, *HERE).receive_message(**request).get("Messages", [])]


def counted(invocations: Iterable[Any]) -> dict[str, float]:
    """What was published, by metric and what it is of."""
    found = (value for done in invocations for value in values(done))
    return {f"{one.metric} {' '.join(one.dimensions.values())}": one.value for one in found}


def test_the_stack_through_its_life(exporter: LocalAws) -> None:
    scheduler, sqs = client("scheduler", exporter.port, *HERE), client("sqs", exporter.port, *HERE)
    events, functions = client("events", exporter.port, *HERE), client("lambda", exporter.port, *HERE)
    (schedule,) = scheduler.list_schedules()["Schedules"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url(exporter), AttributeNames=["Policy"])["Attributes"]
    assert "events.amazonaws.com" in attributes["Policy"]
    assert len(events.list_rules()["Rules"]) == 13
    put(exporter)

    changed = synthesized(interval_minutes=5, namespace="Ours")[MONITORING]
    _cloudformation(exporter).update_stack(StackName=MONITORING, TemplateBody=changed)
    assert status(exporter, MONITORING) == "UPDATE_COMPLETE"
    assert scheduler.get_schedule(Name=schedule["Name"])["ScheduleExpression"] == "rate(5 minutes)"
    assert len(events.list_rules()["Rules"]) == 13
    (done,) = deliver(exporter, *HERE)
    assert {value.namespace for value in values(done)} == {"Ours"}

    _cloudformation(exporter).delete_stack(StackName=MONITORING)
    with pytest.raises(ClientError, match="does not exist"):
        status(exporter, MONITORING)
    assert scheduler.list_schedules()["Schedules"] == []
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert events.list_rules()["Rules"] == []
    assert functions.list_functions()["Functions"] == []
    assert functions.list_event_source_mappings()["EventSourceMappings"] == []
    assert deliver(exporter, *HERE) == poll(exporter, *HERE) == []


def test_an_event_becomes_metrics_and_nothing_else_of_the_job_goes_anywhere(exporter: LocalAws) -> None:
    put(exporter)
    put(exporter, status="RUNNING")
    put(exporter, jobQueue=QUEUE + "-of-others")
    (body,) = bodies(exporter)
    (done,) = deliver(exporter, *HERE)
    assert counted([done]) == {
        "JobFailures gpu-g5 ExitCode": 1,
        "AttemptWaitTime gpu-g5 research": 100,
        "AttemptRunTime gpu-g5 research": 60,
        "JobWaitTime gpu-g5 research": 100,
        "JobRunTime gpu-g5 research": 60,
        "JobsFailed gpu-g5": 1,
        "JobsFailed gpu-g5 research": 1,
        "GpuSeconds gpu-g5": 240,
        "GpuSeconds gpu-g5 research": 240,
    }
    for secret in ("in the", "password", "PASSWORD"):
        assert secret not in body + "".join(done.output) + done.log
    assert waiting(exporter) == (0, 0)
    assert deliver(exporter, *HERE) == []


def test_a_message_has_texts_numbers_and_lists_as_they_were_and_empty_texts_for_what_was_not(
    exporter: LocalAws,
) -> None:
    put(exporter)
    message = json.loads(bodies(exporter)[0])
    assert (
        message
        | {
            "type": "Batch Job State Change",
            "time": "2026-11-01T10:01:01Z",
            "reason": JOB["statusReason"],
            "created": JOB["createdAt"],
            "attempts": JOB["attempts"],
            "needs": [{"type": "GPU", "value": "4"}],
            "quota": "",
            "needs9": "",
            "shares": ["production", "research", "sweeps"],
        }
        == message
    )


def test_what_blocks_a_queue_is_counted_by_reason(exporter: LocalAws) -> None:
    put(exporter, "Batch Job Queue Blocked", statusReason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too much")
    assert counted(deliver(exporter, *HERE)) == {"QueueBlocked gpu-g5 MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": 1}


def test_a_message_that_cannot_be_used_is_retried_alone_and_kept_at_last(
    exporter: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    client("sqs", exporter.port, *HERE).send_message(QueueUrl=queue_url(exporter), MessageBody="no JSON")
    put(exporter)
    put(exporter, jobId="another")
    published = []
    for times in range(6):
        later = times * 3_600_000
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda later=later: unix_time_millis() + later)
        published.append(counted(deliver(exporter, *HERE)))
        assert waiting(exporter)[0] == 0
    assert published[0]["JobsFailed gpu-g5 research"] == 2
    assert published[0]["EventsRejected unknown"] == 1
    assert published[1:] == [{}] * 5
    assert waiting(exporter) == (0, 0)
    assert waiting(exporter, "JobMetricsDeadLetters") == (1, 0)


def test_a_preemption_of_a_job_that_nobody_knows_is_retried(exporter: LocalAws) -> None:
    put(exporter, "Batch Service Job Preemption Completed", preemptedJobArn="arn:aws:batch:x:y:service-job/gone")
    (done,) = deliver(exporter, *HERE)
    assert (done.output, done.log) == ((), "an event failed: ClientException\n")
    assert waiting(exporter) == (0, 1)


def test_more_messages_than_a_batch_are_delivered_in_several(exporter: LocalAws) -> None:
    for number in range(101):
        put(exporter, jobId=f"job-{number}")
    assert [counted([done])["JobsFailed gpu-g5 research"] for done in deliver(exporter, *HERE)] == [100, 1]


def test_the_poller_publishes_gauges_for_every_queue(exporter: LocalAws, batch: Any) -> None:
    batch.submit_job(jobName="j", jobQueue="gpu-g5", jobDefinition="train-one-gpu", shareIdentifier="research")
    (done,) = poll(exporter, *HERE)
    gauges = counted([done])
    queues = standing_queues(batch)
    assert len(queues) == 6
    for queue in queues:
        assert gauges[f"PollErrors {queue.name}"] == 0
        assert gauges[f"RunnableJobs {queue.name}"] == gauges[f"HeadOfQueueAge {queue.name}"] == 0
        assert gauges[f"CapacityLimit {queue.name}"] == sum(queue.capacity.values())
        for share, units in queue.scheduling.entitlements(queue.capacity).items():
            assert gauges[f"CapacityEntitlement {queue.name} {share}"] == pytest.approx(sum(units.values()), abs=0.001)
    assert done.log == ""


def function(aws: LocalAws, account_id: str, code: str) -> str:
    """Deploys a function of one file, and answers its ARN."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", code)
    where = (aws.port, account_id, "us-east-1")
    role = client("iam", *where).create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    made = client("lambda", *where).create_function(
        FunctionName="f",
        Runtime="python3.14",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"OWN": "its own"}},
    )
    return str(made["FunctionArn"])


@pytest.mark.parametrize("account_id", ["123456789012", "111122223333"])
def test_a_function_runs_as_it_was_deployed_in_its_own_account(aws: LocalAws, account_id: str) -> None:
    code = """
import os, sys
import boto3
def handler(event, context):
    print(event["what"], os.environ["OWN"], os.environ["AWS_REGION"])
    print("a log", file=sys.stderr)
    return [context.get_remaining_time_in_millis(), boto3.client("sts").get_caller_identity()["Account"]]
"""
    done = invoke(aws, account_id, "us-east-1", function(aws, account_id, code), {"what": "ever"})
    assert (done.answer, done.output, done.log) == ([3000, account_id], ("ever its own us-east-1",), "a log\n")
    assert list(values(done)) == []


def test_a_function_that_fails_is_an_error_with_its_log(aws: LocalAws) -> None:
    arn = function(aws, HERE[0], "def handler(event, context): raise ValueError('no such luck')")
    with pytest.raises(LocalAwsError, match=r"the function f failed: (?s:.*)no such luck"):
        invoke(aws, *HERE, arn, {})


@pytest.fixture
def target(aws: LocalAws) -> Any:
    """Sends an event to a queue by an input transformer, and answers what comes."""
    sqs, events = client("sqs", aws.port, *HERE), client("events", aws.port, *HERE)
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["us"]}))

    def sent(**transformer: Any) -> Any:
        arn = "arn:aws:sqs:us-east-1:123456789012:q"
        events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn, **transformer}])
        detail = json.dumps({"list": [{"n": 1}], "text": "some"})
        events.put_events(Entries=[{"Source": "us", "DetailType": "kind", "Detail": detail, "Time": 1793527261}])
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    return sent


def test_a_transformer_fills_its_template_as_eventbridge_does(target: Any) -> None:
    paths = {"text": "$.detail.text", "list": "$.detail.list", "n": "$.detail.list[0].n", "none": "$.detail.list[1].n"}
    template = '{"said":"it said <text> <n><none>","text":<text>,"list":<list>,"n":<n>,"none":<none>}'
    assert target(InputTransformer={"InputPathsMap": paths, "InputTemplate": template}) == {
        "said": "it said some 1",
        "text": "some",
        "list": [{"n": 1}],
        "n": 1,
        "none": "",
    }
    whole = {"InputTemplate": '{"event":<aws.events.event.json>}'}
    assert target(InputTransformer=whole)["event"]["detail"]["text"] == "some"


def test_a_target_without_a_transformer_gets_the_whole_event(target: Any) -> None:
    event = target()
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "kind",
        "source": "us",
        "account": "123456789012",
        "time": "2026-11-01T10:01:01Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"list": [{"n": 1}], "text": "some"},
    }


def test_calls_for_service_jobs_know_their_queues_and_no_job(exporter: LocalAws, batch: Any) -> None:
    assert batch.list_service_jobs(jobQueue="training-p4", jobStatus="RUNNABLE")["jobSummaryList"] == []
    for queue in ("training-p4", "gpu-g5", QUEUE):
        assert batch.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]["jobs"] == []
    for call, request in (
        ("list_service_jobs", {"jobQueue": "gpu-g5"}),
        ("list_service_jobs", {}),
        ("get_job_queue_snapshot", {"jobQueue": "gone"}),
        ("describe_service_job", {"jobId": "gone"}),
    ):
        with pytest.raises(ClientError, match="ClientException"):
            getattr(batch, call)(**request)
