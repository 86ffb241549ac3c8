"""What is refused of alarms, and that defaults never are."""

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
from tests.fairlane.monitoring.alarms.test_queue_alarms import ARN
from tests.fairlane.monitoring.alarms.watching import HERE, build, metrics_of, of_type
from tests.support import problems_of, recommended_flags

LAMBDA = "arn:aws:lambda:us-east-1:111122223333:function:page"
ARN_ALLOWED = "the ARN of what an alarm may call, such as arn:aws:sns:REGION:ACCOUNT:TOPIC"


MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"queue_limits": {"p4": AlarmLimits(starved_share={"Warning": StarvedShare(shares=["c"])})}},
        ["queue_limits.p4.starved_share.Warning.shares[0]: got 'c', allowed: one of queue p4: a, b"],
    ),
    (
        {"queue_limits": {"gone": AlarmLimits()}},
        ["queue_limits.gone: got 'gone', allowed: one of the queues: p4, g5, cpu, old"],
    ),
    (
        {"queue_limits": {"cpu": AlarmLimits(blocked={"Warning": QueueBlocked(reasons=["FULL"])})}},
        [
            "queue_limits.cpu.blocked.Warning.reasons[0]: got 'FULL', allowed: one of queue cpu: "
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
            "limits.idle_capacity.Warning.hours: got 169, allowed: a whole number of hours, 1 to 168: periods of an "
            "alarm add up to a week at most",
            "limits.idle_capacity.Warning.below_percent: got 0, allowed: a number, 0.1 to 100",
        ],
    ),
    (
        {"limits": AlarmLimits(oldest_wait={"very bad": OldestWait(hours=float("nan"))})},
        [
            "limits.oldest_wait.\"very bad\": got 'very bad', allowed: a severity: 1 to 32 letters and digits, a letter "
            "first, such as Warning or Critical",
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
            "limits.failure_rate: got FailureRate(percent=50, of_at_least=10), allowed: limits by severity, such as "
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
        ["notify: got '6 targets', allowed: at most 5, as many as an alarm has"],
    ),
    ({"notify": ["pager"]}, [f"notify[0]: got 'pager', allowed: {ARN_ALLOWED}"]),
    (
        {"notify": {"Critical": [LAMBDA, "arn:aws:automate:us-east-1:ec2:reboot"]}},
        [f"notify.Critical[1]: got 'arn:aws:automate:us-east-1:ec2:reboot', allowed: {ARN_ALLOWED}"],
    ),
    (
        {"notify": ["arn:aws:sns:eu-west-1:111122223333:alarms"]},
        [
            "notify[0]: got 'arn:aws:sns:eu-west-1:111122223333:alarms', allowed: one in us-east-1, as alarms call "
            "nothing in another Region"
        ],
    ),
    (
        {"notify": [None, 5]},
        [f"notify[{n}]: got '{one}', allowed: a topic of Amazon SNS, or an ARN" for n, one in enumerate((None, 5))],
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
    ({"queue_limits": ["p4"]}, ["queue_limits: got ['p4'], allowed: limits by a queue's name"]),
    ({"runbooks": None}, ["runbooks: missing; use an address of up to 500 characters, no spaces"]),
    ({"runbooks": "our wiki"}, ["runbooks: got 'our wiki', allowed: an address of up to 500 characters, no spaces"]),
    (
        {"exporter_limits": ExporterLimits(stale={"Queues": ExporterStale()})},
        [
            "exporter_limits.stale.Queues: got 'Queues', allowed: a severity: 1 to 32 letters and digits, a letter first, "
            "such as Warning or Critical"
        ],
    ),
    (
        {"limits": AlarmLimits(starved_share={"Warning": StarvedShare(shares=["b", "research", "none"])})},
        [
            "limits.starved_share.Warning.shares[2]: got 'none', allowed: one of queues p4, g5, cpu, old: a, b, prod, research",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "problems"), MISTAKES)
def test_mistakes_are_found_before_anything_is_made(changes: dict[str, Any], problems: list[str]) -> None:
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
    allowed = "no less than the 50 minutes between two polls, which tell nothing sooner"
    assert problems_of(
        lambda: QueueAlarms(stack, "A", metrics=metrics, notify=[ARN], limits=limits, exporter_limits=exporter)
    ) == [
        f"limits.oldest_wait.Warning.hours: got 0.5, allowed: {allowed}",
        f"limits.starved_share.Warning.minutes: got 49, allowed: {allowed}",
        "exporter_limits.stale.Critical.minutes: got 1440, allowed: at most 1400 minutes, as periods of 50 minutes add up "
        "to a day",
    ]


def test_that_a_queue_is_stale_takes_two_intervals_of_polls(stack: Stack) -> None:
    metrics = metrics_of(stack, interval_minutes=15)

    def alarms(minutes: int) -> QueueAlarms:
        limits = ExporterLimits(stale={"Critical": ExporterStale(minutes=minutes)})
        return QueueAlarms(stack, f"A{minutes}", metrics=metrics, notify=[ARN], exporter_limits=limits)

    for minutes in (14, 15, 29):
        assert problems_of(partial(alarms, minutes)) == [
            f"exporter_limits.stale.Critical.minutes: got {minutes}, allowed: no less than 30, two intervals of polls"
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
            AlarmLimits(failure_rate={"Warning": FailureRate(of_at_least=round(Token.as_number({"Ref": "P"})))}),
            "failure_rate.Warning.of_at_least",
        ),
    ],
)
def test_limits_are_known_at_synth(limits: AlarmLimits, where: str) -> None:
    stack, metrics = build()
    allowed = "what is known at synth, as expressions are made of it"
    assert problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], limits=limits)) == [
        f"limits.{where}: got a value known only at deployment, allowed: {allowed}"
    ]


