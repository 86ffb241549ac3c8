"""Tests of `JobMetrics`: rules, permissions, schedule, metrics and refused arguments."""

import json
import re
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import ManualArgs, lint

from fairlane import FairShare, Fifo, GpuQueue, JobMetrics, QuotaManagement, QuotaShare, Sharing, TrainingQueue
from fairlane.monitoring.exporter.event_bus import input_template
from fairlane_lambda.job_events import handler as events_handler
from fairlane_lambda.queue_poller.queue import read_queues
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


def resources_of_type(stack: Stack, resource_type: str) -> list[dict[str, Any]]:
    resources = template_of(stack)["Resources"].values()
    return [resource["Properties"] for resource in resources if resource["Type"] == f"AWS::{resource_type}"]


def test_rules_match_only_ended_blocked_and_preemption_events_of_the_queues() -> None:
    rules = resources_of_type(build()[0], "Events::Rule")
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


def test_rules_select_no_environment_command_payload_or_tag_of_a_job() -> None:
    for rule in resources_of_type(build()[0], "Events::Rule"):
        transformer = rule["Targets"][0]["InputTransformer"]
        paths = set(transformer["InputPathsMap"].values())
        secret = re.compile(r"environment|command|payload|tags|secrets|parameters|image|jobDefinition$", re.IGNORECASE)
        assert not any(map(secret.search, paths))
        assert not {"$", "$.detail", "$.detail.container", "$.detail.ecsProperties"} & paths
        assert len(paths) <= 100
        placeholders = re.findall(r"<(\w+)>", transformer["InputTemplate"])
        assert sorted(placeholders) == sorted(transformer["InputPathsMap"])


def transformed(rule: dict[str, Any], event: dict[str, Any]) -> str:
    """Return the event as EventBridge transforms it: missing paths become empty strings, and strings are quoted."""
    transformer = rule["Targets"][0]["InputTransformer"]

    def value(path: str) -> Any:
        current: Any = event
        for part in re.findall(r"[\w-]+", path.removeprefix("$")):
            try:
                current = current[int(part)] if isinstance(current, list) else current[part]
            except (KeyError, IndexError, TypeError):
                return ""
        return current

    text = str(transformer["InputTemplate"])
    for name, path in transformer["InputPathsMap"].items():
        text = text.replace(f"<{name}>", json.dumps(value(path)))
    return text


def test_the_events_function_reads_events_of_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    (rule,) = (
        rule
        for rule in resources_of_type(build()[0], "Events::Rule")
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


def test_the_poller_function_reads_the_input_of_the_schedule() -> None:
    (schedule,) = resources_of_type(build()[0], "Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    poll_input = json.loads(schedule["Target"]["Input"])
    queues = {queue.name: queue for queue in read_queues(poll_input)}
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


def test_only_schedules_of_the_account_can_assume_the_role_of_the_schedule() -> None:
    trusts = [role["AssumeRolePolicyDocument"]["Statement"] for role in resources_of_type(build()[0], "IAM::Role")]
    (trust,) = (trust for (trust,) in trusts if trust["Principal"] == {"Service": "scheduler.amazonaws.com"})
    group = ":scheduler:us-east-1:111122223333:schedule-group/default"
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, group]]}},
    }


def batch_actions(statements: list[dict[str, Any]]) -> list[str]:
    actions = [statement["Action"] for statement in statements]
    lists = [action if isinstance(action, list) else [action] for action in actions]
    return sorted(action for group in lists for action in group if action.startswith("batch:"))


def test_functions_have_only_the_permissions_that_they_use() -> None:
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
    (snapshot,) = (statement for statement in poller if "batch:GetJobQueueSnapshot" in statement["Action"])
    assert len(snapshot["Resource"]) == 4


def test_queues_accept_only_encrypted_events_from_eventbridge_of_this_account() -> None:
    stack, _ = build()
    for queue in resources_of_type(stack, "SQS::Queue"):
        assert queue["SqsManagedSseEnabled"] is True
    for policy in resources_of_type(stack, "SQS::QueuePolicy"):
        statements = policy["PolicyDocument"]["Statement"]
        denials = [statement for statement in statements if statement["Effect"] == "Deny"]
        assert any("aws:SecureTransport" in json.dumps(statement) for statement in denials)
        for statement in statements:
            if statement["Effect"] == "Allow":
                assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}


def test_single_events_of_a_batch_may_fail() -> None:
    stack, _ = build()
    (mapping,) = resources_of_type(stack, "Lambda::EventSourceMapping")
    assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (100, ["ReportBatchItemFailures"])
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    for function in resources_of_type(stack, "Lambda::Function"):
        assert "ReservedConcurrentExecutions" not in function
        assert (function["Runtime"], function["Architectures"]) == ("python3.14", ["arm64"])
    assert all(group["LogGroupClass"] == "STANDARD" for group in resources_of_type(stack, "Logs::LogGroup"))


@pytest.mark.parametrize("flags", [recommended_flags(), {}], ids=["all recommended flags", "no flags"])
def test_cdk_nag_and_cfn_lint_report_nothing(flags: dict[str, Any]) -> None:
    app = App(context=flags)
    stack = Stack(app, "Stack", env=Environment(account="111122223333", region="us-east-1"))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    JobMetrics(stack, "Metrics", queues=[gpu_queue(stack)])
    app.synth()
    assert lint(json.dumps(template_of(stack)), config=ManualArgs(regions=["us-east-1"])) == []


