"""Deployed dashboards with the metrics of the local AWS."""

from moto.cloudwatch.models import MetricDatum, cloudwatch_backends

from fairlane.cloudwatch.samples import Samples
from fairlane.preview.body import PreviewError
from fairlane_local.errors import LocalAwsError
from fairlane_local.page.alarms import alarm_rows
from fairlane_local.simulation import current_simulation

_ORIGIN = "Data: metrics of the local AWS."
_MINUTE = 60


def dashboard_page(name: str) -> str:
    """Return the HTML page of a deployed dashboard.

    Args:
        name: Name of the dashboard. If several accounts or Regions have it, the first one is used.

    Raises:
        LocalAwsError: If no dashboard has the name, its body is not valid, or the extra `report` is not installed.
    """
    try:
        from fairlane.preview.dashboards import render_dashboard  # noqa: PLC0415  # needs the extra report
    except ModuleNotFoundError as error:
        sentence = 'dashboards need the extra report: run pip install "fairlane[report]"'
        raise LocalAwsError(f"{sentence} ({error.name} is missing)") from error
    for account_id, regions in list(cloudwatch_backends.items()):
        for region, backend in list(regions.items()):
            if name in backend.dashboards:
                states = {alarm["name"]: alarm["state"] for alarm in alarm_rows(account_id, region)}
                end = current_simulation().timeline.milliseconds // 1000 // _MINUTE * _MINUTE + _MINUTE
                body, samples = backend.dashboards[name].body, metric_samples(account_id, region)
                try:
                    return render_dashboard(name, body, samples, states, end, _ORIGIN)
                except PreviewError as error:
                    raise LocalAwsError(str(error)) from error
    raise LocalAwsError(f"the local AWS has no dashboard {name}")


def metric_samples(account_id: str, region: str) -> Samples:
    """Return the samples of all metrics that PutMetricData of an account and Region received."""
    samples = Samples()
    for datum in list(cloudwatch_backends[account_id][region].metric_data):
        if isinstance(datum, MetricDatum):
            dimensions = {str(dimension.name): str(dimension.value) for dimension in datum.dimensions}
            samples.add(datum.namespace, datum.name, dimensions, int(datum.timestamp.timestamp()), [datum.value])
    return samples
