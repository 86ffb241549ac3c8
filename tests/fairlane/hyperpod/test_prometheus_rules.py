"""Alerts and alert manager of a Prometheus workspace: PromQL by a parser, names of metrics, and the files."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from ruamel.yaml import YAML

from fairlane.hyperpod.monitoring.prometheus import (
    RULE_GROUP_LIMIT,
    PrometheusSeries,
    Rule,
    alert_manager_text,
    queries,
    rules_text,
)
from fairlane.monitoring.alarms import HyperPodLimits, HyperPodPending

METRICS = {
    "hyperpod_training_operator_jobs_restart_latency",
    "hyperpod_training_operator_jobs_restarted_total",
    "kube_node_info",
    "kube_pod_container_resource_requests",
    "kueue_admitted_active_workloads",
    "kueue_admitted_workloads_total",
    "kueue_cluster_queue_nominal_quota",
    "kueue_cluster_queue_resource_usage",
    "kueue_evicted_workloads_total",
    "kueue_pending_workloads",
}
"""Metrics as the documentation of Kueue, kube-state-metrics and the training operator names them."""
LABELS = {"cluster_name": "research", "region": "us-east-1"}


def expressions(labels: dict[str, str]) -> Iterator[str]:
    series = PrometheusSeries(labels=labels)
    yield from queries(series).values()
    for _, _, limit in HyperPodLimits().limits():
        yield from (rule.expression for rule in limit.cluster_rules(series))


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def new_rule(expression: str = "up == 0") -> Rule:
    return Rule(expression=expression, minutes=5, meaning="it is down")


@pytest.mark.parametrize("labels", [{}, LABELS])
def test_each_expression_is_promql_on_documented_metrics(labels: dict[str, str]) -> None:
    found = list(expressions(labels))
    assert len(found) == 11
    names = set()
    for expression in found:
        promql_parser.parse(expression)  # raises ValueError
        selectors = re.findall(r"\b((?:kueue|kube|hyperpod)_\w+)(\{[^}]*\})?", expression)
        assert selectors
        for name, matchers in selectors:
            names.add(name)
            assert matchers == ('{cluster_name="research",region="us-east-1"}' if labels else "")
    assert names == METRICS


def test_the_parser_refuses_other_text() -> None:
    for expression in ("sum(", "increase(kueue_evicted_workloads_total)", "kueue_pending_workloads{a=b}"):
        with pytest.raises(ValueError):  # noqa: PT011 (each text has a message of its own)
            promql_parser.parse(expression)


def test_nothing_admitted_is_quiet_while_jobs_run_or_nodes_join() -> None:
    (limit,) = [limit for kind, _, limit in HyperPodLimits().limits() if kind == "hyperpod_nothing_admitted"]
    (rule,) = limit.cluster_rules(PrometheusSeries(labels={}))
    tree = promql_parser.parse(rule.expression)
    quiet = []
    while isinstance(tree, promql_parser.BinaryExpr) and str(tree.op).endswith("unless"):
        quiet.append(tree.rhs.prettify().strip())
        tree = tree.lhs
    assert tree.prettify().strip() == "sum(kueue_pending_workloads) > 0"
    assert quiet == [
        "changes(count(kube_node_info)[30m:1m]) > 0",
        "sum(increase(kueue_admitted_workloads_total[30m])) > 0",
        "sum(kueue_admitted_active_workloads) > 0",
    ]


def test_the_rules_are_a_file_of_prometheus() -> None:
    rules = [("hyperpod_pending", "Warning", new_rule()), ("hyperpod_restarts", "Critical", new_rule())]
    (group,) = load(rules_text("research", rules, "docs/runbooks"))["groups"]
    assert (group["name"], group["interval"]) == ("fairlane-research", "60s")
    assert group["rules"][0] == {
        "alert": "HyperPodPending",
        "expr": "up == 0",
        "for": "5m",
        "labels": {"severity": "Warning", "hyperpod_cluster": "research"},
        "annotations": {
            "summary": "HyperPod cluster research: it is down",
            "runbook": "docs/runbooks/hyperpod-pending.md",
        },
    }
    assert [rule["alert"] for rule in group["rules"]] == ["HyperPodPending", "HyperPodRestarts"]


def test_many_rules_are_split_into_groups() -> None:
    limits = HyperPodLimits(
        hyperpod_pending={f"Level{number}": HyperPodPending(minutes=number + 1) for number in range(30)}
    )
    series = PrometheusSeries(labels={})
    rules = [
        (kind, severity, rule) for kind, severity, limit in limits.limits() for rule in limit.cluster_rules(series)
    ]
    groups = load(rules_text("research", rules, "x"))["groups"]
    assert [group["name"] for group in groups] == ["fairlane-research", "fairlane-research-2"]
    assert [len(group["rules"]) for group in groups] == [RULE_GROUP_LIMIT, len(rules) - RULE_GROUP_LIMIT]


def test_the_alert_manager_sends_each_severity_to_its_topics() -> None:
    topics = {"Warning": ["arn:aws:sns:us-east-1:111122223333:a"], "Critical": ["arn:aws:sns:us-east-1:111122223333:b"]}
    definition = load(alert_manager_text(topics, "us-east-1"))
    assert list(definition) == ["alertmanager_config"]
    config = load(definition["alertmanager_config"])
    assert config["route"]["receiver"] == "nobody"
    receivers = {receiver["name"]: receiver.get("sns_configs", []) for receiver in config["receivers"]}
    assert receivers["nobody"] == []
    for route in config["route"]["routes"]:
        (matcher,) = route["matchers"]
        severity = route["receiver"]
        assert matcher == f'severity="{severity}"'
        assert [own["topic_arn"] for own in receivers[severity]] == topics[severity]
        assert all(own["sigv4"] == {"region": "us-east-1"} for own in receivers[severity])
