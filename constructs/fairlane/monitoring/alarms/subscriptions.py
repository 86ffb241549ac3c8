"""Subscriptions of alarm topics: email and https addresses."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_list, check_text
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_HTTPS: Final = re.compile(r"https://[^\s/]+\S*")


def endpoint_protocol(endpoint: str) -> str:
    """Return the protocol of a subscription, read from its endpoint."""
    return "https" if endpoint.startswith("https://") else "email"


def is_endpoint(text: str) -> bool:
    """Return True if `text` is an email address or an https:// address."""
    return bool(_EMAIL.fullmatch(text) or _HTTPS.fullmatch(text))


def check_subscriptions(field: Path, subscriptions: object) -> Iterator[Problem]:
    """Yield the addresses that cannot be subscribed to a topic."""
    problems = list(check_list(field, subscriptions, str, "addresses"))
    yield from problems
    for index, endpoint in enumerate(() if problems or not isinstance(subscriptions, list | tuple) else subscriptions):
        if is_token(endpoint):
            yield Problem((*field, index), endpoint, "an address known at synth, because its protocol depends on it")
            continue
        allowed = "an email address, or an address that starts with https://"
        yield from check_text((*field, index), endpoint, is_endpoint, allowed)
