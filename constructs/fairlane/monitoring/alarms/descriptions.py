"""What an alarm says to whom it wakes: what it means, what to look at first, and where its runbook is."""

from typing import Final

from fairlane._internal.tokens import is_token

MOST_CHARACTERS: Final = 1024
RUNBOOKS: Final = "docs/runbooks"

_LOOK: Final = {
    "oldest_wait": "who runs now and who waits (dashboard, top row and shares); whether the queue is blocked",
    "blocked": "the job at the head of the queue (aws batch get-job-queue-snapshot) against what its environments have",
    "failure_rate": "failures by reason on the dashboard, then the logs of one job of the reason that leads",
    "starved_share": "which shares use more than their entitlement, and whether what they run can be preempted",
    "idle_while_waiting": "whether the queue is blocked; whether AWS has the machines; account quotas; large jobs",
    "idle_capacity": "whether anybody submits; whether what is reserved is still needed",
    "preemptions": "which share loses attempts, and whether its jobs write checkpoints",
    "spot_reclaims": "failures by reason; whether machines on demand, or other instance types, would do",
    "stale": "errors and throttles of the exporter's functions, and their logs; other alarms show what they last knew",
    "dead_letters": "the messages in that dead-letter queue of the exporter, and what they have in common",
    "truncated": "whether one user submits single jobs by the thousand: array jobs are listed by their parents",
    "custom": "its metric on the dashboard that it is from",
}


_CHILDREN: Final = (
    "aws cloudwatch describe-alarms --children-of-alarm-name NAME "
    "--query \"[MetricAlarms, CompositeAlarms][] | [?StateValue=='ALARM'].AlarmName\""
)
"""AWS takes no `--state-value` beside the name."""


def slug(kind: str) -> str:
    """The name of a kind of alarm in addresses and logical ids: `oldest-wait`."""
    return kind.replace("_", "-")


def describe(subject: str, kind: str, says: str, runbooks: str) -> str:
    """The description of an alarm.

    Args:
        subject: what it is about.
        kind: which kind of alarm it is.
        says: what it means that it is in state ALARM.
        runbooks: the address of the folder that has the runbooks.
    """
    rest = f". Look first at: {_LOOK[kind]}. Runbook: {runbooks}/{slug(kind)}.md"
    room = MOST_CHARACTERS - len(f"{subject}: {rest}")
    if len(says) > room and not is_token(says):
        says = f"{says[: room - 3]}..."
    return f"{subject}: {says}{rest}"


def describe_all(subject: str, severity: str, runbooks: str) -> str:
    """The description of an alarm that stands for all of one severity."""
    return (
        f"{subject}: one or more of its {severity} alarms are in state ALARM; this one notifies, once for all of them. "
        f"Look first at: the alarms on its dashboard, or {_CHILDREN} with the name of this. "
        f"Runbooks: {runbooks}/README.md"
    )
