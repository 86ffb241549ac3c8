"""Whom alarms call, and where they send people to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fairlane._internal.checks import check_text
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

MOST_ACTIONS: Final = 5
"""Of an alarm, for each state."""

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:(?:(?:sns|lambda|ssm|aiops):(?P<region>[a-z0-9-]+)|ssm-incidents:):\d{12}:\S+"
)
_FOLDER: Final = re.compile(r"\S{1,500}")


def check_notify(notify: Mapping[str, Any], known: Sequence[str]) -> Iterator[Problem]:
    """Yields severities to notify of that no alarm has."""
    for severity in notify:
        if severity not in known:
            yield Problem(("notify", str(severity)), severity, f"a severity of these alarms: {', '.join(known)}")


def check_action(field: Path, arn: str, region: str) -> Iterator[Problem]:
    """Checks the ARN of what a composite alarm may call; a token passes.

    Args:
        field: where it is.
        arn: of a topic, a Lambda function, an OpsItem or incident of Systems Manager, or an investigation.
        region: of the alarm; a token where it is not known.
    """
    if is_token(arn):
        return
    if not (found := _ARN.fullmatch(arn)):
        yield Problem(field, arn, "the ARN of what an alarm may call, such as arn:aws:sns:REGION:ACCOUNT:TOPIC")
    elif found["region"] and not is_token(region) and found["region"] != region:
        yield Problem(field, arn, f"one in {region}, as alarms call nothing in another Region")


def check_runbooks(runbooks: object) -> Iterator[Problem]:
    """Checks the address of the folder with the runbooks; a token passes."""
    yield from check_text(("runbooks",), runbooks, _FOLDER.fullmatch, "an address of up to 500 characters, no spaces")
