"""cfn-lint with its rules loaded once for all templates."""

import json
from functools import cache
from typing import Any

from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.runner import Runner


@cache
def _runner() -> Any:
    return Runner(ConfigMixIn(regions=["us-east-1"]))


def findings(template: dict[str, Any]) -> list[Any]:
    """Return the findings of cfn-lint about a template for us-east-1."""
    decoded, errors = decode_str(json.dumps(template))
    return [*errors, *_runner().validate_template(decoded)]
