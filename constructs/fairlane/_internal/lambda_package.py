"""Folder and metrics catalog of the package `fairlane_lambda`. Imports no aws_cdk."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

LAMBDA_PACKAGE: Final = "fairlane_lambda"


@cache
def metrics_catalog() -> dict[str, Any]:
    """Return the content of `metrics.json`, the only source of the names, units and dimensions of metrics."""
    catalog: dict[str, Any] = json.loads((lambda_root() / LAMBDA_PACKAGE / "metrics.json").read_text())
    return catalog


def lambda_root() -> Path:
    """Return the folder that contains the package."""
    spec = find_spec(LAMBDA_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]
