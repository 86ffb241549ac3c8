"""One series of CloudWatch, as alarms and dashboards name it. Imports no aws_cdk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fairlane._internal.lambda_package import metrics_catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A metric with its dimensions, and what to make of its values.

    Alarms name no unit: with a wrong one they would wait for data for ever, and every metric here has one unit.

    Args:
        namespace: of the metric.
        name: its name.
        dimensions: their names and values, in the order of their publisher.
        statistic: such as `Maximum`, `Sum` or `p95`.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str

    def by(self, statistic: str) -> "Series":
        """The same metric, with another statistic."""
        return replace(self, statistic=statistic)

    def in_graph(self, **options: Any) -> list[Any]:
        """For the metrics of a dashboard's widget.

        Args:
            options: of the line, such as `label` or `id`.
        """
        pairs = [part for pair in self.dimensions.items() for part in pair]
        return [self.namespace, self.name, *pairs, {"stat": self.statistic, **options}]


def exported(namespace: str, name: str, queue: str, *, share: str | None = None, reason: str | None = None) -> Series:
    """A metric of `JobMetrics`, with the statistic of `metrics.json`.

    Args:
        namespace: of the exporter.
        name: one of `metrics.json`.
        queue: the name of a queue.
        share: for metrics of shares.
        reason: for metrics by reason.
    """
    catalog = metrics_catalog()
    known = catalog["metrics"][name]
    per = "share" if share is not None else "reason" if reason is not None else "queue"
    assert per in known["per"], f"{name} is not published by {per}"
    values = {"JobQueueName": queue, "Share": share, "Reason": reason}
    dimensions = {dimension: str(values[dimension]) for dimension in catalog["dimensions"][per]}
    return Series(namespace=namespace, name=name, dimensions=dimensions, statistic=known["statistic"])


def native(name: str, queue: str) -> Series:
    """A metric that AWS Batch publishes for a queue, free of charge; counts are summed, durations averaged."""
    statistic = "Average" if name.endswith("Duration") else "Sum"
    return Series(namespace="AWS/Batch", name=name, dimensions={"JobQueueName": queue}, statistic=statistic)


def search(
    metric_name: str, dimensions: Sequence[str], *, namespace: str, statistic: str, period: int = 300, **wanted: str
) -> str:
    """An expression that finds every series of a metric, for dashboards: alarms cannot search.

    Args:
        metric_name: of the metric.
        dimensions: their names, all of them.
        namespace: of the metric.
        statistic: such as `Sum`.
        period: in seconds.
        wanted: values of some dimensions.
    """
    schema = ",".join([f'"{namespace}"', *dimensions])
    terms = " ".join(f'{name}="{value}"' for name, value in {"MetricName": metric_name, **wanted}.items())
    return f"SEARCH('{{{schema}}} {terms}', '{statistic}', {period})"


def of_queue(name: str, queue_name: str, statistic: str) -> Series:
    """A metric of a queue of SQS."""
    return Series(namespace="AWS/SQS", name=name, dimensions={"QueueName": queue_name}, statistic=statistic)


def of_function(name: str, function_name: str, statistic: str) -> Series:
    """A metric of a Lambda function."""
    return Series(namespace="AWS/Lambda", name=name, dimensions={"FunctionName": function_name}, statistic=statistic)
