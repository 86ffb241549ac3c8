"""Tests of refused arguments of `QueueAlarms`; the defaults are never refused."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Environment, Stack, Token
from aws_cdk import aws_sns as sns

from fairlane import (
    AlarmLimits,
    AlarmTopic,
    ExporterLimits,
    ExporterStale,
    FailureRate,
    FairShare,
    IdleCapacity,
    JobMetrics,
    OldestWait,
    QueueAlarms,
    QueueBlocked,
    StarvedShare,
    TrainingQueue,
)
from fairlane.monitoring.alarms import Truncated
from tests.fairlane.monitoring.alarms.monitored_queues import HERE, build, build_metrics, resources_of_type
from tests.fairlane.monitoring.alarms.test_queue_alarms import ARN
from tests.support import problems_of, recommended_flags

LAMBDA = "arn:aws:lambda:us-east-1:111122223333:function:page"
ARN_ALLOWED = "the ARN of an alarm action, for example arn:aws:sns:REGION:ACCOUNT:TOPIC"


MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"queue_limits": {"p4": AlarmLimits(starved_share={"Warning": StarvedShare(shares=["c"])})}},
        ["queue_limits.p4.starved_share.Warning.shares[0]: got 'c', allowed: a share of queue p4: a, b"],
    ),
    (
        {"queue_limits": {"gone": AlarmLimits()}},
        ["queue_limits.gone: got 'gone', allowed: the name of a queue of the JobMetrics: p4, g5, cpu, old"],
    ),
    (
        {"queue_limits": {"cpu": AlarmLimits(blocked={"Warning": QueueBlocked(reasons=["FULL"])})}},
        [
            "queue_limits.cpu.blocked.Warning.reasons[0]: got 'FULL', allowed: a reason of queue cpu: "
            "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY, MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED, "
            "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE, Other"
        ],
    ),
    (
        {"limits": AlarmLimits(starved_share={"Warning": StarvedShare(minutes=0, below_percent=100.5)})},
        [
            "limits.starved_share.Warning.minutes: got 0, allowed: a whole number of minutes, 1 to 1440",
            "limits.starved_share.Warning.below_percent: got 100.5, allowed: a number, 0.1 to 100",
        ],
    ),
    (
        {"limits": AlarmLimits(idle_capacity={"Warning": IdleCapacity(hours=169, below_percent=0)})},
        [
            "limits.idle_capacity.Warning.hours: got 169, allowed: a whole number of hours, 1 to 168 (an alarm evaluates "
            "at most one week)",
            "limits.idle_capacity.Warning.below_percent: got 0, allowed: a number, 0.1 to 100",
        ],
    ),
    (
        {"limits": AlarmLimits(oldest_wait={"very bad": OldestWait(hours=float("nan"))})},
        [
            "limits.oldest_wait.\"very bad\": got 'very bad', allowed: a severity of 1 to 32 letters and digits "
            "that starts with a letter and is not Queues, for example Warning",
            'limits.oldest_wait."very bad".hours: got nan, allowed: a number, 0.01 to 720',
        ],
    ),
    (
        {"limits": AlarmLimits(failure_rate={"Warning": OldestWait(hours=1)})},  # type: ignore[dict-item]
        ["limits.failure_rate.Warning: got OldestWait(hours=1), allowed: FailureRate(...)"],
    ),
    (
        {"limits": AlarmLimits(failure_rate=FailureRate())},  # type: ignore[arg-type]
        [
            "limits.failure_rate: got FailureRate(percent=50, minimum_jobs=10), allowed: limits by severity, for example "
            '{"Warning": FailureRate()}'
        ],
    ),
    (
        {"notify": {"Panic": [ARN]}},
        ["notify.Panic: got 'Panic', allowed: a severity of these alarms: Warning, Critical"],
    ),
    ({"notify": ARN}, [f"notify: got '{ARN}', allowed: a list of topics or ARNs"]),
    (
        {"notify": [f"{ARN}{n}" for n in range(6)]},
        ["notify: an alarm has at most 5 actions: remove 1 of the 6 targets"],
    ),
    ({"notify": ["pager"]}, [f"notify[0]: got 'pager', allowed: {ARN_ALLOWED}"]),
    (
        {"notify": {"Critical": [LAMBDA, "arn:aws:automate:us-east-1:ec2:reboot"]}},
        [f"notify.Critical[1]: got 'arn:aws:automate:us-east-1:ec2:reboot', allowed: {ARN_ALLOWED}"],
    ),
    (
        {"notify": ["arn:aws:sns:eu-west-1:111122223333:alarms"]},
        [
            "notify[0]: got 'arn:aws:sns:eu-west-1:111122223333:alarms', allowed: an ARN in us-east-1, the "
            "Region of the alarms"
        ],
    ),
    (
        {"notify": [None, 5]},
        [
            "notify[0]: missing; use an SNS topic or an ARN",
            "notify[1]: got 5, allowed: an SNS topic or an ARN",
        ],
    ),
    ({"notify": 5}, ["notify: got 5, allowed: a list of topics or ARNs"]),
    ({"limits": {}}, ["limits: got {}, allowed: AlarmLimits(...)"]),
    (
        {"limits": ExporterLimits(), "exporter_limits": AlarmLimits(blocked={})},
        [
            "limits: got ExporterLimits(stale=None, dead_letters=None, truncated=None), allowed: AlarmLimits(...)",
            f"exporter_limits: got {str(AlarmLimits(blocked={}))[:120]}..., allowed: ExporterLimits(...)",
        ],
    ),
    ({"queue_limits": {"p4": None}}, ["queue_limits.p4: missing; use AlarmLimits(...)"]),
    ({"queue_limits": ["p4"]}, ["queue_limits: got ['p4'], allowed: AlarmLimits by queue name"]),
    ({"runbooks": None}, ["runbooks: missing; use an address of at most 500 characters without spaces"]),
    (
        {"runbooks": "our wiki"},
        ["runbooks: got 'our wiki', allowed: an address of at most 500 characters without spaces"],
    ),
    (
        {"exporter_limits": ExporterLimits(stale={"Queues": ExporterStale()})},
        [
            "exporter_limits.stale.Queues: got 'Queues', allowed: a severity of 1 to 32 letters and digits that starts with "
            "a letter and is not Queues, for example Warning"
        ],
    ),
    (
        {"limits": AlarmLimits(starved_share={"Warning": StarvedShare(shares=["b", "research", "none"])})},
        [
            "limits.starved_share.Warning.shares[2]: got 'none', allowed: a share of queues p4, g5, cpu, old: a, b, prod, "
            "research",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "problems"), MISTAKES)
def test_invalid_arguments_are_refused_before_a_construct_is_created(
    changes: dict[str, Any], problems: list[str]
) -> None:
    stack, metrics = build()
    settings: dict[str, Any] = {"metrics": metrics, "notify": [ARN]} | changes
    assert problems_of(lambda: QueueAlarms(stack, "Alarms", **settings)) == problems
    assert stack.node.try_find_child("Alarms") is None


def test_a_limit_below_the_polling_interval_is_refused(stack: Stack) -> None:
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=16, scheduling=FairShare({"x": 1}))
    metrics = JobMetrics(stack, "Metrics", queues=[queue], interval_minutes=50)
    limits = AlarmLimits(
        oldest_wait={"Warning": OldestWait(hours=0.5)},
        starved_share={"Warning": StarvedShare(minutes=49)},
        idle_while_waiting={},
    )
    exporter = ExporterLimits(stale={"Critical": ExporterStale(minutes=1440)}, truncated={})
    advice = "is shorter than the polling interval of 50 minutes: use 50 minutes or more"
    assert problems_of(
        lambda: QueueAlarms(stack, "A", metrics=metrics, notify=[ARN], limits=limits, exporter_limits=exporter)
    ) == [
        f"limits.oldest_wait.Warning.hours: 0.5 hours {advice}",
        f"limits.starved_share.Warning.minutes: 49 minutes {advice}",
        "exporter_limits.stale.Critical.minutes: got 1440, allowed: at most 1400 minutes (whole periods of 50 minutes "
        "within a day)",
    ]


def test_a_stale_limit_below_two_polling_intervals_is_refused(stack: Stack) -> None:
    metrics = build_metrics(stack, interval_minutes=15)

    def alarms(minutes: int) -> QueueAlarms:
        limits = ExporterLimits(stale={"Critical": ExporterStale(minutes=minutes)})
        return QueueAlarms(stack, f"A{minutes}", metrics=metrics, notify=[ARN], exporter_limits=limits)

    for minutes in (14, 15, 29):
        assert problems_of(partial(alarms, minutes)) == [
            f"exporter_limits.stale.Critical.minutes: {minutes} minutes is shorter than two polling intervals of 15 minutes: "
            "use 30 minutes or more"
        ]
    assert "Exporter/Queues/p4/stale-Critical" in alarms(30).alarms


@pytest.mark.parametrize(
    ("limits", "where"),
    [
        (
            AlarmLimits(oldest_wait={"Warning": OldestWait(hours=Token.as_number({"Ref": "P"}))}),
            "oldest_wait.Warning.hours",
        ),
        (
            AlarmLimits(failure_rate={"Warning": FailureRate(minimum_jobs=round(Token.as_number({"Ref": "P"})))}),
            "failure_rate.Warning.minimum_jobs",
        ),
    ],
)
def test_a_limit_that_is_a_token_is_refused(limits: AlarmLimits, where: str) -> None:
    stack, metrics = build()
    allowed = "a value known at synth, because the alarm's expression contains it"
    assert problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], limits=limits)) == [
        f"limits.{where}: got a value known only at deployment, allowed: {allowed}"
    ]


def test_metrics_that_are_no_construct_are_refused(stack: Stack) -> None:
    for metrics in (None, "JobMetrics"):
        (problem,) = problems_of(partial(QueueAlarms, stack, "Alarms", metrics=metrics))  # type: ignore[arg-type]
        assert problem.endswith("a JobMetrics")


@pytest.mark.parametrize("interval", [1, 8, 31, 60])
def test_default_limits_last_at_least_one_polling_interval(stack: Stack, interval: int) -> None:
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=16, scheduling=FairShare({"x": 1}))
    metrics = JobMetrics(stack, "Metrics", queues=[queue], interval_minutes=interval)
    limits = AlarmLimits(failure_rate={})
    settings: list[dict[str, Any]] = [
        {},
        {"limits": limits, "exporter_limits": ExporterLimits(dead_letters={})},
        {"limits": limits, "queue_limits": {"q": replace(limits, blocked={})}},
    ]
    constructs = [
        QueueAlarms(stack, f"A{n}", metrics=metrics, notify=[ARN], name_prefix=f"a{n}", **arguments)
        for n, arguments in enumerate(settings)
    ]
    resources = resources_of_type(stack, "CloudWatch::Alarm")
    for alarms in constructs:
        by_path = {path: resources[stack.get_logical_id(alarm)] for path, alarm in alarms.alarms.items()}
        for path, minimum in (
            ("Queues/q/starved-share-x-Warning", max(60, interval)),
            ("Queues/q/idle-while-waiting-Warning", max(30, interval)),
            ("Exporter/Queues/q/stale-Critical", max(15, 2 * interval)),
            ("Exporter/Queues/q/truncated-Warning", max(30, interval)),
        ):
            queries = by_path[path]["Metrics"]
            (period, *others) = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
            assert not others
            assert period == 60 * max(5, interval)
            assert minimum <= by_path[path]["EvaluationPeriods"] * period / 60 < minimum + max(5, interval)


def test_custom_limits_are_not_changed() -> None:
    limits = ExporterLimits(truncated={"Warning": Truncated(minutes=20)})
    kinds = {(kind, severity): limit for kind, severity, limit in limits.limits(60)}
    assert kinds["truncated", "Warning"] == Truncated(minutes=20)
    assert kinds["stale", "Critical"] == ExporterStale(minutes=120)


def test_shares_and_reasons_of_common_limits_need_one_queue_that_has_them() -> None:
    stack, metrics = build()
    limits = AlarmLimits(
        starved_share={"Warning": StarvedShare(shares=["b"])},
        blocked={"Warning": QueueBlocked(reasons=["MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"])},
    )
    queue_limits = {"cpu": replace(limits, failure_rate={})}
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], limits=limits, queue_limits=queue_limits)
    assert {path for path in alarms.alarms if "starved" in path} == {"Queues/p4/starved-share-b-Warning"}
    assert {path.split("/")[1] for path in alarms.alarms if "blocked" in path} == {"g5", "old"}


def test_metrics_of_another_account_or_region_are_refused() -> None:
    app = App(context=recommended_flags())
    stack = Stack(app, "Here", env=HERE)
    metrics = build_metrics(stack)
    expected = [
        "metrics: Here/Metrics is in another account or Region: create QueueAlarms in the account and Region of its "
        "JobMetrics"
    ]
    for n, env in enumerate(
        (
            Environment(account="111122223333", region="eu-west-1"),
            Environment(account="444455556666", region="us-east-1"),
            Environment(region="us-east-1"),
            None,
        )
    ):
        other = Stack(app, f"There{n}", env=env)
        assert problems_of(partial(QueueAlarms, other, "Alarms", metrics=metrics)) == expected
    QueueAlarms(Stack(app, "Beside", env=HERE), "Alarms", metrics=metrics)


def test_stacks_without_a_region_count_as_the_same_place() -> None:
    app = App(context=recommended_flags())
    metrics = build_metrics(Stack(app, "One"))
    QueueAlarms(Stack(app, "Two"), "Alarms", metrics=metrics)


def test_topics_of_another_region_and_alarm_topics_are_refused() -> None:
    stack, metrics = build()
    app = stack.node.root
    assert isinstance(app, App)
    other = Stack(app, "There", env=Environment(account="111122223333", region="eu-west-1"))
    topics: list[Any] = [
        sns.Topic.from_topic_arn(stack, "Far", "arn:aws:sns:eu-west-1:111122223333:alarms"),
        sns.Topic(other, "Topic", topic_name="alarms"),
        AlarmTopic(stack, "Ours", subscriptions=["gpus@example.com"]),
        sns.Topic(stack, "Near"),
        CfnParameter(stack, "Arn").value_as_string,
        "arn:aws:ssm-incidents::111122223333:response-plan/gpus",
        "arn:aws:ssm:us-east-1:111122223333:opsitem:1",
    ]
    other_region = "the topic is in eu-west-1 and the alarms are in us-east-1: use a topic in us-east-1"
    assert problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, notify=topics)) == [
        f"notify[0]: {other_region}",
        f"notify[1]: {other_region}",
        "notify[2]: Stack/Ours is an AlarmTopic: use its attribute topic",
    ]
    parameter = CfnParameter(stack, "Arns", type="CommaDelimitedList").value_as_list
    QueueAlarms(stack, "Alarms", metrics=metrics, notify={"Warning": topics[3:], "Critical": parameter})
    composites = resources_of_type(stack, "CloudWatch::CompositeAlarm").values()
    assert {"Ref": "Arns"} in [composite["AlarmActions"] for composite in composites]
