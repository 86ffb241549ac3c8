"""What the cost construct counts of metrics, alarms and dashboards; the prices are tested where they are."""

from aws_cdk import App, Environment, Stack

from fairlane import AlarmTopic, JobMetrics, MonitoringCost, QueueAlarms, QueueDashboard
from fairlane.costs import MonthlyCost
from tests.fairlane.monitoring.watching import HERE, build, metrics_of, of_type
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
