"""Search expressions of CloudWatch."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from fairlane.cloudwatch.samples import LabeledSeries, MetricKey, Samples

_SCHEMA: Final = re.compile(r"""\s*\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\}\s*,?""")
_NAME: Final = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",]+?))\s*(?:,|$)')
_TOKEN: Final = re.compile(r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>[()=])|(?P<word>[^\s()="]+))')

_END: Final = ("end", "end")

_Filter = Callable[[MetricKey], bool]


def search_metrics(
    samples: Samples,
    expression: str,
    statistic: str,
    period: int,
    *,
    times: Sequence[int],
    read_time: int | None = None,
) -> list[LabeledSeries]:
    """Return the series that `SEARCH(expression, statistic, period)` finds among the metrics with samples.

    A schema matches metrics with exactly its dimensions. A term is a text in double quotes. It matches if the metric
    name, the namespace, or the name or value of a dimension is equal to the text. `MetricName=`, `Namespace=` or
    `<dimension>=` before the text restricts the term to that property. The label of a series contains the values in
    which the metrics differ.

    Args:
        samples: Samples of the metrics to search.
        expression: `{Namespace,Dimension,...} terms`. The schema and the terms are both optional.
        statistic: Statistic of each metric.
        period: Period, in seconds.
        times: Start of each period, in seconds since 1970.
        read_time: Time of the request, in seconds since 1970. Samples that arrive later are ignored. Default: no sample
            is ignored.

    Raises:
        ValueError: If the text is not a search expression, or has a term without quotes. CloudWatch splits names into
            tokens for such a term, by rules that AWS does not document in full.
    """
    schema = _SCHEMA.match(expression)
    terms = _Terms(expression, schema.end() if schema else 0)
    keys = [key for key in samples.metrics() if terms.matches(key)]
    if schema:
        namespace, *names = _names(expression, schema[1])
        keys = [key for key in keys if key.namespace == namespace and [*dict(key.dimensions)] == sorted(names)]
    return [
        LabeledSeries(label, samples.aggregate(key, statistic, period, times, read_time))
        for key, label in zip(keys, _labels(keys), strict=True)
    ]


def _names(expression: str, schema: str) -> list[str]:
    names, position = [], 0
    while position < len(schema):
        match = _NAME.match(schema, position)
        if match is None:
            raise ValueError(f"search {expression!r}: the schema {schema!r} is not a list of names")
        names.append(_unescape(match[1]) if match[2] is None else match[2])
        position = match.end()
    if not names:
        raise ValueError(f"search {expression!r}: the schema has no namespace")
    return names


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _labels(keys: Sequence[MetricKey]) -> list[str]:
    """Return a label for each metric: the dimension values and the name in which the metrics differ.

    The label of a single metric contains all its dimension values, or its name if it has no dimensions.
    """
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
    """Terms of a search expression. `AND` between two terms is optional."""

    def __init__(self, expression: str, position: int) -> None:
        self._expression = expression
        self._tokens: list[tuple[str, str]] = []
        end = len(expression.rstrip())
        while position < end:
            match = _TOKEN.match(expression, position)
            if match is None:
                raise self._error(expression[position:])
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            position = match.end()
        self._next = 0
        self.matches = self._disjunction(None) if self._tokens else lambda key: True
        if self._next < len(self._tokens):
            raise self._error(self._tokens[self._next][1])

    def _error(self, text: str) -> ValueError:
        return ValueError(f"search {self._expression!r}: unexpected {text}: use terms in double quotes")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else _END

    def _accept(self, kind: str, text: str) -> bool:
        is_next = self._peek() == (kind, text)
        self._next += is_next
        return is_next

    def _disjunction(self, member: str | None) -> _Filter:
        filters = [self._conjunction(member)]
        while self._accept("word", "OR"):
            filters.append(self._conjunction(member))
        return lambda key: any(matches(key) for matches in filters)

    def _conjunction(self, member: str | None) -> _Filter:
        filters = [self._term(member)]
        while self._accept("word", "AND") or self._peek() not in (_END, ("word", "OR"), ("sign", ")")):
            filters.append(self._term(member))
        return lambda key: all(matches(key) for matches in filters)

    def _term(self, member: str | None) -> _Filter:
        kind, text = self._peek()
        if self._accept("word", "NOT"):
            negated = self._term(member)
            return lambda key: not negated(key)
        if self._accept("sign", "("):
            group = self._disjunction(member)
            if not self._accept("sign", ")"):
                raise self._error(self._peek()[1])
            return group
        self._next += 1
        if kind == "text":
            return _equal(member, _unescape(text[1:-1]))
        if kind == "word" and self._accept("sign", "="):
            return self._term(text)
        raise self._error(text)


def _equal(member: str | None, text: str) -> _Filter:
    def is_equal(key: MetricKey) -> bool:
        values = {**dict(key.dimensions), "MetricName": key.name, "Namespace": key.namespace}
        return text in (*values.values(), *dict(key.dimensions)) if member is None else values.get(member) == text

    return is_equal
