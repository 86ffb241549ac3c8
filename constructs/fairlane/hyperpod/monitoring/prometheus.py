"""Rules and alert manager of an Amazon Managed Service for Prometheus workspace. Imports no aws_cdk.

The metrics come from the observability add-on with training, task governance and node metrics turned on. Kueue's names
are those of its version 0.19; the names of the training operator are those of the Amazon SageMaker AI Developer Guide.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from fairlane._internal.checks import check_text
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem

EVALUATION_SECONDS: Final = 60
RULE_GROUP_LIMIT: Final = 20
"""Number of rules in a group that AMP accepts by default."""

_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_WORKSPACE: Final = re.compile(r"arn:aws[a-z-]*:aps:(?P<region>[a-z0-9-]+):[0-9]{12}:workspace/[A-Za-z0-9-]+")
_VALUE: Final = re.compile(r'[^"\\\n]{1,255}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Alert of Prometheus.

    Args:
        expression: PromQL that returns a series for each alert.
        minutes: Number of minutes that the expression returns the series before the alert fires. Default: 0.
        meaning: Meaning of the alert.
    """

    expression: str
    minutes: int = 0
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusSeries:
    """Metrics of one cluster in a workspace.

    Args:
        labels: Labels that only the metrics of the cluster have, for a workspace of several clusters. Default: none.
    """

    labels: Mapping[str, str]

    def metric(self, name: str) -> str:
        """Return the selector of a metric in PromQL."""
        matchers = ",".join(f'{label}="{value}"' for label, value in self.labels.items())
        return f"{name}{{{matchers}}}" if matchers else name

    def increase(self, name: str, duration: str) -> str:
        """Return the increase of a counter in a duration, for example 1h."""
        return f"increase({self.metric(name)}[{duration}])"


def queries(series: PrometheusSeries) -> Mapping[str, str]:
    """Return PromQL by what it shows: what CloudWatch cannot show of a cluster.

    Borrowed capacity is the usage above the nominal quota. Kueue publishes usage and quota only if its configuration
    turns them on, which HyperPod's may not.
    """
    usage = f"sum by (cluster_queue, resource) ({series.metric('kueue_cluster_queue_resource_usage')})"
    quota = f"sum by (cluster_queue, resource) ({series.metric('kueue_cluster_queue_nominal_quota')})"
    pods = series.metric("kube_pod_container_resource_requests")
    return {
        "Quota in use": usage,
        "Borrowed": f"clamp_min({usage} - {quota}, 0)",
        "Jobs admitted": f"sum by (cluster_queue) ({series.metric('kueue_admitted_active_workloads')})",
        "Jobs waiting": f"sum by (cluster_queue) ({series.metric('kueue_pending_workloads')})",
        "Accelerators of each pod": f"sum by (namespace, pod) ({pods})",
        "Nodes": f"count({series.metric('kube_node_info')})",
    }


def rules_text(cluster: str, rules: Sequence[tuple[str, str, Rule]], runbooks: str) -> str:
    """Return the file of a rule groups namespace.

    Args:
        cluster: Name of the cluster.
        rules: Kind, severity and rule of each alert.
        runbooks: Address of the folder with the runbooks.
    """
    groups = []
    for start in range(0, len(rules), RULE_GROUP_LIMIT):
        group = [
            {
                "alert": "".join(word.capitalize() for word in kind.split("_")).replace("Hyperpod", "HyperPod"),
                "expr": rule.expression,
                "for": f"{rule.minutes}m",
                "labels": {"severity": severity, "hyperpod_cluster": cluster},
                "annotations": {
                    "summary": f"HyperPod cluster {cluster}: {rule.meaning}",
                    "runbook": f"{runbooks}/{kind.replace('_', '-')}.md",
                },
            }
            for kind, severity, rule in rules[start : start + RULE_GROUP_LIMIT]
        ]
        name = f"fairlane-{cluster}" + (f"-{start // RULE_GROUP_LIMIT + 1}" if start else "")
        groups.append({"name": name, "interval": f"{EVALUATION_SECONDS}s", "rules": group})
    return _yaml({"groups": groups})


def alert_manager_text(targets: Mapping[str, Sequence[str]], region: str) -> str:
    """Return an alert manager definition that sends the alerts of each severity to SNS topics.

    A workspace has one definition for the alerts of all its rules.

    Args:
        targets: ARNs of SNS topics, by severity. Alerts of other severities notify nobody.
        region: Region of the topics.
    """
    receivers: list[dict[str, Any]] = [{"name": "nobody"}]
    receivers += [
        {
            "name": severity,
            "sns_configs": [
                {"topic_arn": topic, "sigv4": {"region": region}, "send_resolved": True, "subject": f"{severity} alert"}
                for topic in topics
            ],
        }
        for severity, topics in targets.items()
    ]
    config = {
        "route": {
            "receiver": "nobody",
            "group_by": ["hyperpod_cluster", "alertname"],
            "routes": [{"receiver": severity, "matchers": [f'severity="{severity}"']} for severity in targets],
        },
        "receivers": receivers,
    }
    return _yaml({"alertmanager_config": LiteralScalarString(_yaml(config))}, round_trip=True)


def workspace_problems(workspace: object, region: str | None = None) -> Iterator[Problem]:
    """Yield a workspace that is none, or that has another Region than the rules.

    Args:
        workspace: ARN of the workspace.
        region: Region of the rules. None if it is unknown, or without rules.
    """
    field = ("prometheus_workspace",)
    allowed = "the ARN of a workspace of Amazon Managed Service for Prometheus"
    yield from check_text(field, workspace, _WORKSPACE.fullmatch, allowed)
    match = _WORKSPACE.fullmatch(workspace) if isinstance(workspace, str) else None
    if match and region is not None and match["region"] != region:
        yield Problem(field, workspace, f"a workspace in {region}, the Region of the cluster")


def label_problems(labels: object) -> Iterator[Problem]:
    """Yield labels that Prometheus does not accept."""
    field = ("prometheus_labels",)
    if not isinstance(labels, Mapping):
        yield Problem(field, labels, "values by label, for example {'cluster_name': 'research'}")
        return
    for label, value in labels.items():
        if not isinstance(label, str) or not _LABEL.fullmatch(label):
            yield Problem((*field, str(label)), label, "a label of letters, digits and _ that starts with no digit")
        elif not isinstance(value, str) or is_token(value) or not _VALUE.fullmatch(value):
            yield Problem((*field, label), value, 'a text of 1 to 255 characters without ", \\ and line breaks')


def _yaml(content: Mapping[str, Any], *, round_trip: bool = False) -> str:
    yaml = YAML() if round_trip else YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 10_000
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()
