"""What an alarm says to whom it wakes: what it means, what to look at first, and where its runbook is."""

from typing import Final

from fairlane._internal.tokens import is_token

MOST_CHARACTERS: Final = 1024
RUNBOOKS: Final = "docs/runbooks"

_CHILDREN: Final = (
    "aws cloudwatch describe-alarms --children-of-alarm-name NAME "
    "--query \"[MetricAlarms, CompositeAlarms][] | [?StateValue=='ALARM'].AlarmName\""
)
"""AWS takes no `--state-value` beside the name."""


def slug(kind: str) -> str:
    """The name of a kind of alarm in addresses and logical ids: `oldest-wait`."""
    return kind.replace("_", "-")


def describe(subject: str, kind: str, says: str, look_at: str, runbooks: str) -> str:
    """The description of an alarm.

    Args:
        subject: what it is about.
        kind: which kind of alarm it is.
        says: what it means that it is in state ALARM.
        look_at: Where to look first.
        runbooks: the address of the folder that has the runbooks.
    """
    rest = f". Look first at: {look_at}. Runbook: {runbooks}/{slug(kind)}.md"
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
