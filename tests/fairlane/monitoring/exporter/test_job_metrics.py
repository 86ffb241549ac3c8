"""The exporter's construct: which events go where, what the functions may do, and what it refuses."""

import json
import re
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import ManualArgs, lint

from fairlane import FairShare, Fifo, GpuQueue, JobMetrics, QuotaManagement, QuotaShare, Sharing, TrainingQueue
from fairlane.monitoring.exporter.event_bus import template_of as input_template
from fairlane_lambda.job_events import handler as events_handler
from fairlane_lambda.queue_poller._queue import read_queues
from tests.gpu import gpu_queue
from tests.support import REPOSITORY, problems_of, recommended_flags, template_of

P4 = "ml.p4d.24xlarge"
CATALOG = json.loads((REPOSITORY / "lambda" / "fairlane_lambda" / "metrics.json").read_text())


def build(**changes: Any) -> tuple[Stack, JobMetrics]:
    stack = Stack(
        App(context=recommended_flags()), "Stack", env=Environment(account="111122223333", region="us-east-1")
    )
    shares = [
        QuotaShare(name=name, capacity={P4: number}, sharing=Sharing.LEND) for name, number in (("a", 60), ("b", 40))
    ]
    quotas = TrainingQueue(stack, "P4", queue_name="p4", capacity={P4: 100}, scheduling=QuotaManagement(*shares))
    fair = TrainingQueue(stack, "G6", queue_name="g6", capacity=16, scheduling=FairShare({"x": 1, "y*": 3}))
    settings: dict[str, Any] = {
        "queues": [quotas, fair, gpu_queue(stack), GpuQueue.from_job_queue_name(stack, "Old", "old")],
        "shares": {"old": ["s"]},
        "instance_types": {"g6": "ml.g6.12xlarge"},
    }
    return stack, JobMetrics(stack, "Metrics", **settings | changes)


def of_type(stack: Stack, kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in template_of(stack)["Resources"].values() if one["Type"] == f"AWS::{kind}"]


def test_rules_match_what_has_ended_blocks_and_preempts_of_these_queues_only() -> None:
    rules = of_type(build()[0], "Events::Rule")
    kinds = sorted(rule["EventPattern"]["detail-type"][0] for rule in rules)
    assert kinds == [
        *["Batch Job Queue Blocked", "Batch Job Queue Blocked", "Batch Job State Change", "Batch Job State Change"],
        "Batch Service Job Preemption Completed",
        *["Batch Service Job Queue Blocked"] * 2,
        *["Batch Service Job State Change"] * 2,
    ]
    for rule in rules:
        pattern = rule["EventPattern"]
        assert pattern["source"] == ["aws.batch"]
        if "Preemption" not in pattern["detail-type"][0]:
            assert len(pattern["detail"]["jobQueue"]) == 1
        if "State Change" in pattern["detail-type"][0]:
            assert pattern["detail"]["status"] == ["SUCCEEDED", "FAILED"]
        (target,) = rule["Targets"]
        assert "DeadLetterConfig" in target


def test_no_environment_command_payload_or_tag_of_a_job_goes_anywhere() -> None:
    for rule in of_type(build()[0], "Events::Rule"):
        transformer = rule["Targets"][0]["InputTransformer"]
        paths = set(transformer["InputPathsMap"].values())
        secret = re.compile(r"environment|command|payload|tags|secrets|parameters|image|jobDefinition$", re.IGNORECASE)
        assert not any(map(secret.search, paths))
        assert not {"$", "$.detail", "$.detail.container", "$.detail.ecsProperties"} & paths
        assert len(paths) <= 100
        placeholders = re.findall(r"<(\w+)>", transformer["InputTemplate"])
        assert sorted(placeholders) == sorted(transformer["InputPathsMap"])


def transformed(rule: dict[str, Any], event: dict[str, Any]) -> str:
    """What EventBridge makes of an event: absent paths become empty texts, and texts are quoted."""
    transformer = rule["Targets"][0]["InputTransformer"]

    def value(path: str) -> Any:
        found: Any = event
        for part in re.findall(r"[\w-]+", path.removeprefix("$")):
            try:
                found = found[int(part)] if isinstance(found, list) else found[part]
            except (KeyError, IndexError, TypeError):
                return ""
        return found

    text = str(transformer["InputTemplate"])
    for name, path in transformer["InputPathsMap"].items():
        text = text.replace(f"<{name}>", json.dumps(value(path)))
    return text


