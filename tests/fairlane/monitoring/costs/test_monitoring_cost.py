"""What the cost construct counts of metrics, alarms and dashboards; the prices are tested where they are."""

from aws_cdk import App, Environment, Stack

from fairlane import AlarmTopic, GpuQueue, JobMetrics, MonitoringCost, QueueAlarms, QueueDashboard
from fairlane.monitoring.costs import MonthlyCost
from tests.fairlane.monitoring.alarms.watching import HERE, build, metrics_of, of_type
from tests.support import problems_of, template_of

ARN = "arn:aws:sns:us-east-1:111122223333:alarms"


def quantities(estimate: MonthlyCost) -> dict[str, float]:
    return {line.what: line.quantity for line in estimate.lines}


def test_it_counts_what_the_template_has() -> None:
    stack, metrics = build()
    topic = AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com"])
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[topic.topic])
    shown = [
        QueueDashboard(stack, name, dashboard_name=name, metrics=[metrics], alarms=[alarms]) for name in ("a", "b")
    ]
    cost = MonitoringCost(stack, "Cost", metrics=[metrics], alarms=[alarms], dashboards=shown, keys=1)
    counted = quantities(cost.estimate)
    made = template_of(stack)["Resources"].values()
    in_alarms = [
        query
        for one in of_type(stack, "CloudWatch::Alarm").values()
        for query in one["Metrics"]
        if "MetricStat" in query
    ]
    assert counted["Metrics in alarms"] == len(in_alarms)
    assert counted["Composite alarms"] == len(of_type(stack, "CloudWatch::CompositeAlarm"))
    assert counted["Dashboards"] == 2
    assert counted["KMS keys"] == sum(one["Type"] == "AWS::KMS::Key" for one in made)


def test_regions_are_added_up() -> None:
    app = App()
    costs = []
    metrics: list[JobMetrics] = []
    for region in ("us-east-1", "eu-west-1"):
        stack = Stack(app, region, env=Environment(account="111122223333", region=region))
        metrics.append(metrics_of(stack))
        costs.append(MonitoringCost(stack, "Cost", metrics=metrics).estimate)
    one, both = map(quantities, costs)
    assert both["Custom metrics, first 10,000"] == 2 * one["Custom metrics, first 10,000"]
    assert "eu-west-1" in costs[1].table()


def test_dashboards_keys_and_other_alarms_are_counted_once_for_all_regions() -> None:
    app = App()
    metrics = []
    for region in ("us-east-1", "eu-west-1"):
        metrics.append(metrics_of(Stack(app, region, env=Environment(account="111122223333", region=region))))
    home, away = (Stack.of(one) for one in metrics)
    alarms = [QueueAlarms(Stack.of(one), "Alarms", metrics=one) for one in metrics]
    shown = QueueDashboard(home, "Dashboard", dashboard_name="gpus", metrics=metrics)
    cost = MonitoringCost(away, "Cost", metrics=metrics, alarms=alarms, dashboards=[shown], keys=3, other_alarms=5)
    counted = quantities(cost.estimate)
    assert counted["Dashboards"] == 1
    assert counted["KMS keys"] == 3
    assert counted["Metrics in alarms"] == sum(one.metric_count for one in alarms) + 5
    assert counted["Composite alarms"] == sum(one.composite_count for one in alarms)


def test_what_would_be_left_out_or_counted_twice_is_refused() -> None:
    app = App()
    stacks = [Stack(app, name, env=HERE) for name in ("One", "Two")]
    first, second = (
        JobMetrics(one, "Metrics", queues=[GpuQueue.from_job_queue_name(one, "Queue", f"queue-{one.stack_name}")])
        for one in stacks
    )
    one, two = QueueAlarms(stacks[0], "Alarms", metrics=first), QueueAlarms(stacks[1], "Alarms", metrics=second)
    shown = QueueDashboard(stacks[0], "Dashboard", dashboard_name="gpus", metrics=[first])
    assert problems_of(
        lambda: MonitoringCost(stacks[0], "Cost", metrics=[first], alarms=[one, two], dashboards=[shown, shown])
    ) == [
        "dashboards[1]: got 'One/Dashboard', allowed: each QueueDashboard once",
        "alarms[1]: got 'Two/Alarms', allowed: with Two/Metrics in metrics",
    ]
    assert problems_of(lambda: MonitoringCost(stacks[0], "Cost", metrics=[first, first], alarms=[one, one])) == [
        "metrics[1]: got 'One/Metrics', allowed: each JobMetrics once",
        "alarms[1]: got 'One/Alarms', allowed: each QueueAlarms once",
    ]
    assert problems_of(lambda: MonitoringCost(stacks[0], "Cost", metrics=[], dashboards=[shown])) == [
        "metrics: got 'none', allowed: the JobMetrics of one Region or more"
    ]
    assert stacks[0].node.try_find_child("Cost") is None


def test_an_alarm_that_is_added_later_is_in_it() -> None:
    stack, metrics = build()
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics)
    cost = MonitoringCost(stack, "Cost", metrics=[metrics], alarms=[alarms])
    before = quantities(cost.estimate)["Metrics in alarms"]
    metric = metrics.metric("GpusWanted", "cpu")
    alarms.add_alarm("cpu", "wanted", metric=metric, threshold=8, says="more than 8 GPUs are wanted")
    assert quantities(cost.estimate)["Metrics in alarms"] == before + 1


def test_more_than_the_limit_is_refused_and_the_limit_itself_is_not() -> None:
    stack, metrics = build()
    estimate = MonitoringCost(stack, "Free", metrics=[metrics]).estimate
    (problem,) = problems_of(lambda: MonitoringCost(stack, "Cost", metrics=[metrics], limit_usd=10))
    assert problem.startswith("limit_usd: got 'about $")
    assert "allowed: at most the $10 that was set" in problem
    assert stack.node.try_find_child("Cost") is None
    MonitoringCost(stack, "Cost", metrics=[metrics], limit_usd=estimate.usd)


def test_it_makes_nothing() -> None:
    stack, metrics = build()
    before = template_of(Stack(App(), "Stack", env=HERE))
    app = stack.node.root
    assert isinstance(app, App)
    alone = Stack(app, "Alone", env=HERE)
    MonitoringCost(alone, "Cost", metrics=[metrics])
    assert template_of(alone).get("Resources") == before.get("Resources")
