"""CloudWatch metrics with dimensions and a statistic, for alarms and dashboards. Imports no aws_cdk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fairlane._internal.lambda_package import metrics_catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """CloudWatch metric with its dimensions and a statistic.

    Alarms name no unit: an alarm with a wrong unit never receives data, and each metric here has exactly one unit.

    Args:
        namespace: Namespace of the metric.
        name: Name of the metric.
        dimensions: Values of the dimensions by name, in the order of their publisher.
        statistic: Statistic, for example `Maximum`, `Sum` or `p95`.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str

    def with_statistic(self, statistic: str) -> "Series":
        """Return the same metric with another statistic."""
        return replace(self, statistic=statistic)

    def graph_row(self, **options: Any) -> list[Any]:
        """Return the metric as an item of `metrics` in a dashboard widget.

        Args:
            options: Options of the line, for example `label` or `id`.
        """
        pairs = [part for pair in self.dimensions.items() for part in pair]
        return [self.namespace, self.name, *pairs, {"stat": self.statistic, **options}]


def exported_metric(
    namespace: str, name: str, queue: str, *, share: str | None = None, reason: str | None = None
) -> Series:
    """Return a metric of `JobMetrics`, with the statistic of `metrics.json`.

    Args:
        namespace: Namespace of the exporter.
        name: Name of a metric in `metrics.json`.
        queue: Name of the queue.
        share: Name of the share, for metrics of shares.
        reason: Reason, for metrics by reason.
    """
    catalog = metrics_catalog()
    metric = catalog["metrics"][name]
    per = "share" if share is not None else "reason" if reason is not None else "queue"
    assert per in metric["per"], f"{name} is not published by {per}"
    values = {"JobQueueName": queue, "Share": share, "Reason": reason}
    dimensions = {dimension: str(values[dimension]) for dimension in catalog["dimensions"][per]}
    return Series(namespace=namespace, name=name, dimensions=dimensions, statistic=metric["statistic"])


def native_metric(name: str, queue: str) -> Series:
    """Return a metric that AWS Batch publishes free of charge for a queue; counts are summed, durations averaged."""
    statistic = "Average" if name.endswith("Duration") else "Sum"
    return Series(namespace="AWS/Batch", name=name, dimensions={"JobQueueName": queue}, statistic=statistic)


def search_expression(
    metric_name: str, dimensions: Sequence[str], *, namespace: str, statistic: str, period: int = 300, **values: str
) -> str:
    """Return an expression that finds all series of a metric. Dashboards accept it; alarms cannot search.

    Args:
        metric_name: Name of the metric.
        dimensions: Names of all its dimensions.
        namespace: Namespace of the metric.
        statistic: Statistic, for example `Sum`.
        period: Period, in seconds. Default: 300.
        values: Values of some of the dimensions.
    """
    schema = ",".join([f'"{namespace}"', *dimensions])
    terms = " ".join(f'{name}="{value}"' for name, value in {"MetricName": metric_name, **values}.items())
    return f"SEARCH('{{{schema}}} {terms}', '{statistic}', {period})"


def sqs_metric(name: str, queue_name: str, statistic: str) -> Series:
    """Return a metric of an SQS queue."""
    return Series(namespace="AWS/SQS", name=name, dimensions={"QueueName": queue_name}, statistic=statistic)


def lambda_metric(name: str, function_name: str, statistic: str) -> Series:
    """Return a metric of a Lambda function."""
    return Series(namespace="AWS/Lambda", name=name, dimensions={"FunctionName": function_name}, statistic=statistic)
