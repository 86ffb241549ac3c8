"""Deployment, update, runs and deletion of the exporter of job metrics in the local AWS."""

import io
import json
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk
import pytest
from botocore.exceptions import ClientError
from moto.core.utils import unix_time_millis

from fairlane.environment import load_environment
from fairlane_local import LocalAws, LocalAwsError, client, deliver, deployed_queues, invoke, poll, values
from fairlane_local.clock import Clock
from fairlane_stacks import build_stacks
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

LOCATION = ("123456789012", "us-east-1")
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
    """Return the templates of the example's stacks by name, and keep the asset files in `_code` by key."""
    text = (REPOSITORY / "environments" / "example.yaml").read_text()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "example.yaml"
        path.write_text(text.replace("job_metrics: {}", f"job_metrics: {json.dumps(job_metrics)}"))
        app = cdk.App(outdir=f"{folder}/out")
        build_stacks(app, "example", load_environment(path))
        app.synth()
        (asset,) = (path for path in (Path(folder) / "out").iterdir() if path.is_dir())
        key = asset.name.removeprefix("asset.") + ".zip"
        _code[key] = Path(shutil.make_archive(f"{folder}/code", "zip", asset)).read_bytes()
        return {name: (Path(folder) / "out" / f"{name}.template.json").read_text() for name in (TRAINING, MONITORING)}


_code: dict[str, bytes] = {}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """Local AWS with a manual clock."""
    with LocalAws(clock=Clock(None)) as aws:
        yield aws


@pytest.fixture
def exporter(aws: LocalAws) -> LocalAws:
    """Return a local AWS with the deployed example."""
    templates = synthesized()
    client("ssm", aws.port, *LOCATION).get_parameter(
        Name="/cdk-bootstrap/hnb659fds/version"
    )  # creates the bootstrap bucket
    for key, code in _code.items():
        client("s3", aws.port, *LOCATION).put_object(
            Bucket="cdk-hnb659fds-assets-123456789012-us-east-1", Key=key, Body=code
        )
    for name, template in templates.items():
        _cloudformation(aws).create_stack(StackName=name, TemplateBody=template)
        assert status(aws, name) == "CREATE_COMPLETE"
    return aws


def _cloudformation(aws: LocalAws) -> Any:
    return client("cloudformation", aws.port, *LOCATION)


def status(aws: LocalAws, name: str) -> str:
    return str(_cloudformation(aws).describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def put(aws: LocalAws, detail_type: str = "Batch Job State Change", **changes: Any) -> None:
    detail = json.dumps(JOB | changes)
    event = {"Source": "aws.batch", "DetailType": detail_type, "Detail": detail, "Time": 1793527261}
    client("events", aws.port, *LOCATION).put_events(Entries=[event])


def queue_url(aws: LocalAws, part: str = "JobMetricsEvents") -> str:
    (url,) = (url for url in client("sqs", aws.port, *LOCATION).list_queues()["QueueUrls"] if f"-{part}" in url)
    return str(url)


def message_counts(aws: LocalAws, part: str = "JobMetricsEvents") -> tuple[int, int]:
    """Return the numbers of visible and of received, invisible messages of a queue."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    request = {"QueueUrl": queue_url(aws, part), "AttributeNames": names}
    attributes = client("sqs", aws.port, *LOCATION).get_queue_attributes(**request)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


def bodies(aws: LocalAws) -> list[str]:
    """Return the bodies of the waiting messages, which remain in the queue."""
    request = {"QueueUrl": queue_url(aws), "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
    return [
        message["Body"] for message in client("sqs", aws.port, *LOCATION).receive_message(**request).get("Messages", [])
    ]


def published_metrics(invocations: Iterable[Any]) -> dict[str, float]:
    """Return the published values by metric and dimension values."""
    published = (value for invocation in invocations for value in values(invocation))
    return {f"{value.metric} {' '.join(value.dimensions.values())}": value.value for value in published}


def test_the_stack_is_deployed_updated_and_deleted(exporter: LocalAws) -> None:
    scheduler, sqs = client("scheduler", exporter.port, *LOCATION), client("sqs", exporter.port, *LOCATION)
    events, functions = client("events", exporter.port, *LOCATION), client("lambda", exporter.port, *LOCATION)
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
    (invocation,) = deliver(exporter, *LOCATION)
    assert {value.namespace for value in values(invocation)} == {"Ours"}

    _cloudformation(exporter).delete_stack(StackName=MONITORING)
    with pytest.raises(ClientError, match="does not exist"):
        status(exporter, MONITORING)
    assert scheduler.list_schedules()["Schedules"] == []
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert events.list_rules()["Rules"] == []
    assert functions.list_functions()["Functions"] == []
    assert functions.list_event_source_mappings()["EventSourceMappings"] == []
    assert deliver(exporter, *LOCATION) == poll(exporter, *LOCATION) == []


def test_an_event_becomes_metrics_without_other_data_of_the_job(exporter: LocalAws) -> None:
    put(exporter)
    put(exporter, status="RUNNING")
    put(exporter, jobQueue=QUEUE + "-of-others")
    (body,) = bodies(exporter)
    (invocation,) = deliver(exporter, *LOCATION)
    assert published_metrics([invocation]) == {
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
        assert secret not in body + "".join(invocation.output) + invocation.log
    assert message_counts(exporter) == (0, 0)
    assert deliver(exporter, *LOCATION) == []


def test_a_message_keeps_strings_numbers_and_lists_and_has_empty_strings_for_absent_values(
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


def test_blocked_queues_are_counted_by_reason(exporter: LocalAws) -> None:
    put(exporter, "Batch Job Queue Blocked", statusReason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too much")
    assert published_metrics(deliver(exporter, *LOCATION)) == {
        "QueueBlocked gpu-g5 MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": 1
    }


def test_an_invalid_message_is_retried_alone_and_moves_to_the_dead_letter_queue(
    exporter: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    client("sqs", exporter.port, *LOCATION).send_message(QueueUrl=queue_url(exporter), MessageBody="no JSON")
    put(exporter)
    put(exporter, jobId="another")
    published = []
    for times in range(6):
        later = times * 3_600_000
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda later=later: unix_time_millis() + later)
        published.append(published_metrics(deliver(exporter, *LOCATION)))
        assert message_counts(exporter)[0] == 0
    assert published[0]["JobsFailed gpu-g5 research"] == 2
    assert published[0]["EventsRejected unknown"] == 1
    assert published[1:] == [{}] * 5
    assert message_counts(exporter) == (0, 0)
    assert message_counts(exporter, "JobMetricsDeadLetters") == (1, 0)


def test_a_preemption_of_an_unknown_job_is_retried(exporter: LocalAws) -> None:
    put(exporter, "Batch Service Job Preemption Completed", preemptedJobArn="arn:aws:batch:x:y:service-job/gone")
    (invocation,) = deliver(exporter, *LOCATION)
    assert (invocation.output, invocation.log) == ((), "an event failed: ClientException\n")
    assert message_counts(exporter) == (0, 1)


def test_more_messages_than_one_batch_are_delivered_in_several_batches(exporter: LocalAws) -> None:
    for number in range(101):
        put(exporter, jobId=f"job-{number}")
    assert [
        published_metrics([invocation])["JobsFailed gpu-g5 research"] for invocation in deliver(exporter, *LOCATION)
    ] == [100, 1]


def test_the_poller_publishes_gauges_for_every_queue(exporter: LocalAws, batch: Any) -> None:
    batch.submit_job(jobName="j", jobQueue="gpu-g5", jobDefinition="train-one-gpu", shareIdentifier="research")
    exporter.timeline.advance(1)
    (invocation,) = poll(exporter, *LOCATION)
    gauges = published_metrics([invocation])
    queues = deployed_queues(batch)
    assert len(queues) == 6
    for queue in queues:
        assert gauges[f"PollErrors {queue.name}"] == 0
        assert gauges[f"RunnableJobs {queue.name}"] == gauges[f"HeadOfQueueAge {queue.name}"] == 0
        assert gauges[f"CapacityLimit {queue.name}"] == sum(queue.capacity.values())
        for share, units in queue.scheduling.entitlements(queue.capacity).items():
            assert gauges[f"CapacityEntitlement {queue.name} {share}"] == pytest.approx(sum(units.values()), abs=0.001)
    assert invocation.log == ""


def function(aws: LocalAws, account_id: str, code: str) -> str:
    """Deploy a function with one file, and return its ARN."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", code)
    location = (aws.port, account_id, "us-east-1")
    role = client("iam", *location).create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    created = client("lambda", *location).create_function(
        FunctionName="f",
        Runtime="python3.14",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": {"OWN": "its own"}},
    )
    return str(created["FunctionArn"])


