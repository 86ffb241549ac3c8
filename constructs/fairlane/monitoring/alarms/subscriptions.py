"""Who hears of alarms: addresses of email and https."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_list, check_text
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_HTTPS: Final = re.compile(r"https://[^\s/]+\S*")


def protocol_of(endpoint: str) -> str:
    """The protocol of a subscription, by how its endpoint looks."""
    return "https" if endpoint.startswith("https://") else "email"


def is_endpoint(text: str) -> bool:
    """Tells whether a text is an address of email or of https."""
    return bool(_EMAIL.fullmatch(text) or _HTTPS.fullmatch(text))


def check_subscriptions(field: Path, subscriptions: object) -> Iterator[Problem]:
    """Yields what cannot be subscribed to a topic."""
    wrong = list(check_list(field, subscriptions, str, "addresses"))
    yield from wrong
    for index, endpoint in enumerate(() if wrong or not isinstance(subscriptions, list | tuple) else subscriptions):
        if is_token(endpoint):
            yield Problem((*field, index), endpoint, "an address known at synth, as its protocol is told by it")
            continue
        allowed = "an address of email, or one that begins with https://, as only TLS will do"
        yield from check_text((*field, index), endpoint, is_endpoint, allowed)
