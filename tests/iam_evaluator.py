"""Evaluation of IAM requests by the npm package `@cloud-copilot/iam-simulate`, in one Node.js process.

The simulator knows the resource types and the condition keys of each action, as in the Service Authorization Reference.
Like IAM, it ignores a condition key that the action does not have. It refuses actions and resource types that do not
exist.
"""

import atexit
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

Statement = dict[str, Any]
Context = Mapping[str, str | int]

ACCOUNT: Final = "111122223333"
PRINCIPAL: Final = f"arn:aws:iam::{ACCOUNT}:role/evaluated"
"""Role that makes the requests."""


@dataclass(frozen=True, slots=True)
class Request:
    """Use of one action on one resource."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


def is_allowed(statements: Sequence[Statement], action: str, resources: Sequence[str], context: Context) -> bool:
    """Return True if identity policies allow an action on each of the resources."""
    return all(allowed(statements, [Request(action, resource, context) for resource in resources]))


def allowed(statements: Sequence[Statement], requests: Sequence[Request]) -> list[bool]:
    """Return for each request whether the statements of identity policies allow it."""
    return _ask(PRINCIPAL, statements, None, requests)


def is_trusted(trust: Mapping[str, Any], principal: str, context: Context, role: str = PRINCIPAL) -> bool:
    """Return True if a trust policy lets a service or a role of the account assume the role."""
    own = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}] if principal.startswith("arn:") else []
    return all(_ask(principal, own, trust, [Request("sts:AssumeRole", role, context)]))


def _ask(
    principal: str, statements: Sequence[Statement], trust: Mapping[str, Any] | None, requests: Sequence[Request]
) -> list[bool]:
    question = {
        "principal": principal,
        "statements": statements,
        "trust": trust,
        "requests": [
            {
                "action": request.action,
                "resource": request.resource,
                "context": {key: str(value) for key, value in request.context.items()},
            }
            for request in requests
        ],
    }
    simulator = _simulator()
    assert simulator.stdin
    assert simulator.stdout
    simulator.stdin.write(json.dumps(question) + "\n")
    simulator.stdin.flush()
    line = simulator.stdout.readline()
    assert line, "the simulator has stopped"
    outcomes = json.loads(line)
    errors = [(request, got) for request, got in zip(requests, outcomes, strict=True) if not isinstance(got, str)]
    assert not errors, f"not evaluated: {errors[:3]}"
    return [outcome == "Allowed" for outcome in outcomes]


@cache
def _simulator() -> subprocess.Popen[str]:
    program = Path(__file__).with_name("iam_simulator.mjs")
    process = subprocess.Popen(["node", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_stop, process)
    return process


def _stop(process: subprocess.Popen[str]) -> None:
    process.communicate()
