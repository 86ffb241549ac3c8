"""Fan-out from SQL: jobs in several Regions, and where each of them ran and why."""

from typing import Final

from rich.console import Console

from fairlane_client.clock import Clock
from fairlane_client.fan_out import FanOut
from fairlane_local.console.sample_campaigns import HOME, create_campaigns, occupy
from fairlane_local.console.tables import fan_out_table
from fairlane_local.errors import LocalAwsError
from fairlane_local.server.access import LocalSession
from fairlane_local.server.background import queue_locations
from fairlane_local.server.local_aws import LocalAws

_FIRST_MINUTES: Final = 2
"""Minutes until the function `capacity` has written the idle instances of each Region."""
_INTERVAL: Final = 30


def print_fan_out(aws: LocalAws) -> None:
    """Start the query of the fan-out of the example, and print where its jobs ran.

    Args:
        aws: Local AWS with a manual clock, with the example environment `fan-out`.

    Raises:
        LocalAwsError: If a job has not succeeded.
    """
    account_id, region = min(queue_locations(aws.port) or [], key=lambda location: location[1] != HOME)
    session = LocalSession(aws.port, account_id, region)
    number = create_campaigns(session)
    occupy(session)
    aws.timeline.advance(60 * _FIRST_MINUTES)
    now = lambda: aws.timeline.milliseconds / 1000  # noqa: E731
    fan_out = FanOut.open(session=session, clock=Clock(now, aws.timeline.advance))
    name, console = fan_out.place.name, Console()
    title = f"{name}: SQL over campaigns and capacity makes {number} lines"
    console.print(f"\n{title}", style="bold", highlight=False)
    fan_out.start()
    progress = fan_out.watch(name, interval=_INTERVAL, console=console)
    if progress.total.done < number:
        raise LocalAwsError(f"{name}: of {number} lines, {progress.total}")
    table = fan_out_table(progress.rows)
    console.print("\nWhere each line ran, and why", table, sep="\n", style="bold", highlight=False)
