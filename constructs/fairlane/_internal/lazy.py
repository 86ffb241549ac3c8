"""Lazy loading of a package's names at their first use."""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from fairlane._internal.argument_types import check_construct

_IMPORT: Final = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package, read from the imports in its `__init__.pyi`.

    The stub has one import on each line: `from MODULE import NAME as NAME`.

    If the AWS CDK is missing or too old, a name whose module needs the CDK raises an ImportError with the command that
    installs it. Constructs check the types of their arguments from then on.

    Args:
        package: Value of `__name__` in the package.
        file: Value of `__file__` in the package.
    """
    modules = {name: module for module, name in _IMPORT.findall(Path(file).with_suffix(".pyi").read_text())}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(import_module(modules[name]), name)
        except (AttributeError, ImportError) as error:
            _check_cdk(name, error)
            raise
        if "aws_cdk" in sys.modules:
            _check_cdk(name)
            check_construct(value)
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: sorted(modules), sorted(modules)


def _check_cdk(name: str, error: Exception | None = None) -> None:
    from fairlane._internal.peer import check_cdk  # noqa: PLC0415 (unused without the CDK; costs milliseconds)

    check_cdk(name, error)
