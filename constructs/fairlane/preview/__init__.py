"""Alarms and dashboards over given metric samples, as CloudWatch evaluates them, without an account."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane.preview._body import PreviewError as PreviewError
    from fairlane.preview._preview import preview as preview

_HOMES = {"PreviewError": "fairlane.preview._body", "preview": "fairlane.preview._preview"}

__all__ = ["PreviewError", "preview"]


def __getattr__(name: str) -> object:
    """Loads a name when it is first used: drawing needs an extra."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