@pytest.mark.parametrize("interval", [1, 8, 31, 60])
def test_what_is_not_named_is_never_shorter_than_the_interval(stack: Stack, interval: int) -> None:
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=16, scheduling=FairShare({"x": 1}))
    metrics = JobMetrics(stack, "Metrics", queues=[queue], interval_minutes=interval)
    limits = AlarmLimits(failure_rate={})
    given: list[dict[str, Any]] = [
        {},
        {"limits": limits, "exporter_limits": ExporterLimits(dead_letters={})},
        {"limits": limits, "queue_limits": {"q": replace(limits, blocked={})}},
    ]
    made = [QueueAlarms(stack, f"A{n}", metrics=metrics, notify=[ARN], **some) for n, some in enumerate(given)]
    resources = of_type(stack, "CloudWatch::Alarm")
    for alarms in made:
        by_path = {path: resources[stack.get_logical_id(alarm)] for path, alarm in alarms.alarms.items()}
        for path, least in (
            ("Queues/q/starved-share-x-Warning", max(60, interval)),
            ("Queues/q/idle-while-waiting-Warning", max(30, interval)),
            ("Exporter/Queues/q/stale-Critical", max(15, 2 * interval)),
            ("Exporter/Queues/q/truncated-Warning", max(30, interval)),
        ):
            (period, *others) = {one["MetricStat"]["Period"] for one in by_path[path]["Metrics"] if "MetricStat" in one}
            assert not others
            assert period == 60 * max(5, interval)
            assert least <= by_path[path]["EvaluationPeriods"] * period / 60 < least + max(5, interval)


def test_limits_of_ones_own_stay_as_they_are() -> None:
    limits = ExporterLimits(truncated={"Warning": Truncated(minutes=20)})
    kinds = {(kind, severity): limit for kind, severity, limit in limits.limits(60)}
    assert kinds["truncated", "Warning"] == Truncated(minutes=20)
    assert kinds["stale", "Critical"] == ExporterStale(minutes=120)


def test_what_a_queues_limits_have_of_all_is_not_asked_of_it_alone() -> None:
    stack, metrics = build()
    limits = AlarmLimits(
        starved_share={"Warning": StarvedShare(shares=["b"])},
        blocked={"Warning": QueueBlocked(reasons=["MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"])},
    )
    special = {"cpu": replace(limits, failure_rate={})}
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], limits=limits, queue_limits=special)
    assert {path for path in alarms.alarms if "starved" in path} == {"Queues/p4/starved-share-b-Warning"}
    assert {path.split("/")[1] for path in alarms.alarms if "blocked" in path} == {"g5", "old"}


def test_alarms_are_where_their_metrics_are() -> None:
    app = App(context=recommended_flags())
    stack = Stack(app, "Here", env=HERE)
    metrics = metrics_of(stack)
    wrong = [
        "metrics: got 'Here/Metrics', allowed: metrics of the account and Region of the alarms, which watch no others"
    ]
    for n, env in enumerate(
        (
            Environment(account="111122223333", region="eu-west-1"),
            Environment(account="444455556666", region="us-east-1"),
            Environment(region="us-east-1"),
            None,
        )
    ):
        there = Stack(app, f"There{n}", env=env)
        assert problems_of(lambda there=there: QueueAlarms(there, "Alarms", metrics=metrics)) == wrong  # type: ignore[misc]
    QueueAlarms(Stack(app, "Beside", env=HERE), "Alarms", metrics=metrics)


def test_stacks_of_no_region_are_taken_for_the_same() -> None:
    app = App(context=recommended_flags())
    metrics = metrics_of(Stack(app, "One"))
    QueueAlarms(Stack(app, "Two"), "Alarms", metrics=metrics)


def test_a_topic_is_given_as_such_and_of_the_same_region() -> None:
    stack, metrics = build()
    app = stack.node.root
    assert isinstance(app, App)
    there = Stack(app, "There", env=Environment(account="111122223333", region="eu-west-1"))
    topics: list[Any] = [
        sns.Topic.from_topic_arn(stack, "Far", "arn:aws:sns:eu-west-1:111122223333:alarms"),
        sns.Topic(there, "Topic", topic_name="alarms"),
        AlarmTopic(stack, "Ours", subscriptions=["gpus@example.com"]),
        sns.Topic(stack, "Near"),
        CfnParameter(stack, "Arn").value_as_string,
        "arn:aws:ssm-incidents::111122223333:response-plan/gpus",
        "arn:aws:ssm:us-east-1:111122223333:opsitem:1",
    ]
    far = "got 'a topic in eu-west-1', allowed: one in us-east-1, as alarms call nothing in another Region"
    assert problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, notify=topics)) == [
        f"notify[0]: {far}",
        f"notify[1]: {far}",
        "notify[2]: got 'Stack/Ours', allowed: its .topic",
    ]
    parameter = CfnParameter(stack, "Arns", type="CommaDelimitedList").value_as_list
    QueueAlarms(stack, "Alarms", metrics=metrics, notify={"Warning": topics[3:], "Critical": parameter})
    critical = [one["AlarmActions"] for one in of_type(stack, "CloudWatch::CompositeAlarm").values()]
    assert {"Ref": "Arns"} in critical
