"""Tests of `MonitoringCost`: counts of metrics, alarms and dashboards, the limit and refused arguments."""

from aws_cdk import App, Environment, Stack

from fairlane import AlarmTopic, GpuQueue, JobMetrics, MonitoringCost, QueueAlarms, QueueDashboard
from fairlane.monitoring import FanOutAlarms, MonitoredFanOut
from fairlane.monitoring.costs import MonthlyCost
from fairlane.monitoring.costs.estimate import FAN_OUT_LINE_BYTES
from fairlane.monitoring.costs.series_count import count_fan_out_series
from tests.fairlane.monitoring.alarms.monitored_queues import HERE, build, build_metrics, resources_of_type
from tests.fairlane_lambda.fan_out.outcome_world import World
from tests.fairlane_lambda.queue_poller.polling import NAMES
from tests.support import problems_of, template_of

ARN = "arn:aws:sns:us-east-1:111122223333:alarms"


def quantities(estimate: MonthlyCost) -> dict[str, float]:
    return {line.item: line.quantity for line in estimate.lines}


def test_the_estimate_counts_the_resources_of_the_template() -> None:
    stack, metrics = build()
    topic = AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com"])
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[topic.topic])
    dashboards = [
        QueueDashboard(stack, name, dashboard_name=name, metrics=[metrics], alarms=[alarms]) for name in ("a", "b")
    ]
    cost = MonitoringCost(stack, "Cost", metrics=[metrics], alarms=[alarms], dashboards=dashboards, keys=1)
    counted = quantities(cost.estimate)
    resources = template_of(stack)["Resources"].values()
    in_alarms = [
        query
        for alarm in resources_of_type(stack, "CloudWatch::Alarm").values()
        for query in alarm["Metrics"]
        if "MetricStat" in query
    ]
    assert counted["Metrics in alarms"] == len(in_alarms)
    assert counted["Composite alarms"] == len(resources_of_type(stack, "CloudWatch::CompositeAlarm"))
    assert counted["Dashboards"] == 2
    assert counted["KMS keys"] == sum(resource["Type"] == "AWS::KMS::Key" for resource in resources)


def test_regions_are_added_up() -> None:
    app = App()
    costs = []
    metrics: list[JobMetrics] = []
    for region in ("us-east-1", "eu-west-1"):
        stack = Stack(app, region, env=Environment(account="111122223333", region=region))
        metrics.append(build_metrics(stack))
        costs.append(MonitoringCost(stack, "Cost", metrics=metrics).estimate)
    first, both = map(quantities, costs)
    assert both["Custom metrics, first 10,000"] == 2 * first["Custom metrics, first 10,000"]
    assert "eu-west-1" in costs[1].table()


def test_dashboards_keys_and_other_alarms_are_counted_once_for_all_regions() -> None:
    app = App()
    metrics = []
    for region in ("us-east-1", "eu-west-1"):
        metrics.append(build_metrics(Stack(app, region, env=Environment(account="111122223333", region=region))))
    home, away = map(Stack.of, metrics)
    alarms = [QueueAlarms(Stack.of(exporter), "Alarms", metrics=exporter) for exporter in metrics]
    dashboard = QueueDashboard(home, "Dashboard", dashboard_name="gpus", metrics=metrics)
    cost = MonitoringCost(away, "Cost", metrics=metrics, alarms=alarms, dashboards=[dashboard], keys=3, other_alarms=5)
    counted = quantities(cost.estimate)
    assert counted["Dashboards"] == 1
    assert counted["KMS keys"] == 3
    assert counted["Metrics in alarms"] == sum(queue_alarms.metric_count for queue_alarms in alarms) + 5
    assert counted["Composite alarms"] == sum(queue_alarms.composite_count for queue_alarms in alarms)


