"""Strategies of `fairlane rehearse` from its options."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from fairlane._internal.checks import with_nearest
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane.scheduler.options import Strategies


def read_strategies(texts: Sequence[str], stop_seconds: int | None) -> "Strategies":
    """Return the strategies that the options set, and the defaults of the others.

    Args:
        texts: Values of `--strategy`: `NAME=VALUE`, with `none` for None.
        stop_seconds: Value of `--stop-seconds`. None if the option is not used.

    Raises:
        ConfigurationError: If a name or a value is not allowed, or if a strategy is set twice. The error lists all
            mistakes.
    """
    from fairlane.scheduler.options import Strategies

    values: dict[str, Any] = {} if stop_seconds is None else {"stop_seconds": stop_seconds}
    problems = list(_parse(texts, values))
    problems += Strategies(**values).problems()
    if problems:
        raise ConfigurationError("--strategy" if texts else "--stop-seconds", problems)
    return Strategies(**values)


def _parse(texts: Iterable[str], values: dict[str, Any]) -> Iterator[Problem]:
    """Add the values of texts by the name of their strategy, and yield the problems of texts and names."""
    from fairlane.scheduler.options import Strategies

    types = {field.name: (field.type, *get_args(field.type)) for field in fields(Strategies)}
    for text in texts:
        name, equals, value = text.partition("=")
        if name not in types:
            yield Problem((), name, with_nearest(list(types), name))
        elif not equals:
            yield Problem((name,), None, "NAME=VALUE, for example head_of_line=skip")
        elif name in values:
            yield Problem.relation((name,), "the strategy is set twice: set it once")
        else:
            values[name] = _value(value, types[name])


def _value(text: str, types: Sequence[object]) -> object:
    """Return the value of a text for a field of one of the types. A text that does not fit stays a text."""
    if text == "none" and NoneType in types:
        return None
    try:
        return int(text) if int in types else text
    except ValueError:
        return text
