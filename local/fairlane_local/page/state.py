"""State of the local AWS that the page shows: clock, queues, preemptions, alarms and names of dashboards."""

from collections.abc import Mapping
from typing import Any, Final

from moto.cloudwatch.models import cloudwatch_backends

from fairlane_local.batch.api import BatchApi, batch_api, queue_locations
from fairlane_local.errors import LocalAwsError
from fairlane_local.page.alarms import alarm_rows
from fairlane_local.page.jobs import job_details, job_list
from fairlane_local.page.queues import queue_states
from fairlane_local.server.access import ACCOUNT_ID
from fairlane_local.simulation import current_simulation

_MAX_PREEMPTIONS: Final = 20
_DEFAULT_LOCATION: Final = (ACCOUNT_ID, "us-east-1")


def page_state(query: Mapping[str, str]) -> dict[str, Any]:
    """Return the state of an account and Region, with the members of the query that were asked for.

    Args:
        query: `account` and `region` (default: the first ones with a queue); `queue` for its jobs, by ARN, with the
            filters `status` and `share`; `job` for a job, by id.

    Raises:
        LocalAwsError: If the account, the Region, the queue or the job is unknown.
    """
    timeline = current_simulation().timeline
    with timeline.lock:
        timeline.catch_up()
        locations = queue_locations() or [_DEFAULT_LOCATION]
        location = (query.get("account") or locations[0][0], query.get("region") or locations[0][1])
        if location not in locations:
            raise LocalAwsError(f"account {location[0]} has no queues in {location[1]}")
        api, clock = batch_api(*location), timeline.clock
        state = {
            "clock": {
                "now": timeline.milliseconds,
                "elapsed": timeline.second,
                "speed": clock.speed,
                "is_paused": clock.is_paused,
                "is_fixed": current_simulation().runner is not None,
            },
            "locations": [{"account": account, "region": region} for account, region in locations],
            "location": {"account": location[0], "region": location[1]},
            "queues": queue_states(api),
            "preemptions": _preemptions(api),
            "alarms": alarm_rows(*location),
            "dashboards": sorted(cloudwatch_backends[location[0]][location[1]].dashboards),
        }
        if query.get("queue"):
            state["jobs"] = job_list(query["queue"], query.get("status", ""), query.get("share", ""))
        if query.get("job"):
            state["job"] = job_details(api, query["job"])
        return state


def _preemptions(api: BatchApi) -> list[dict[str, Any]]:
    """Return the latest preemptions, newest first."""
    newest = [*api.lifecycle.preemptions][-_MAX_PREEMPTIONS:]
    return [
        {
            "time": preemption.time,
            "queue": preemption.job.queue.rpartition("/")[2],
            "job": {"id": preemption.job.id, "name": preemption.job.name, "share": preemption.job.share},
            "by": {"id": preemption.by.id, "name": preemption.by.name, "share": preemption.by.share},
            "is_stopping": preemption.attempt.stopped is None,
            "reason": preemption.attempt.reason,
        }
        for preemption in reversed(newest)
    ]