@pytest.mark.parametrize("account_id", ["123456789012", "111122223333"])
def test_a_function_runs_in_its_own_account_with_its_settings(aws: LocalAws, account_id: str) -> None:
    code = """
import os, sys
import boto3
def handler(event, context):
    print(event["what"], os.environ["OWN"], os.environ["AWS_REGION"])
    print("a log", file=sys.stderr)
    return [context.get_remaining_time_in_millis(), boto3.client("sts").get_caller_identity()["Account"]]
"""
    invocation = invoke(aws, account_id, "us-east-1", function(aws, account_id, code), {"what": "ever"})
    assert (invocation.answer, invocation.output, invocation.log) == (
        [3000, account_id],
        ("ever its own us-east-1",),
        "a log\n",
    )
    assert list(values(invocation)) == []


def test_a_failed_function_is_an_error_with_its_log(aws: LocalAws) -> None:
    arn = function(aws, LOCATION[0], "def handler(event, context): raise ValueError('no such luck')")
    with pytest.raises(LocalAwsError, match=r"the function f failed: (?s:.*)no such luck"):
        invoke(aws, *LOCATION, arn, {})


@pytest.fixture
def target(aws: LocalAws) -> Any:
    """Return a function that sends an event to a queue through an input transformer and returns the message."""
    sqs, events = client("sqs", aws.port, *LOCATION), client("events", aws.port, *LOCATION)
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["us"]}))

    def send(**transformer: Any) -> Any:
        arn = "arn:aws:sqs:us-east-1:123456789012:q"
        events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn, **transformer}])
        detail = json.dumps({"list": [{"n": 1}], "text": "some"})
        events.put_events(Entries=[{"Source": "us", "DetailType": "kind", "Detail": detail, "Time": 1793527261}])
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    return send


def test_an_input_transformer_fills_its_template_as_in_eventbridge(target: Any) -> None:
    paths = {"text": "$.detail.text", "list": "$.detail.list", "n": "$.detail.list[0].n", "none": "$.detail.list[1].n"}
    template = '{"said":"it said <text> <n><none>","text":<text>,"list":<list>,"n":<n>,"none":<none>}'
    assert target(InputTransformer={"InputPathsMap": paths, "InputTemplate": template}) == {
        "said": "it said some 1",
        "text": "some",
        "list": [{"n": 1}],
        "n": 1,
        "none": "",
    }
    transformer = {"InputTemplate": '{"event":<aws.events.event.json>}'}
    assert target(InputTransformer=transformer)["event"]["detail"]["text"] == "some"


def test_a_target_without_a_transformer_receives_the_complete_event(target: Any) -> None:
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


def test_service_job_calls_accept_existing_queues_and_return_no_job(exporter: LocalAws, batch: Any) -> None:
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
