"""Checks of alarm actions, severities and runbook addresses."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fairlane._internal.checks import check_text
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

MOST_ACTIONS: Final = 5
"""Maximum number of actions of an alarm, for each state."""

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:(?:"
    r"sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?|"
    r"lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,140}(?::(?:\$LATEST|[A-Za-z0-9_-]{1,128}))?|"
    r"ssm:[a-z0-9-]+:[0-9]{12}:opsitem:[1-4](?:#CATEGORY=[A-Za-z]+)?|"
    r"aiops:[a-z0-9-]+:[0-9]{12}:investigation-group[:/][A-Za-z0-9_-]+|"
    r"ssm-incidents::[0-9]{12}:(?:response-plan[:/]|responseplan:)[A-Za-z0-9_-]{1,200})"
)
ARNS: Final = (
    "the ARN of an SNS topic (arn:aws:sns:REGION:ACCOUNT:TOPIC), a Lambda function "
    "(arn:aws:lambda:REGION:ACCOUNT:function:NAME), an Incident Manager response plan "
    "(arn:aws:ssm-incidents::ACCOUNT:response-plan/NAME), an OpsItem (arn:aws:ssm:REGION:ACCOUNT:opsitem:SEVERITY, "
    "severity 1 to 4) or an investigation (arn:aws:aiops:REGION:ACCOUNT:investigation-group/ID)"
)
"""Allowed ARNs of alarm actions, for messages. Sources: PutMetricAlarm and PutCompositeAlarm in the CloudWatch API."""

_FOLDER: Final = re.compile(r"\S{1,500}")


def check_notify(notify: Mapping[str, Any], severities: Sequence[str]) -> Iterator[Problem]:
    """Yield the severities in `notify` that no alarm has."""
    for severity in notify:
        if severity not in severities:
            allowed = f"a severity of these alarms: {', '.join(severities)}"
            yield Problem(("notify", str(severity)), severity, allowed)


def check_action(field: Path, arn: str, region: str) -> Iterator[Problem]:
    """Yield the problems of an ARN that a composite alarm notifies; a token passes.

    Args:
        field: Path to the ARN.
        arn: ARN of an SNS topic, a Lambda function, an Incident Manager response plan, an OpsItem or an investigation.
        region: Region of the alarm; a token if it is unknown.
    """
    if is_token(arn):
        return
    if not is_action(arn):
        yield Problem(field, arn, ARNS)
    elif not is_token(region) and action_region(arn) not in ("", region):
        yield Problem(field, arn, f"an ARN in {region}, the Region of the alarms")


def is_action(target: str) -> bool:
    """Return True if a target has the form of the ARN of an alarm action."""
    return _ARN.fullmatch(target) is not None


def action_region(arn: str) -> str:
    """Return the Region of the ARN of an alarm action. Empty for a response plan, whose ARN names no Region."""
    return arn.split(":")[3]


def check_runbooks(runbooks: object) -> Iterator[Problem]:
    """Yield an unusable address of the folder with the runbooks; a token passes."""
    allowed = "an address of at most 500 characters without spaces"
    yield from check_text(("runbooks",), runbooks, _FOLDER.fullmatch, allowed)
