"""Finds metrics by CloudWatch's search expressions."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from fairlane.cloudwatch.samples import Labelled, MetricKey, Samples

_SCHEMA: Final = re.compile(r"""\s*\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\}\s*,?""")
_NAME: Final = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",]+?))\s*(?:,|$)')
_TOKEN: Final = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>[()=])|(?P<word>[^\s()="]+))')

_Filter = Callable[[MetricKey], bool]


def searched(
    samples: Samples, expression: str, statistic: str, period: int, *, times: Sequence[int], seen_at: int | None = None
) -> list[Labelled]:
    """What `SEARCH(expression, statistic, period)` finds among the metrics that have samples.

    A schema finds metrics that have exactly its dimensions. A term is a text in double quotes, which a name or a
    dimension's value must equal; `MetricName=`, `Namespace=` or a dimension's name before it says which. Each series is
    labelled by what tells it from the others.

    Args:
        samples: where to search.
        expression: `{Namespace,Dimension,...} terms`; either may be left out.
        statistic: the statistic of each metric.
        period: in seconds.
        times: the start of every period.
        seen_at: when it is looked at: later arrivals are not there yet. By default all are.

    Raises:
        ValueError: if the expression is none, or has a term without quotes: CloudWatch takes names to pieces for it,
            by rules that it does not document in full.
    """
    schema = _SCHEMA.match(expression)
    terms = _Terms(expression, schema.end() if schema else 0)
    found = [key for key in samples.metrics() if terms.matches(key)]
    if schema:
        namespace, *names = _names(expression, schema[1])
        found = [key for key in found if key.namespace == namespace and [*dict(key.dimensions)] == sorted(names)]
    return [
        Labelled(label, samples.aggregate(key, statistic, period, times, seen_at))
        for key, label in zip(found, _labels(found), strict=True)
    ]


def _names(expression: str, schema: str) -> list[str]:
    names, at = [], 0
    while at < len(schema):
        match = _NAME.match(schema, at)
        if match is None:
            raise ValueError(f"search {expression!r}: schema {schema!r}")
        names.append(_unescaped(match[1]) if match[2] is None else match[2])
        at = match.end()
    if not names:
        raise ValueError(f"search {expression!r}: no namespace in the schema")
    return names


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _labels(keys: Sequence[MetricKey]) -> list[str]:
    """The dimensions, and the name, in which metrics differ; of one metric all of its dimensions, or its name."""
    parts = [{"": key.name, **dict(key.dimensions)} for key in keys]
    varied = {
        name for part in parts for name, value in part.items() if any(other.get(name) != value for other in parts)
    }
    return [
        " ".join(value for name, value in part.items() if name in varied)
        or " ".join(value for name, value in part.items() if name)
        or part[""]
        for part in parts
    ]


class _Terms:
    """The terms of a search; between two of them `AND` may be left out."""

    def __init__(self, expression: str, at: int) -> None:
        self._expression = expression
        self._tokens: list[tuple[str, str]] = []
        end = len(expression.rstrip())
        while at < end:
            match = _TOKEN.match(expression, at)
            if match is None:
                raise self._error(expression[at:])
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            at = match.end()
        self._next = 0
        self.matches = self._any(None) if self._tokens else lambda key: True
        if self._next < len(self._tokens):
            raise self._error(self._tokens[self._next][1])

    def _error(self, at: str) -> ValueError:
        return ValueError(f"search {self._expression!r}: unexpected {at}; allowed: terms in double quotes")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "the end")

    def _takes(self, kind: str, text: str) -> bool:
        taken = self._peek() == (kind, text)
        self._next += taken
        return taken

    def _any(self, member: str | None) -> _Filter:
        filters = [self._all(member)]
        while self._takes("word", "OR"):
            filters.append(self._all(member))
        return lambda key: any(one(key) for one in filters)

    def _all(self, member: str | None) -> _Filter:
        filters = [self._term(member)]
        while self._takes("word", "AND") or self._peek() not in (("end", "the end"), ("word", "OR"), ("sign", ")")):
            filters.append(self._term(member))
        return lambda key: all(one(key) for one in filters)

    def _term(self, member: str | None) -> _Filter:
        kind, text = self._peek()
        if self._takes("word", "NOT"):
            negated = self._term(member)
            return lambda key: not negated(key)
        if self._takes("sign", "("):
            group = self._any(member)
            if not self._takes("sign", ")"):
                raise self._error(self._peek()[1])
            return group
        self._next += 1
        if kind == "text":
            return _equal(member, _unescaped(text[1:-1]))
        if kind == "word" and self._takes("sign", "="):
            return self._term(text)
        raise self._error(text)


def _equal(member: str | None, text: str) -> _Filter:
    def is_equal(key: MetricKey) -> bool:
        named = {**dict(key.dimensions), "MetricName": key.name, "Namespace": key.namespace}
        return text in (*named.values(), *dict(key.dimensions)) if member is None else named.get(member) == text

    return is_equal
