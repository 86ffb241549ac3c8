"""An AWS on localhost to deploy to and try things with: moto, and what it lacks of AWS Batch."""

from fairlane_local.batch.standing_queues import StandingQueue, standing_queues
from fairlane_local.console.demo import demo
from fairlane_local.console.show import show
from fairlane_local.functions import Invocation
from fairlane_local.monitoring.exporter import Value, deliver, invoke, poll, values
from fairlane_local.server.access import LocalAwsError, client, tools_environment
from fairlane_local.server.background import places, start, stop
from fairlane_local.server.local_aws import LocalAws

__all__ = [
    "Invocation",
    "LocalAws",
    "LocalAwsError",
    "StandingQueue",
    "Value",
    "client",
    "deliver",
    "demo",
    "invoke",
    "places",
    "poll",
    "show",
    "standing_queues",
    "start",
    "stop",
    "tools_environment",
    "values",
]
