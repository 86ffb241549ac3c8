"""Packages whose names load when they are first used."""

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_IMPORT: Final = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package, as the imports of its `__init__.pyi` say.

    The stub has one import a line: `from MODULE import NAME as NAME`.

    A name whose module needs the AWS CDK raises an ImportError with the command to run, where the CDK is not installed
    or too old.

    Args:
        package: `__name__` of the package.
        file: `__file__` of the package.
    """
    homes = {name: home for home, name in _IMPORT.findall(Path(file).with_suffix(".pyi").read_text())}

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(import_module(homes[name]), name)
        except (AttributeError, ImportError) as error:
            _check_cdk(name, error)
            raise
        if "aws_cdk" in sys.modules:
            _check_cdk(name)
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: sorted(homes), sorted(homes)


def _check_cdk(name: str, error: Exception | None = None) -> None:
    from fairlane._internal.peer import check_cdk  # noqa: PLC0415 (costs milliseconds that nobody needs without the CDK)

    check_cdk(name, error)
