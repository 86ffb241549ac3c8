"""The AWS CDK as a peer dependency: which versions constructs need, and the sentence for those who lack them."""

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

LOWEST: Final = {"aws-cdk-lib": (2, 275), "constructs": (10, 5)}
"""Lowest versions, as in the extra `cdk` of pyproject.toml."""

_MODULES: Final = frozenset({"aws_cdk", "constructs", "jsii"})


def check_cdk(name: str, error: Exception | None = None) -> None:
    """Refuse a name that needs the AWS CDK, where the CDK is not installed or too old.

    Args:
        name: The name.
        error: What went wrong when the name was loaded; None for nothing.

    Raises:
        ImportError: With the command to run.
    """
    missing = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _MODULES
    if (missing or "aws_cdk" in sys.modules) and (needed := _lacking()):
        raise ImportError(f'{name} needs {needed}: pip install --upgrade "fairlane[cdk]"', name=name) from error


@cache
def _lacking() -> str | None:
    for package, lowest in LOWEST.items():
        needed = f"{package} {'.'.join(map(str, lowest))} or later"
        try:
            installed = version(package)
        except PackageNotFoundError:
            return f"{needed}, which is not installed"
        if tuple(int(part) for part in installed.split(".")[:2]) < lowest:
            return f"{needed}, and {installed} is installed"
    return None
