"""Metrics of a fan-out with the dimensions, units and statistics of `metrics.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from fairlane._internal.lambda_package import metrics_catalog
from fairlane.monitoring.monitored_fan_out import PUBLISHED_MINUTES

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch


class FanOutMetrics(Construct):
    """Metrics that a fan-out publishes every five minutes, of all its Regions or of one.

    Attributes:
        fan_out_name: Name of the fan-out.
        namespace: CloudWatch namespace of the metrics.
    """

    fan_out_name: str
    namespace: str

    def metric(self, metric_name: str, region: str | None = None) -> cloudwatch.Metric:
        """Return a metric by its name. Change the statistic with `metric.with_(statistic="Minimum")`.

        Args:
            metric_name: Name of a metric of fan-outs in `metrics.json`.
            region: Region of the jobs. Default: all Regions together.

        Raises:
            ValueError: If no such metric exists.
        """
        catalog = metrics_catalog()
        per = "fan_out" if region is None else "fan_out_region"
        names = [name for name, metric in catalog["metrics"].items() if per in metric["per"]]
        if metric_name not in names:
            raise ValueError(f"no metric {metric_name} of fan-outs; the metrics are {', '.join(names)}")
        metric, values = catalog["metrics"][metric_name], {"FanOut": self.fan_out_name, "Region": region}
        cloudwatch = cdk.aws_cloudwatch  # imported here, because most apps use no metric
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=metric_name,
            dimensions_map={name: str(values[name]) for name in catalog["dimensions"][per]},
            statistic=metric["statistic"],
            unit=cloudwatch.Unit(metric["unit"].upper()),
            period=cdk.Duration.minutes(PUBLISHED_MINUTES),
        ).attach_to(self)

    def metric_waiting(self, region: str | None = None) -> cloudwatch.Metric:
        """Return the number of lines that are not submitted."""
        return self.metric("FanOutLinesWaiting", region)

    def metric_submitted(self, region: str | None = None) -> cloudwatch.Metric:
        """Return the number of lines whose jobs are submitted and do not run."""
        return self.metric("FanOutLinesSubmitted", region)

    def metric_running(self, region: str | None = None) -> cloudwatch.Metric:
        """Return the number of lines whose jobs run."""
        return self.metric("FanOutLinesRunning", region)

    def metric_done(self, region: str | None = None) -> cloudwatch.Metric:
        """Return the number of lines whose jobs succeeded."""
        return self.metric("FanOutLinesDone", region)

    def metric_failed(self, region: str | None = None) -> cloudwatch.Metric:
        """Return the number of lines whose jobs failed or were refused."""
        return self.metric("FanOutLinesFailed", region)

    def metric_oldest_unsubmitted_age(self, region: str | None = None) -> cloudwatch.Metric:
        """Return the age of the oldest line that is not submitted, in seconds."""
        return self.metric("FanOutOldestUnsubmittedAge", region)