def test_the_handler_understands_what_the_rules_send(capsys: pytest.CaptureFixture[str]) -> None:
    (rule,) = (
        rule
        for rule in of_type(build()[0], "Events::Rule")
        if rule["EventPattern"]["detail-type"] == ["Batch Job State Change"]
        and '"queue":"old"' in rule["Targets"][0]["InputTransformer"]["InputTemplate"]
    )
    needs = [{"type": "GPU", "value": "2"}]
    containers = [{"resourceRequirements": needs, "environment": [{"name": "TOKEN", "value": "hunter2"}]}] * 2
    detail = {
        "jobId": "1",
        "jobQueue": "arn:aws:batch:us-east-1:111122223333:job-queue/old",
        "status": "FAILED",
        "statusReason": 'said "no"\n',
        "shareIdentifier": "s",
        "createdAt": 1_793_527_100_000,
        "attempts": [{"startedAt": 1_793_527_160_000, "stoppedAt": 1_793_527_220_000, "container": {"exitCode": 3}}],
        "ecsProperties": {"taskProperties": [{"containers": containers}]},
    }
    body = transformed(
        rule, {"detail-type": "Batch Job State Change", "time": "2026-11-01T10:00:00Z", "detail": detail}
    )
    assert "hunter2" not in body
    events_handler.forget()
    records = [{"messageId": "m", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}]
    assert events_handler.handler({"Records": records}, None) == {"batchItemFailures": []}
    printed = capsys.readouterr().out
    assert '"Reason":"ExitCode"' in printed
    assert '"Share":"s","GpuSeconds":240' in printed
    assert '"JobWaitTime":60' in printed


def test_the_poller_understands_its_schedule() -> None:
    (schedule,) = of_type(build()[0], "Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    told = json.loads(schedule["Target"]["Input"])
    queues = {queue.name: queue for queue in read_queues(told)}
    assert {name: queue.kind for name, queue in queues.items()} == {
        "p4": "service",
        "g6": "service",
        "g5": "compute",
        "old": "compute",
    }
    assert (queues["p4"].quota, queues["p4"].limit, queues["p4"].shares["a"]) == (True, {P4: 100}, {P4: 60})
    assert queues["g6"].instance_type == "ml.g6.12xlarge"
    assert queues["g6"].shares["y*"] == {"NUM_INSTANCES": 4}
    assert queues["g5"].limit == {"VCPU": 96}
    assert queues["old"].shares == {"s": {}}


def batch_actions(statements: list[dict[str, Any]]) -> list[str]:
    actions = [one["Action"] if isinstance(one["Action"], list) else [one["Action"]] for one in statements]
    return sorted(action for some in actions for action in some if action.startswith("batch:"))


def test_functions_may_do_what_they_call_and_nothing_else() -> None:
    stack, _ = build()
    roles = {
        name: role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        for name, role in template_of(stack)["Resources"].items()
        if role["Type"] == "AWS::IAM::Role" and "Function" in name
    }
    (events,) = (statements for name, statements in roles.items() if "Events" in name)
    (poller,) = (statements for name, statements in roles.items() if "Poller" in name)
    assert batch_actions(events) == ["batch:DescribeServiceJob"]
    assert batch_actions(poller) == [
        "batch:DescribeJobDefinitions",
        "batch:GetJobQueueSnapshot",
        "batch:ListJobs",
        "batch:ListServiceJobs",
    ]
    (snapshot,) = (one for one in poller if "batch:GetJobQueueSnapshot" in one["Action"])
    assert len(snapshot["Resource"]) == 4


def test_only_eventbridge_of_this_account_sends_and_only_encrypted() -> None:
    stack, _ = build()
    for queue in of_type(stack, "SQS::Queue"):
        assert queue["SqsManagedSseEnabled"] is True
    for policy in of_type(stack, "SQS::QueuePolicy"):
        statements = policy["PolicyDocument"]["Statement"]
        assert any(one["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(one) for one in statements)
        for one in statements:
            if one["Effect"] == "Allow":
                assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}


def test_events_come_in_batches_of_which_parts_may_fail() -> None:
    stack, _ = build()
    (mapping,) = of_type(stack, "Lambda::EventSourceMapping")
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (100, ["ReportBatchItemFailures"])
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    for function in of_type(stack, "Lambda::Function"):
        assert "ReservedConcurrentExecutions" not in function
        assert (function["Runtime"], function["Architectures"]) == ("python3.14", ["arm64"])
    assert all(group["LogGroupClass"] == "STANDARD" for group in of_type(stack, "Logs::LogGroup"))


@pytest.mark.parametrize("flags", [recommended_flags(), {}], ids=["all recommended flags", "no flags"])
def test_every_judge_lets_it_through(flags: dict[str, Any]) -> None:
    app = App(context=flags)
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    JobMetrics(stack, "Metrics", queues=[gpu_queue(stack)])
    app.synth()
    assert lint(json.dumps(template_of(stack)), config=ManualArgs(regions=["us-east-1"])) == []


def test_every_metric_has_a_method_with_its_unit_and_dimensions() -> None:
    _, metrics = build()
    for name, known in CATALOG["metrics"].items():
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        for per in known["per"]:
            arguments = {} if per == "queue" else {per: "v"}
            metric: cloudwatch.Metric = getattr(metrics, f"metric_{snake}")("p4", **arguments)
            assert (metric.metric_name, metric.namespace) == (name, "Fairlane")
            assert str(metric.unit).rpartition(".")[2] == known["unit"].upper()
            assert metric.statistic == known["statistic"]
            assert sorted(metric.dimensions or {}) == sorted(CATALOG["dimensions"][per])
    with pytest.raises(ValueError, match="no metric JobFailures by share"):
        metrics.metric("JobFailures", "p4", share="a")


def test_its_own_health_can_be_watched() -> None:
    stack, metrics = build()
    for number, metric in enumerate(
        (
            metrics.metric_dead_letters(),
            metrics.metric_age_of_oldest_event(),
            metrics.metric_function_errors(),
            metrics.metric_polls("p4"),
            metrics.metric_emf_errors(),
        )
    ):
        cloudwatch.Alarm(stack, f"Alarm{number}", metric=metric, threshold=1, evaluation_periods=1)
    assert len(of_type(stack, "CloudWatch::Alarm")) == 5


def test_another_namespace_and_interval() -> None:
    stack, metrics = build(namespace="Training/GPU", interval_minutes=5)
    assert of_type(stack, "Scheduler::Schedule")[0]["ScheduleExpression"] == "rate(5 minutes)"
    names = {one["Environment"]["Variables"]["FAIRLANE_NAMESPACE"] for one in of_type(stack, "Lambda::Function")}
    assert names == {"Training/GPU"}
    assert metrics.metric_runnable_jobs("p4").namespace == "Training/GPU"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"queues": []}, "queues: got '0 queues', allowed: 1 to 50"),
        ({"queues": "p4"}, "queues: got 'p4', allowed: a list of TrainingQueue and GpuQueue"),
        ({"queues": ["p4"]}, "queues[0]: got 'p4', allowed: a list of TrainingQueue and GpuQueue"),
        ({"shares": {"p5": ["a"]}}, "shares.p5: got 'p5', allowed: the name of one of the queues: p4, g6, g5, old"),
        ({"shares": {"old": "a"}}, "shares.old: got 'a', allowed: a list of share identifiers"),
        ({"shares": {"old": [f"s{n}" for n in range(101)]}}, "queues[3]: got '101 shares', allowed: at most 100"),
        ({"shares": {"old": ["s" * 200 + str(n) for n in range(50)]}}, "shares: got '10"),
        ({"shares": {"old": ["<evil>", ""]}}, "shares.old[0]: got '<evil>', allowed: a share identifier"),
        ({"instance_types": {"g6": 5}}, "instance_types.g6: got 5, allowed: an ml.* instance type"),
        ({"namespace": ":é"}, "namespace: got ':é', allowed: 1 to 255 characters"),
        ({"instance_types": {"p5": P4}}, "instance_types.p5: got 'p5', allowed: the name of one of the queues"),
        ({"interval_minutes": 0}, "interval_minutes: got 0, allowed: a whole number of minutes, 1 to 60"),
        ({"namespace": "AWS/Batch"}, "namespace: got 'AWS/Batch', allowed: 1 to 255 characters"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], problem: str) -> None:
    assert problems_of(lambda: build(**changes))[0].startswith(problem)


