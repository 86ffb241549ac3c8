"""Physical names of alarms: `<prefix>-<subject>-<kind>-<part>-<severity>`, in lower case."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from aws_cdk import Stack
from constructs import Construct

from fairlane._internal.checks import check_text
from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.condition import Condition
from fairlane.monitoring.alarms.kinds.limit import Limit

ALARM: Final = "alarm"
"""Kind of the names of alarms and composite alarms, which are unique in an account and Region."""

_MAX_CHARACTERS: Final = 255
_DIGEST_CHARACTERS: Final = 8
_SHOWN: Final = 3
_FIELD: Final = ("name_prefix",)
_PREFIX: Final = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_-]{1,128}")
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")


def alarm_name(*parts: str) -> str:
    """Return the name of an alarm: its parts in lower case, with `-` for all other characters than a-z and 0-9.

    CloudWatch accepts at most 255 characters. A longer name is shortened before its last part, with a hash of the whole
    name in its place.

    Args:
        parts: Parts of the name, from the prefix to the severity. Empty parts are left out.
    """
    words = list(filter(None, map(_kebab, parts)))
    name = "-".join(words)
    if len(name) <= _MAX_CHARACTERS:
        return name
    end = f"-{sha256(name.encode()).hexdigest()[:_DIGEST_CHARACTERS]}-{words[-1]}"
    return f"{name[: _MAX_CHARACTERS - len(end)].rstrip('-')}{end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmGroup:
    """Alarms on one queue, exporter, fan-out or cluster, before their creation.

    Args:
        path: Start of the paths of the alarms, for example `Queues/training`.
        subject: Subject in the descriptions, for example `Queue training`.
        prefix: Start of the names, for example `("fairlane-prod", "training")`.
        limits: Kind, severity and limit of each alarm.
        conditions: Function from a limit to the conditions of its alarms.
        kind_prefix: Start of the kinds that names leave out, because the prefix has it. Default: none.
    """

    path: str
    subject: str
    prefix: tuple[str, ...]
    limits: Sequence[tuple[str, str, Limit]]
    conditions: Callable[[Limit], Iterator[Condition]]
    kind_prefix: str = ""

    def alarm_name(self, kind: str, part: str, severity: str) -> str:
        """Return the name of an alarm, for example `fairlane-prod-training-oldest-wait-warning`."""
        return alarm_name(*self.prefix, kind.removeprefix(self.kind_prefix), part, severity)

    def composite_name(self, severity: str) -> str:
        """Return the name of the composite alarm of a severity, for example `fairlane-prod-training-warning`."""
        return alarm_name(*self.prefix, severity)


def planned_names(*groups: AlarmGroup) -> Iterator[str]:
    """Yield the names of the alarms of groups, and of their composite alarms, which the last group names."""
    severities: dict[str, None] = {}
    for group in groups:
        for kind, severity, limit in group.limits:
            for condition in group.conditions(limit):
                yield group.alarm_name(kind, condition.part, severity)
                severities[severity] = None
    yield from map(groups[-1].composite_name, severities)


def prefix_of(scope: Construct, name_prefix: str | None) -> str:
    """Return the prefix of names: `name_prefix`, or the name of the stack."""
    return Stack.of(scope).stack_name if name_prefix is None else name_prefix


def prefix_problems(scope: Construct, name_prefix: object) -> Iterator[Problem]:
    """Yield the problem of a prefix: its characters, or a default that is not known at synth."""
    if name_prefix is None:
        if is_token(prefix_of(scope, None)):
            sentence = "the name of a nested stack is not known at synth: set name_prefix"
            yield Problem.relation(_FIELD, sentence)
        return
    allowed = "1 to 128 characters of A-Z, a-z, 0-9, - and _, with a letter or digit"
    if is_token(name_prefix):
        yield Problem(_FIELD, name_prefix, f"a prefix known at synth, because alarms are named by it: {allowed}")
    else:
        yield from check_text(_FIELD, name_prefix, _PREFIX.fullmatch, allowed)


def taken_problems(claims: Claims, names: Iterable[str], field: Path = _FIELD) -> Iterator[Problem]:
    """Yield the names that two alarms would have: one problem for each construct that already has such names.

    Args:
        claims: Names in the account and Region.
        names: Names of new alarms.
        field: Argument that the names depend on. Default: `name_prefix`.
    """
    taken: dict[str, list[str]] = {}
    counts = Counter(names)
    for name in counts:
        if owner := claims.owner(ALARM, name):
            taken.setdefault(owner, []).append(name)
    for owner, same in taken.items():
        yield Problem.relation(field, f"{owner} already has the alarm{_shown(same)}: use another {field[-1]}")
    if twice := [name for name, count in counts.items() if count > 1]:
        sentence = (
            f"two alarms would have the name{_shown(twice)}, because names differ only in case or in characters other "
            "than letters and digits, or end alike: rename a queue or share, or leave out one of the alarms"
        )
        yield Problem.relation(field, sentence)


def _shown(names: Sequence[str]) -> str:
    others = f" and {len(names) - _SHOWN} others" if len(names) > _SHOWN else ""
    return f"{'s' if len(names) > 1 else ''} {', '.join(names[:_SHOWN])}{others}"


def _kebab(text: str) -> str:
    return text if is_token(text) else _SEPARATORS.sub("-", text.lower()).strip("-")
