"""When something is wrong with a queue: the limits that alarms watch. Knows no aws_cdk."""

from fairlane.alarms._actions import MOST_ACTIONS, check_action, check_notify, check_runbooks
from fairlane.alarms._alarm_limits import AlarmLimits, ExporterLimits, Limits, period_minutes, severities
from fairlane.alarms._limits import (
    DeadLetters,
    ExporterStale,
    FailureRate,
    IdleCapacity,
    IdleWhileWaiting,
    Limit,
    OldestWait,
    Preemptions,
    QueueBlocked,
    SpotReclaims,
    StarvedShare,
    Truncated,
)
from fairlane.alarms._reasons import OTHER_REASONS, SPECIAL_REASONS, blocked_reasons
from fairlane.alarms._subscriptions import check_subscriptions, is_endpoint, protocol_of

__all__ = [
    "MOST_ACTIONS",
    "OTHER_REASONS",
    "SPECIAL_REASONS",
    "AlarmLimits",
    "DeadLetters",
    "ExporterLimits",
    "ExporterStale",
    "FailureRate",
    "IdleCapacity",
    "IdleWhileWaiting",
    "Limit",
    "Limits",
    "OldestWait",
    "Preemptions",
    "QueueBlocked",
    "SpotReclaims",
    "StarvedShare",
    "Truncated",
    "blocked_reasons",
    "check_action",
    "check_notify",
    "check_runbooks",
    "check_subscriptions",
    "is_endpoint",
    "period_minutes",
    "protocol_of",
    "severities",
]