@pytest.mark.parametrize("arn", ["us-east-1:999999999999", "eu-west-1:111122223333"])
def test_a_queue_of_another_account_or_region_is_a_mistake(arn: str) -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    queue = GpuQueue.from_job_queue_arn(stack, "Q", f"arn:aws:batch:{arn}:job-queue/q")
    (problem,) = problems_of(lambda: JobMetrics(stack, "M", queues=[queue]))
    assert problem.endswith("allowed: a queue in the account and Region of this")


def test_a_queue_is_exported_once_in_a_namespace() -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=1, scheduling=Fifo())
    JobMetrics(stack, "M", queues=[queue])
    JobMetrics(stack, "Other", queues=[queue], namespace="Other")
    (problem,) = problems_of(lambda: JobMetrics(stack, "Again", queues=[queue]))
    assert "Stack/M has it" in problem


def test_a_poll_that_fails_is_not_repeated() -> None:
    (config,) = of_type(build()[0], "Lambda::EventInvokeConfig")
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)


def test_a_queue_twice_is_a_mistake() -> None:
    stack = Stack(App(), "Stack")
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=1, scheduling=Fifo())
    assert problems_of(lambda: JobMetrics(stack, "M", queues=[queue, queue])) == [
        "queues[1]: got 'q', allowed: each queue once"
    ]


def test_fifty_queues_of_twenty_shares_fit() -> None:
    stack = Stack(App(), "Stack")
    queues = [
        TrainingQueue(
            stack, f"Q{n}", queue_name=f"queue-of-a-team-{n}", capacity=16,
            scheduling=FairShare({f"share-of-somebody-{share}": 1 for share in range(20)}),
        )
        for n in range(50)
    ]  # fmt: skip
    JobMetrics(stack, "Metrics", queues=queues, shares={queue.job_queue_name: ["a"] for queue in queues})
    problems = problems_of(lambda: JobMetrics(Stack(App(), "Other"), "Metrics", queues=queues))
    assert problems[0].startswith("queues: got '")


def test_templates_are_json_before_and_after() -> None:
    assert json.loads(
        input_template({"a": "b"}, {"queue": "q"}).replace("<type>", '""').replace("<time>", "1").replace("<a>", "[]")
    )
