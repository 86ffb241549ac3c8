"""AWS CDK as a peer dependency: lowest versions, and the error if a version is missing or too old."""

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

LOWEST: Final = {"aws-cdk-lib": (2, 275), "constructs": (10, 5)}
"""Lowest versions, as in the extra `cdk` of pyproject.toml."""

_MODULES: Final = frozenset({"aws_cdk", "constructs", "jsii"})


def check_cdk(name: str, error: Exception | None = None) -> None:
    """Raise an ImportError if a name needs the AWS CDK and the CDK is missing or too old.

    Args:
        name: Name that is imported.
        error: Error of the import. None if the import succeeded.

    Raises:
        ImportError: If the CDK is missing or too old, with the command that installs it.
    """
    missing = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _MODULES
    if (missing or "aws_cdk" in sys.modules) and (needed := _missing_requirement()):
        raise ImportError(f'{name} needs {needed}: pip install --upgrade "fairlane[cdk]"', name=name) from error


@cache
def _missing_requirement() -> str | None:
    """Return a text with the first requirement that is not installed, or None."""
    for package, lowest in LOWEST.items():
        needed = f"{package} {'.'.join(map(str, lowest))} or later"
        try:
            installed = version(package)
        except PackageNotFoundError:
            return f"{needed}, which is not installed"
        if tuple(int(part) for part in installed.split(".")[:2]) < lowest:
            return f"{needed}, but {installed} is installed"
    return None
