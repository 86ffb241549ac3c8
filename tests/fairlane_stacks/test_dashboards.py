"""Dashboards of an environment file with more queues than fit on one dashboard."""

from pathlib import Path

import aws_cdk as cdk

from tests.fairlane.monitoring.dashboards.test_queue_dashboard import bodies
from tests.fairlane_stacks.test_monitoring import FAIR, monitoring

SHARES = {f"team{number}": 1 for number in range(5)}
QUEUE = {"capacity": 20, "scheduling": {"policy": "fair-share", "proportions": SHARES}}


def test_queues_that_do_not_fit_get_further_dashboards() -> None:
    names = [f"queue-{number:02}" for number in range(18)]
    stack = monitoring(queues=dict.fromkeys(names, QUEUE), alarms={"enabled": False})
    dashboards = bodies(stack)
    assert list(dashboards) == ["fairlane-prod", "fairlane-prod-2"]
    texts = [
        {widget["properties"]["markdown"].splitlines()[0] for widget in body["widgets"] if widget["type"] == "text"}
        for body in dashboards.values()
    ]
    shown = [[name for name in names if f"### {name}" in titles] for titles in texts]
    assert shown == [names[:17], names[17:]]
    for body in dashboards.values():
        assert sum(len(widget["properties"].get("metrics", ())) for widget in body["widgets"]) <= 2500


def test_a_template_with_alarms_and_dashboards_is_not_indented() -> None:
    stack = monitoring(queues={"q": FAIR})
    app = stack.node.root
    assert isinstance(app, cdk.App)
    assert "\n" not in (Path(app.synth().directory) / stack.template_file).read_text().strip()
