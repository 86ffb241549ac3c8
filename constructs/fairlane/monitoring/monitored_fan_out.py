"""Fan-outs as values for alarms, dashboards and costs, because stacks share only names. Imports no aws_cdk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane._internal.checks import check_list, check_text, is_region
from fairlane._internal.lambda_package import metrics_catalog
from fairlane.errors import Path, Problem
from fairlane.monitoring.series import Series
from fairlane_lambda.fan_out.names import FAN_OUT

PUBLISHED_MINUTES: Final = 5
"""Number of minutes between two publications of the metrics of a fan-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredFanOut:
    """Fan-out whose metrics alarms and dashboards use.

    Args:
        name: Name of the fan-out.
        region: Home Region, which has the metrics.
        regions: Regions of its queues.
        namespace: Namespace of the metrics. Default: Fairlane.
    """

    name: str
    region: str
    regions: Sequence[str]
    namespace: str | None = None

    def metric(self, name: str, region: str | None = None) -> Series:
        """Return a metric, with the statistic of `metrics.json`.

        Args:
            name: Name of a metric of fan-outs in `metrics.json`.
            region: Region of the jobs. Default: all Regions together.
        """
        catalog = metrics_catalog()
        values = {"FanOut": self.name} | ({} if region is None else {"Region": region})
        return Series(
            namespace=self.namespace or catalog["namespace"],
            name=name,
            dimensions=values,
            statistic=catalog["metrics"][name]["statistic"],
        )

    def problems(self) -> Iterator[Problem]:
        """Yield values that are not valid."""
        yield from check_text(("name",), self.name, FAN_OUT.fullmatch, "the name of a fan-out, such as campaigns")
        yield from check_list(("regions",), self.regions, str, "Regions")
        if not self.regions:
            yield Problem.relation(("regions",), "the list is empty: give the Regions of the queues")
        for index, region in enumerate(self.regions):
            yield from check_text(("regions", index), region, is_region, "a Region such as us-east-1")


def fan_out_problems(field: Path, fan_outs: object) -> Iterator[Problem]:
    """Yield the problems of a list of fan-outs: wrong types, invalid values, a name that is given twice."""
    problems = list(check_list(field, fan_outs, MonitoredFanOut, "MonitoredFanOut"))
    yield from problems
    names: list[tuple[str, str]] = []
    assert problems or isinstance(fan_outs, Sequence)
    for index, fan_out in enumerate(() if problems else fan_outs):  # type: ignore[arg-type, var-annotated]
        yield from (problem.within(*field, index) for problem in fan_out.problems())
        if (fan_out.name, fan_out.region) in names:
            yield Problem.relation((*field, index), f"fan-out {fan_out.name} is given twice: remove one")
        names.append((fan_out.name, fan_out.region))
