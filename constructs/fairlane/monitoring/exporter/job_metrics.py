"""Exporter of job metrics: two Lambda functions with their EventBridge rules, SQS queues and schedule."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.event_queues import CONSUMER_ACTIONS, consume, event_queue, rule_dead_letters
from fairlane._internal.functions import Function, lambda_code
from fairlane._internal.iam_statements import allow
from fairlane._internal.lambda_package import metrics_catalog
from fairlane._internal.log_encryption import AnyKey, log_key_arn, log_key_problems
from fairlane._internal.schedules import add_schedule
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.exporter.event_bus import MAX_TEMPLATE_CHARACTERS, add_rules, input_template
from fairlane.monitoring.exporter.exported_metrics import ExportedMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.exporter.queue_reader import AnyQueue, job_metrics_problems, read_queue

_EVENTS_TIMEOUT_SECONDS: Final = 60
_POLL_TIMEOUT_SECONDS: Final = 55
_BATCH_WINDOW_SECONDS: Final = 30
_CLAIM: Final = "metrics of a queue"
_MAX_INPUT_BYTES: Final = 256 * 1024


class JobMetrics(ExportedMetrics):
    """Exporter of the job metrics that AWS Batch does not publish: waiting jobs and their age, shares, failure reasons.

    EventBridge sends the last event of each job through an SQS queue to a function that prints durations, failures and
    GPU-seconds. A second function polls the queues and prints gauges. Both functions print CloudWatch's embedded metric
    format, so publishing costs log lines, not API calls. The number of series is bounded: queues, their declared shares
    and `other`, and reasons. Metrics that AWS publishes free of charge for each queue (`queue.metric_*()`) are not
    published again.

    An event is delivered at least once, and is remembered as counted only after its metrics are printed. It is counted
    exactly once by a warm container of the function; two containers may count it twice. No log and no metric contains a
    job's environment, command, payload or tags. The SQS queues contain them only where AWS quotes them in status
    reasons and container reasons, for example the command line of a failed script. AWS does not document the contents
    of an event that EventBridge sends to `rule_dead_letters`.

    Updates: all in place. Unverified: not run against an AWS account. Sources: "AWS Batch event stream",
    "GetJobQueueSnapshot" and "ListJobs" in the AWS Batch documentation; "Input transformation" in the EventBridge
    documentation; "Embedded metric format" in the CloudWatch documentation.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        queues: 1 to 50 queues in the stack's account and Region, imported or not: of SageMaker training jobs or of
            container jobs.
        shares: Names of the shares to publish metrics of, by queue name. An entry may end in `*`. Jobs of all other
            shares are counted as `other`. Default: the shares of the queue's policy; none for an imported queue.
        instance_types: `ml.*` instance type by queue name, which gives the number of GPUs if the capacity is a number
            of instances of any type. Default: none.
        interval_minutes: Polling interval in minutes, 1 to 60. Default: 1.
        namespace: CloudWatch namespace of the metrics. Default: Fairlane.
        log_encryption_key: KMS key of the log groups of both functions, or its ARN, as in `TrainingVpc`. Default:
            encryption with a key of CloudWatch Logs.

    Attributes:
        queues: Monitored queues by name.
        events_function: Function that publishes metrics of ended jobs.
        poller_function: Function that publishes gauges.
        events: SQS queue of events.
        dead_letters: Dead-letter queue of events that could not be processed.
        rule_dead_letters: Dead-letter queue of events that EventBridge could not deliver.

    Raises:
        ConfigurationError: If a queue, a share, an instance type or a setting is not valid.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queues: Sequence[AnyQueue],
        shares: Mapping[str, Sequence[str]] | None = None,
        instance_types: Mapping[str, str] | None = None,
        interval_minutes: int = 1,
        namespace: str | None = None,
        log_encryption_key: AnyKey | None = None,
    ) -> None:
        shares, instance_types = shares or {}, instance_types or {}
        namespace = metrics_catalog()["namespace"] if namespace is None else namespace
        home = Claims.regional(scope)
        problems = list(job_metrics_problems(queues, shares, instance_types, interval_minutes, namespace, home))
        problems += log_key_problems(scope, log_encryption_key)
        monitored: list[MonitoredQueue] = []
        if not problems:
            monitored = [
                read_queue(queue, shares.get(name), instance_types.get(name), home, queues)
                for queue in queues
                for name in [queue.job_queue_name]
            ]
            problems = _size_problems(monitored)
        for queue in monitored:
            if owner := home.owner(_CLAIM, f"{namespace} {queue.name}"):
                sentence = (
                    f"{owner} already exports queue {queue.name} in namespace {namespace}: "
                    "export each queue once in a namespace, or its counts double"
                )
                problems.append(Problem.relation(("queues",), sentence))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        code = lambda_code(self)
        home.adopt(self)
        for queue in monitored:
            home.add(_CLAIM, f"{namespace} {queue.name}", self)
        self.namespace = namespace
        self.period = cdk.Duration.minutes(interval_minutes)
        self.queues = {queue.name: queue for queue in monitored}
        self.dead_letters = event_queue(self, "DeadLetters", None)
        self.rule_dead_letters = rule_dead_letters(self, "RuleDeadLetters")
        self.events = event_queue(self, "Events", self.dead_letters)
        add_rules(Construct(self, "Rules"), monitored, self.events, self.rule_dead_letters)
        self._log_key = log_key_arn(self, log_encryption_key)
        self.events_function = self._events_function(code, any(queue.service for queue in monitored))
        self.poller_function = self._poller_function(code, monitored)

    def _events_function(self, code: s3_assets.Asset, service_jobs: bool) -> Function:
        function = Function(
            self,
            "EventsFunction",
            code=code,
            handler="job_events",
            timeout_seconds=_EVENTS_TIMEOUT_SECONDS,
            environment={"FAIRLANE_NAMESPACE": self.namespace},
            statements=[
                allow(CONSUMER_ACTIONS, [self.events.queue_arn]),
                *([allow(["batch:DescribeServiceJob"], ["*"])] if service_jobs else []),
            ],
            wildcards={"*": "AWS Batch supports no resource-level permissions for describing a job"}
            if service_jobs
            else {},
            log_key=self._log_key,
        )
        consume(self, "EventsMapping", function, self.events, _BATCH_WINDOW_SECONDS)
        return function

    def _poller_function(self, code: s3_assets.Asset, queues: Sequence[MonitoredQueue]) -> Function:
        list_actions = ["batch:DescribeJobDefinitions", "batch:ListJobs", "batch:ListServiceJobs"]
        function = Function(
            self,
            "PollerFunction",
            code=code,
            handler="queue_poller",
            timeout_seconds=_POLL_TIMEOUT_SECONDS,
            environment={"FAIRLANE_NAMESPACE": self.namespace},
            statements=[
                allow(list_actions, ["*"]),
                allow(["batch:GetJobQueueSnapshot"], [queue.arn for queue in queues]),
            ],
            wildcards={"*": "AWS Batch supports no resource-level permissions for listing"},
            log_key=self._log_key,
        )
        add_schedule(self, function, self.period, _poller_input(queues))
        return function

    def metric_dead_letters(self) -> cloudwatch.IMetric:
        """Return the number of events in both dead-letter queues, for the health of the exporter."""
        metrics = {
            name: queue.metric_approximate_number_of_messages_visible(statistic="Maximum")
            for name, queue in (("used", self.dead_letters), ("delivered", self.rule_dead_letters))
        }
        return cloudwatch.MathExpression(
            expression="used + delivered", using_metrics=metrics, label="Dead letters", period=cdk.Duration.minutes(5)
        )

    def metric_age_of_oldest_event(self) -> cloudwatch.Metric:
        """Return the age of the oldest event that waits to be counted, in seconds, for the health of the exporter."""
        return self.events.metric_approximate_age_of_oldest_message(statistic="Maximum")

    def metric_function_errors(self) -> cloudwatch.IMetric:
        """Return the number of failed invocations of both functions, for the health of the exporter."""
        functions = {"events": self.events_function, "poller": self.poller_function}
        metrics = {
            name: cloudwatch.Metric(
                namespace="AWS/Lambda",
                metric_name="Errors",
                dimensions_map={"FunctionName": function.name},
                statistic="Sum",
            )
            for name, function in functions.items()
        }
        return cloudwatch.MathExpression(
            expression="events + poller", using_metrics=metrics, label="Errors", period=cdk.Duration.minutes(5)
        )

    def metric_polls(self, queue: str) -> cloudwatch.Metric:
        """Return the number of polls of a queue, for the health of the exporter. Without polls, gauges are stale."""
        return self.metric("PollErrors", queue).with_(statistic="SampleCount")

    def metric_emf_errors(self) -> cloudwatch.IMetric:
        """Return the number of log lines that CloudWatch could not read as metrics, for the health of the exporter."""
        groups = {"events": self.events_function, "poller": self.poller_function}
        metrics = {
            f"{name}{number}": cloudwatch.Metric(
                namespace="AWS/Logs",
                metric_name=metric,
                dimensions_map={"LogGroupName": group.log_group_name},
                statistic="Sum",
            )
            for name, group in groups.items()
            for number, metric in enumerate(("EMFParsingErrors", "EMFValidationErrors", "EMFDisabledErrors"))
        }
        return cloudwatch.MathExpression(
            expression=" + ".join(metrics), using_metrics=metrics, label="EMF errors", period=cdk.Duration.minutes(5)
        )


