"""Dashboard rows of a HyperPod cluster. Imports no aws_cdk."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fairlane.hyperpod.monitoring.event_metrics import MOST_GROUPS, ClusterSeries
from fairlane.hyperpod.quota_table import QuotaRow, amount_text
from fairlane.monitoring.dashboards.widgets import Widget, alarm_states, graph, number, text

_HEADINGS: Final = ("Team", "Instance type", "Resource", "Guaranteed", "May borrow", "Ceiling", "Cap", "Lends")
_GRAPHS: Final = {
    "Errors, and warnings while scaling": ("HyperPodErrors", "HyperPodScalingWarnings"),
    "Nodes that became unhealthy, and that recovered": ("HyperPodUnhealthyNodes", "HyperPodRecoveredNodes"),
}
_STEADY: Final = (
    "Numbers of instances are those of the latest change of the cluster's state. While a cluster with continuous "
    "provisioning scales, its state does not change, and the numbers stay."
)
_UNKNOWN: Final = (
    "**Quota in use, borrowed capacity and job sizes** are metrics of Kueue. CloudWatch does not have them, and there "
    "is no Prometheus workspace."
)
_QUERIES: Final = (
    "**Quota in use, borrowed capacity and job sizes** are metrics of Kueue in Prometheus, which CloudWatch cannot "
    "show. Queries for the workspace:"
)


def cluster_rows(
    series: ClusterSeries,
    *,
    region: str,
    composites: Sequence[str],
    alarms: Sequence[str],
    quotas: Sequence[QuotaRow],
    queries: Mapping[str, str],
) -> Iterator[list[Widget]]:
    """Yield the rows of a cluster.

    Args:
        series: Metrics of the cluster.
        region: Region of the cluster.
        composites: ARNs of the alarms that notify.
        alarms: ARNs of all other alarms.
        quotas: Rows of the quota table. Empty for a cluster without teams.
        queries: PromQL by what it shows. Empty without a workspace.
    """
    yield [text(f"## HyperPod cluster {series.cluster} · {region}\n{_STEADY}", height=2)]
    states = [
        *alarm_states("Notifying alarms of the cluster", composites),
        *alarm_states("Alarms of the cluster in state ALARM", alarms, states=["ALARM"]),
    ]
    yield from ([widget] for widget in states)
    shown = series.instance_groups[:MOST_GROUPS]
    for title, name in (("Instances by group", "HyperPodInstances"), ("Wanted instances", "HyperPodTargetInstances")):
        lines = [series.metric(name, group).graph_row(label=group) for group in shown]
        yield [number(title, lines, region=region, width=24, sparkline=False)]
    counts = {
        "Provisioned instances": "HyperPodProvisionedInstances",
        "Failed attempts to provision": "HyperPodProvisioningFailures",
    }
    yield [
        graph(
            title,
            [series.metric(name, group).graph_row(label=group) for group in series.instance_groups],
            region=region,
            unit="events in an hour",
            width=12,
            period=3600,
        )
        for title, name in counts.items()
    ]
    yield [
        graph(
            title,
            [series.metric(name).graph_row(label=name.removeprefix("HyperPod")) for name in names],
            region=region,
            unit="events in an hour",
            width=12,
            period=3600,
        )
        for title, names in _GRAPHS.items()
    ]
    if quotas:
        yield [text(f"### Quotas\n{_table(quotas)}", height=3 + len(quotas))]
    shown_queries = [f"- {title}: `{query}`" for title, query in queries.items()]
    yield [text("\n".join([_QUERIES, *shown_queries]) if queries else _UNKNOWN, height=2 + len(queries))]


def _table(quotas: Sequence[QuotaRow]) -> str:
    cells = [_HEADINGS, ["---"] * len(_HEADINGS), *map(_cells, quotas)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _cells(row: QuotaRow) -> list[str]:
    amounts = (row.guaranteed, row.may_borrow, row.ceiling)
    cap = "" if row.cap is None else amount_text(row.cap)
    names = [row.team_name, row.instance_type, row.resource_text]
    return [*names, *map(amount_text, amounts), cap, amount_text(row.lent)]
