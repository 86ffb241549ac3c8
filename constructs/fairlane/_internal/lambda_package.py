"""What the library knows of `fairlane_lambda`, without importing it: it belongs into Lambda. Knows no aws_cdk."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

LAMBDA_PACKAGE: Final = "fairlane_lambda"


@cache
def metrics_catalog() -> dict[str, Any]:
    """What `metrics.json` says of every metric, the one source of names, units and dimensions."""
    catalog: dict[str, Any] = json.loads((lambda_root() / LAMBDA_PACKAGE / "metrics.json").read_text())
    return catalog


def lambda_root() -> Path:
    """The folder that has the package."""
    spec = find_spec(LAMBDA_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]
