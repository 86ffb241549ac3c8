"""Retry strategies of jobs."""

import re
from collections.abc import Mapping
from typing import Any


def retries_after(strategy: Mapping[str, Any], facts: Mapping[str, str]) -> bool:
    """Return True if a failed attempt is retried while attempts are left. The first rule that matches decides.

    A failure that matches no rule is retried. Source: `EvaluateOnExit` in the Batch API.

    Args:
        strategy: Retry strategy of the job.
        facts: `onStatusReason`, `onReason` and `onExitCode` of the attempt, where they are known.
    """
    for rule in strategy.get("evaluateOnExit", []):
        patterns = {name: pattern for name, pattern in rule.items() if name != "action" and pattern}
        if all(_matches(pattern, facts.get(name, "")) for name, pattern in patterns.items()):
            return bool(rule["action"].upper() == "RETRY")
    return True


def _matches(pattern: str, text: str) -> bool:
    """Return True if a text matches a pattern in any case. `*` stands for any characters."""
    parts = map(re.escape, pattern.split("*"))
    return re.fullmatch(".*".join(parts), text, re.IGNORECASE | re.DOTALL) is not None
