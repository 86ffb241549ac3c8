"""Deployed dashboards with the metrics of the local AWS."""

from moto.cloudwatch.models import cloudwatch_backends

from fairlane.preview.body import PreviewError
from fairlane_local.errors import LocalAwsError
from fairlane_local.monitoring.metrics import metric_store
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
                body, store = backend.dashboards[name].body, metric_store(account_id, region)
                try:
                    with store.lock:
                        return render_dashboard(name, body, store.samples, states, end, _ORIGIN)
                except PreviewError as error:
                    raise LocalAwsError(str(error)) from error
    raise LocalAwsError(f"the local AWS has no dashboard {name}")