def test_every_metric_has_a_method_with_its_unit_and_dimensions() -> None:
    _, metrics = build()
    exported = {name: entry for name, entry in CATALOG["metrics"].items() if entry["source"] != "fan_out"}
    for name, entry in exported.items():
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        for per in entry["per"]:
            arguments = {} if per == "queue" else {per: "v"}
            metric: cloudwatch.Metric = getattr(metrics, f"metric_{snake}")("p4", **arguments)
            assert (metric.metric_name, metric.namespace) == (name, "Fairlane")
            assert str(metric.unit).rpartition(".")[2] == entry["unit"].upper()
            assert metric.statistic == entry["statistic"]
            assert sorted(metric.dimensions or {}) == sorted(CATALOG["dimensions"][per])
    with pytest.raises(ValueError, match="no metric JobFailures is published by share"):
        metrics.metric("JobFailures", "p4", share="a")


def test_alarms_accept_the_health_metrics_of_the_exporter() -> None:
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
    assert len(resources_of_type(stack, "CloudWatch::Alarm")) == 5


def test_a_custom_namespace_and_interval() -> None:
    stack, metrics = build(namespace="Training/GPU", interval_minutes=5)
    assert resources_of_type(stack, "Scheduler::Schedule")[0]["ScheduleExpression"] == "rate(5 minutes)"
    functions = resources_of_type(stack, "Lambda::Function")
    names = {function["Environment"]["Variables"]["FAIRLANE_NAMESPACE"] for function in functions}
    assert names == {"Training/GPU"}
    assert metrics.metric_runnable_jobs("p4").namespace == "Training/GPU"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"queues": []}, "queues: 0 queues are given: give 1 to 50 queues"),
        (
            {"queues": "p4"},
            "queues: got 'p4', allowed: a list of TrainingQueue and GpuQueue; from_job_queue_arn imports other queues",
        ),
        (
            {"queues": ["p4"]},
            "queues[0]: got 'p4', allowed: a list of TrainingQueue and GpuQueue; from_job_queue_arn imports other queues",
        ),
        ({"shares": {"p5": ["a"]}}, "shares.p5: got 'p5', allowed: the name of one of the queues: p4, g6, g5, old"),
        ({"shares": {"old": "a"}}, "shares.old: got 'a', allowed: a list of share identifiers"),
        ({"shares": {"old": [f"s{n}" for n in range(101)]}}, "queues[3]: queue old has 101 shares: choose at most 100"),
        ({"shares": {"old": ["s" * 200 + str(n) for n in range(50)]}}, "shares: the shares of queue old take 10"),
        ({"shares": {"old": ["<evil>", ""]}}, "shares.old[0]: got '<evil>', allowed: a share identifier"),
        ({"instance_types": {"g6": 5}}, "instance_types.g6: got 5, allowed: an ml.* instance type"),
        ({"namespace": ":é"}, "namespace: got ':é', allowed: 1 to 255 characters"),
        ({"instance_types": {"p5": P4}}, "instance_types.p5: got 'p5', allowed: the name of one of the queues"),
        ({"interval_minutes": 0}, "interval_minutes: got 0, allowed: a whole number of minutes, 1 to 60"),
        ({"namespace": "AWS/Batch"}, "namespace: got 'AWS/Batch', allowed: 1 to 255 characters"),
    ],
)
def test_an_invalid_argument_is_refused(changes: dict[str, Any], problem: str) -> None:
    assert problems_of(lambda: build(**changes))[0].startswith(problem)


@pytest.mark.parametrize("arn", ["us-east-1:999999999999", "eu-west-1:111122223333"])
def test_a_queue_of_another_account_or_region_is_refused(arn: str) -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    queue = GpuQueue.from_job_queue_arn(stack, "Q", f"arn:aws:batch:{arn}:job-queue/q")
    (problem,) = problems_of(lambda: JobMetrics(stack, "M", queues=[queue]))
    assert problem.endswith("use a queue in the account and Region of this JobMetrics")


def test_a_queue_cannot_be_exported_twice_in_a_namespace() -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="us-east-1"))
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=1, scheduling=Fifo())
    JobMetrics(stack, "M", queues=[queue])
    JobMetrics(stack, "Other", queues=[queue], namespace="Other")
    (problem,) = problems_of(lambda: JobMetrics(stack, "Again", queues=[queue]))
    assert "Stack/M already exports queue q in namespace Fairlane" in problem


def test_a_failed_poll_is_not_retried() -> None:
    (config,) = resources_of_type(build()[0], "Lambda::EventInvokeConfig")
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)


def test_a_queue_given_twice_is_refused() -> None:
    stack = Stack(App(), "Stack")
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=1, scheduling=Fifo())
    assert problems_of(lambda: JobMetrics(stack, "M", queues=[queue, queue])) == [
        "queues[1]: queue q is given twice: remove one"
    ]


def test_fifty_queues_fit_with_one_share_and_not_with_twenty() -> None:
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
    assert problems[0].startswith("queues: all training queues with their shares take ")


def test_an_input_template_with_values_is_json() -> None:
    assert json.loads(
        input_template({"a": "b"}, {"queue": "q"}).replace("<type>", '""').replace("<time>", "1").replace("<a>", "[]")
    )