def _poller_input(queues: Sequence[MonitoredQueue]) -> str:
    return json.dumps({"queues": [queue.poll() for queue in queues]}, separators=(",", ":"))


def _size_problems(queues: Sequence[MonitoredQueue]) -> list[Problem]:
    """Return the problems of names that exceed EventBridge's limits on templates and inputs."""
    problems = []
    templates: list[tuple[str, str, dict[str, Any]]] = [
        ("shares", f"the shares of queue {queue.name}", {"queue": queue.name, "shares": list(queue.shares)})
        for queue in queues
    ]
    training = {queue.name: list(queue.shares) for queue in queues if queue.service}
    templates.append(("queues", "all training queues with their shares", {"queues": training}))
    most = MAX_TEMPLATE_CHARACTERS - 1_000  # leaves room for the placeholders of each template
    for field, subject, static in templates:
        if (size := len(input_template({}, static))) > most:
            sentence = (
                f"{subject} take {size} characters in an EventBridge rule, and at most {most} fit: "
                "use fewer or shorter names"
            )
            problems.append(Problem.relation((field,), sentence))
    if (size := len(_poller_input(queues))) > _MAX_INPUT_BYTES:
        sentence = (
            f"all queues with their shares take {size} characters in the poller's input, and at most "
            f"{_MAX_INPUT_BYTES} fit: use fewer or shorter names"
        )
        problems.append(Problem.relation(("queues",), sentence))
    return problems
