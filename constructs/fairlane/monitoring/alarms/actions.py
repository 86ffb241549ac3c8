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
    r"arn:aws[a-z-]*:(?:(?:sns|lambda|ssm|aiops):(?P<region>[a-z0-9-]+)|ssm-incidents:):[0-9]{12}:\S+"
)
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
        arn: ARN of an SNS topic, a Lambda function, an OpsItem or incident of Systems Manager, or an investigation.
        region: Region of the alarm; a token if it is unknown.
    """
    if is_token(arn):
        return
    if not (match := _ARN.fullmatch(arn)):
        allowed = "the ARN of an alarm action, for example arn:aws:sns:REGION:ACCOUNT:TOPIC"
        yield Problem(field, arn, allowed)
    elif match["region"] and not is_token(region) and match["region"] != region:
        yield Problem(field, arn, f"an ARN in {region}, the Region of the alarms")


def check_runbooks(runbooks: object) -> Iterator[Problem]:
    """Yield an unusable address of the folder with the runbooks; a token passes."""
    allowed = "an address of at most 500 characters without spaces"
    yield from check_text(("runbooks",), runbooks, _FOLDER.fullmatch, allowed)