def test_fan_outs_and_their_alarms_are_counted() -> None:
    stack, metrics = build()
    fan_out = MonitoredFanOut(name="campaigns", region="us-east-1", regions=["us-east-1", "us-west-2"])
    alarms = FanOutAlarms(stack, "Alarms", fan_out=fan_out)
    without = quantities(MonitoringCost(stack, "Without", metrics=[metrics]).estimate)
    cost = MonitoringCost(stack, "Cost", metrics=[metrics], alarms=[alarms], fan_outs=[fan_out])
    counted = quantities(cost.estimate)
    metric = "Custom metrics, first 10,000"
    assert counted[metric] - without[metric] == 6 * (1 + 2)
    assert (counted["Metrics in alarms"], counted["Composite alarms"]) == (alarms.metric_count, 1)
    assert "1 fan-out in 2 Regions in total" in " ".join(cost.estimate.table().split())
    problems = problems_of(lambda: MonitoringCost(stack, "Bad", metrics=[metrics], alarms=[alarms]))
    assert problems == ["alarms[0]: Stack/Alarms watches fan-out campaigns, which is missing in fan_outs: add it"]
    assert problems_of(lambda: MonitoringCost(stack, "Twice", metrics=[metrics], fan_outs=[fan_out, fan_out])) == [
        "fan_outs[1]: fan-out campaigns is given twice: remove one"
    ]


def test_a_line_of_a_fan_out_is_not_longer_than_in_the_estimate() -> None:
    world = World()
    world.put_manifest(regions={"us-west-2": 123_456}, state="SUBMITTING")
    world.now += 123_456_000
    values = world.reconcile()
    lines = world.printed.splitlines()
    longest = "x" * (24 - len("campaigns"))
    assert max(len(line.replace("campaigns", f"campaigns{longest}")) for line in lines) + 1 <= FAN_OUT_LINE_BYTES
    assert len(values) == count_fan_out_series(2, NAMES)


def test_duplicates_and_missing_exporters_are_refused() -> None:
    app = App()
    stacks = [Stack(app, name, env=HERE) for name in ("One", "Two")]
    first, second = (
        JobMetrics(stack, "Metrics", queues=[GpuQueue.from_job_queue_name(stack, "Queue", f"queue-{stack.stack_name}")])
        for stack in stacks
    )
    alarms, other = QueueAlarms(stacks[0], "Alarms", metrics=first), QueueAlarms(stacks[1], "Alarms", metrics=second)
    dashboard = QueueDashboard(stacks[0], "Dashboard", dashboard_name="gpus", metrics=[first])
    assert problems_of(
        lambda: MonitoringCost(
            stacks[0], "Cost", metrics=[first], alarms=[alarms, other], dashboards=[dashboard, dashboard]
        )
    ) == [
        "dashboards[1]: One/Dashboard is given twice: remove one",
        "alarms[1]: Two/Alarms watches Two/Metrics, which is missing in metrics: add it",
    ]
    assert problems_of(lambda: MonitoringCost(stacks[0], "Cost", metrics=[first, first], alarms=[alarms, alarms])) == [
        "metrics[1]: One/Metrics is given twice: remove one",
        "alarms[1]: One/Alarms is given twice: remove one",
    ]
    assert problems_of(lambda: MonitoringCost(stacks[0], "Cost", metrics=[], dashboards=[dashboard])) == [
        "metrics: the list is empty: give the JobMetrics of one Region or more"
    ]
    assert stacks[0].node.try_find_child("Cost") is None


def test_the_estimate_includes_alarms_that_are_added_later() -> None:
    stack, metrics = build()
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics)
    cost = MonitoringCost(stack, "Cost", metrics=[metrics], alarms=[alarms])
    before = quantities(cost.estimate)["Metrics in alarms"]
    metric = metrics.metric("GpusWanted", "cpu")
    alarms.add_alarm("cpu", "wanted", metric=metric, threshold=8, meaning="more than 8 GPUs are wanted")
    assert quantities(cost.estimate)["Metrics in alarms"] == before + 1


def test_an_estimate_above_the_limit_is_refused() -> None:
    stack, metrics = build()
    estimate = MonitoringCost(stack, "Free", metrics=[metrics]).estimate
    (problem,) = problems_of(lambda: MonitoringCost(stack, "Cost", metrics=[metrics], limit_usd=10))
    assert problem.startswith("limit_usd: monitoring costs about $")
    assert "a month, above the limit of $10: " in problem
    assert stack.node.try_find_child("Cost") is None
    MonitoringCost(stack, "Cost", metrics=[metrics], limit_usd=estimate.usd)


def test_the_construct_creates_no_resources() -> None:
    stack, metrics = build()
    before = template_of(Stack(App(), "Stack", env=HERE))
    app = stack.node.root
    assert isinstance(app, App)
    alone = Stack(app, "Alone", env=HERE)
    MonitoringCost(alone, "Cost", metrics=[metrics])
    assert template_of(alone).get("Resources") == before.get("Resources")
