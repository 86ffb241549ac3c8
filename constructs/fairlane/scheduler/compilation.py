"""Decorator of classes whose compiled objects can be copied. Without mypyc, it changes nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING


def _keep(**_: bool) -> Callable[[type], type]:
    """Return a decorator that returns the class."""
    return lambda decorated: decorated


if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr as mypyc_attr  # noqa: PLC0414 (the alias exports it)
else:
    mypyc_attr = _keep
