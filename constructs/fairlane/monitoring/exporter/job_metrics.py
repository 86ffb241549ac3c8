"""The exporter of job metrics: two Lambda functions, and all that feeds them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.functions import Function, code_of_functions
from fairlane._internal.iam_statements import allow
from fairlane._internal.lambda_package import metrics_catalog
from fairlane._internal.service_role import service_role
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.exporter.event_bus import MAX_TEMPLATE, add_rules, template_of
from fairlane.monitoring.exporter.exported_metrics import ExportedMetrics
from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.exporter.queue_reader import AnyQueue, job_metrics_problems, read_queue

_EVENTS_TIMEOUT: Final = 60
_POLL_TIMEOUT: Final = 55
_BATCH: Final = 100
_WINDOW: Final = 30
_MOST_RECEIVES: Final = 5
_KEPT: Final = cdk.Duration.days(14)
_CONCURRENCY: Final = 2
_CONSUME: Final = [
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
]
_EXPORTED: Final = "metrics of a queue"
_MAX_INPUT: Final = 256 * 1024


class JobMetrics(ExportedMetrics):
    """Metrics of what AWS Batch says nothing of: how many jobs wait now and since when, by share, and why jobs fail.

    Last events of jobs go from EventBridge through an SQS queue to a function, which prints durations, failures and
    GPU-seconds; a second function polls the queues and prints gauges. Both print CloudWatch's embedded metric format,
    so that publishing costs log lines, not calls. Series are bounded: queues, their declared shares and `other`, and
    reasons. What AWS publishes per queue for free (`queue.metric_*()`) is not published again.

    An event is delivered at least once. Duplicates are counted once within a batch and within a warm container of the
    function; across containers they may count twice. A job's environment, command, payload and tags are in no log or
    metric of this, and in its queues only as far as AWS itself quotes them in status and container reasons, such as the
    command line of a failed script. What EventBridge puts into `rule_dead_letters` of an event that it could not
    deliver is not documented.

    Updates: all in place. Nothing of it has been run against an AWS account. Sources: "AWS Batch event stream",
    "GetJobQueueSnapshot" and "ListJobs" in the AWS Batch documentation; "Input transformation" in EventBridge's;
    "Embedded metric format" in CloudWatch's.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        queues: 1 to 50, in the stack's account and Region, made here or elsewhere; of SageMaker training jobs or of
            containers.
        shares: by a queue's name, the shares to publish for, instead of those of its policy; of a queue that is made
            elsewhere none are known. An entry may end in `*`. Jobs of all other shares are `other`.
        instance_types: by a queue's name, the `ml.*` type that its GPUs are counted by, where its capacity is a number
            of instances of any type.
        interval_minutes: how often queues are polled, 1 to 60.
        namespace: where the metrics are in CloudWatch.

    Attributes:
        queues: what is known of each queue, by its name.
        events_function: prints what has ended.
        poller_function: prints what stands.
        events: the queue of events.
        dead_letters: events that could not be used.
        rule_dead_letters: events that EventBridge could not deliver.

    Raises:
        ConfigurationError: With every queue, share, instance type and setting that cannot be right.
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
    ) -> None:
        shares, instance_types = shares or {}, instance_types or {}
        namespace = metrics_catalog()["namespace"] if namespace is None else namespace
        where = Claims.at(scope)
        problems = list(job_metrics_problems(queues, shares, instance_types, interval_minutes, namespace, where))
        seen: list[MonitoredQueue] = []
        if not problems:
            seen = [
                read_queue(queue, shares.get(name), instance_types.get(name), where, queues)
                for queue in queues
                for name in [queue.job_queue_name]
            ]
            problems = _size_problems(seen)
        for one in seen:
            if owner := where.owner(_EXPORTED, f"{namespace} {one.name}"):
                allowed = f"each queue once in a namespace: {owner} has it, and counts would double"
                problems.append(Problem(("queues",), one.name, allowed))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        where.adopt(self)
        for one in seen:
            where.add(_EXPORTED, f"{namespace} {one.name}", self)
        self.namespace = namespace
        self.period = cdk.Duration.minutes(interval_minutes)
        self.queues = {one.name: one for one in seen}
        self.dead_letters = self._queue("DeadLetters", None)
        self.rule_dead_letters = self._queue("RuleDeadLetters", None)
        is_one = "it is the dead-letter queue of the rules, which cdk-nag does not see"
        finding = cdk.Acknowledgment(id="AwsSolutions-SQS3", reason=is_one)
        cdk.Validations.of(self.rule_dead_letters).acknowledge(finding)
        self.events = self._queue("Events", self.dead_letters)
        add_rules(Construct(self, "Rules"), seen, self.events, self.rule_dead_letters)
        code = code_of_functions(self)
        self.events_function = self._events_function(code, any(one.service for one in seen))
        self.poller_function = self._poller_function(code, seen)

    def _queue(self, construct_id: str, dead_letters: sqs.Queue | None) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
            visibility_timeout=cdk.Duration.seconds(6 * 60 + 30) if dead_letters else None,
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=_MOST_RECEIVES, queue=dead_letters)
            if dead_letters
            else None,
        )

    def _events_function(self, code: s3_assets.Asset, service_jobs: bool) -> Function:
        function = Function(
            self,
            "EventsFunction",
            code=code,
            handler="job_events",
            timeout_seconds=_EVENTS_TIMEOUT,
            environment={"FAIRLANE_NAMESPACE": self.namespace},
            statements=[
                allow(_CONSUME, [self.events.queue_arn]),
                *([allow(["batch:DescribeServiceJob"], ["*"])] if service_jobs else []),
            ],
            wildcards={"*": "AWS Batch knows no resource for describing a job"} if service_jobs else {},
        )
        mapping = lambda_.CfnEventSourceMapping
        mapping(
            self,
            "EventsMapping",
            function_name=function.name,
            event_source_arn=self.events.queue_arn,
            batch_size=_BATCH,
            maximum_batching_window_in_seconds=_WINDOW,
            scaling_config=mapping.ScalingConfigProperty(maximum_concurrency=_CONCURRENCY),
            function_response_types=["ReportBatchItemFailures"],
        )
        return function

    def _poller_function(self, code: s3_assets.Asset, queues: Sequence[MonitoredQueue]) -> Function:
        lists = ["batch:DescribeJobDefinitions", "batch:ListJobs", "batch:ListServiceJobs"]
        function = Function(
            self,
            "PollerFunction",
            code=code,
            handler="queue_poller",
            timeout_seconds=_POLL_TIMEOUT,
            environment={"FAIRLANE_NAMESPACE": self.namespace},
            statements=[allow(lists, ["*"]), allow(["batch:GetJobQueueSnapshot"], [one.arn for one in queues])],
            wildcards={"*": "AWS Batch knows no resource for listing"},
        )
        invoke = allow(["lambda:InvokeFunction"], [function.arn])
        role = service_role(self, "ScheduleRole", "scheduler.amazonaws.com", [invoke])
        scheduler.CfnSchedule(
            self,
            "Schedule",
            schedule_expression=f"rate({self.period.to_minutes()} minute{'s' if self.period.to_minutes() > 1 else ''})",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.arn,
                role_arn=role.attr_arn,
                input=_input_of(queues),
                # The next poll says all that a late one would.
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=0, maximum_event_age_in_seconds=60
                ),
            ),
        )
        # The schedule's own retries are not those of Lambda, which runs it asynchronously.
        lambda_.CfnEventInvokeConfig(
            self,
            "PollerInvocations",
            function_name=function.name,
            qualifier="$LATEST",
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=60,
        )
        return function

    def metric_dead_letters(self) -> cloudwatch.IMetric:
        """The exporter's own health: events in either dead-letter queue."""
        metrics = {
            name: queue.metric_approximate_number_of_messages_visible(statistic="Maximum")
            for name, queue in (("used", self.dead_letters), ("delivered", self.rule_dead_letters))
        }
        return cloudwatch.MathExpression(
            expression="used + delivered", using_metrics=metrics, label="Dead letters", period=cdk.Duration.minutes(5)
        )

    def metric_age_of_oldest_event(self) -> cloudwatch.Metric:
        """The exporter's own health: how long the oldest event waits to be counted, in seconds."""
        return self.events.metric_approximate_age_of_oldest_message(statistic="Maximum")

    def metric_function_errors(self) -> cloudwatch.IMetric:
        """The exporter's own health: invocations of its functions that failed."""
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
        """The exporter's own health: how often a queue was polled; none means that its gauges are stale."""
        return self.metric("PollErrors", queue).with_(statistic="SampleCount")

    def metric_emf_errors(self) -> cloudwatch.IMetric:
        """The exporter's own health: log lines that CloudWatch could not read as metrics."""
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


def _input_of(queues: Sequence[MonitoredQueue]) -> str:
    return json.dumps({"queues": [one.poll() for one in queues]}, separators=(",", ":"))


def _size_problems(queues: Sequence[MonitoredQueue]) -> list[Problem]:
    """What EventBridge would refuse: its templates and inputs have limits."""
    problems = []
    told: list[tuple[str, dict[str, Any]]] = [
        ("shares", {"queue": one.name, "shares": list(one.shares)}) for one in queues
    ]
    told.append(("queues", {"queues": {one.name: list(one.shares) for one in queues if one.service}}))
    for field, what in told:
        if (size := len(template_of({}, what))) > MAX_TEMPLATE - 1_000:  # and what is the same for all
            problems.append(
                Problem(
                    (field,), f"{size} characters", f"at most {MAX_TEMPLATE - 1_000}: fewer shares or shorter names"
                )
            )
    if (size := len(_input_of(queues))) > _MAX_INPUT:
        problems.append(Problem(("queues",), f"{size} characters", f"at most {_MAX_INPUT} for the poller"))
    return problems
