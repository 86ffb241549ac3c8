"""Descriptions of alarms: the meaning, the first step and the runbook."""

from typing import Final

from fairlane._internal.tokens import is_token

MAX_CHARACTERS: Final = 1024
RUNBOOKS: Final = "docs/runbooks"

_CHILDREN: Final = (
    "aws cloudwatch describe-alarms --children-of-alarm-name NAME "
    "--query \"[MetricAlarms, CompositeAlarms][] | [?StateValue=='ALARM'].AlarmName\""
)
"""AWS does not accept `--state-value` together with `--children-of-alarm-name`."""


def slug(kind: str) -> str:
    """Return the name of a kind of alarm in addresses and logical ids, for example `oldest-wait`."""
    return kind.replace("_", "-")


def describe(subject: str, kind: str, meaning: str, first_step: str, runbooks: str) -> str:
    """Return the description of an alarm; a long meaning is cut.

    Args:
        subject: Queue or exporter that the alarm is about.
        kind: Kind of the alarm.
        meaning: Meaning of the state ALARM.
        first_step: First step of an operator, as an imperative sentence without a period.
        runbooks: Address of the folder with the runbooks.
    """
    rest = f". First step: {first_step}. Runbook: {runbooks}/{slug(kind)}.md"
    room = MAX_CHARACTERS - len(f"{subject}: {rest}")
    if len(meaning) > room and not is_token(meaning):
        meaning = f"{meaning[: room - 3]}..."
    return f"{subject}: {meaning}{rest}"


def describe_composite(subject: str, severity: str, runbooks: str) -> str:
    """Return the description of the composite alarm of one severity."""
    return (
        f"{subject}: one or more {severity} alarms are in state ALARM. This alarm notifies once for all of them. "
        f"First step: find these alarms on the dashboard, or run {_CHILDREN} with the name of this alarm as NAME. "
        f"Runbooks: {runbooks}/README.md"
    )
