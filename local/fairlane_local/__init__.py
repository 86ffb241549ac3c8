"""An AWS on localhost to deploy to and try things with: moto, and what it lacks of AWS Batch."""

from fairlane_local._access import LocalAwsError, client, tools_environment
from fairlane_local._background import places, start, stop
from fairlane_local._demo import demo
from fairlane_local._exporter import Value, deliver, invoke, poll, values
from fairlane_local._functions import Invocation
from fairlane_local._queues import StandingQueue, standing_queues
from fairlane_local._server import LocalAws
from fairlane_local._show import show

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
