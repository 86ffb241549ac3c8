"""Runs the code of a deployed function, in a Python process of its own, as Lambda would."""

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from typing import Any, Final

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend

from fairlane_local.server.access import LocalAwsError, function_environment

_RUN: Final = """
import importlib, json, sys, time
time.sleep = lambda seconds: None
class Context:
    get_remaining_time_in_millis = staticmethod(lambda: 1000 * int(sys.argv[2]))
module, _, name = sys.argv[1].rpartition(".")
print(json.dumps(getattr(importlib.import_module(module), name)(json.load(sys.stdin), Context)))
"""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What came of an invocation.

    Attributes:
        answer: what the handler returned.
        output: the lines that it printed.
        log: what it wrote to its log besides.
    """

    answer: Any
    output: tuple[str, ...]
    log: str


def deployed(account_id: str, region: str, function_arn: str) -> LambdaFunction:
    """The function as it was deployed to this process."""
    function: LambdaFunction = get_backend(account_id, region).get_function(function_arn)
    return function


def run(port: int, account_id: str, region: str, function_arn: str, event: object) -> Invocation:
    """Runs a function of Python once; where it sleeps, it does not wait.

    Args:
        port: where the AWS on localhost listens, in this process.
        account_id: in which account the function is.
        region: in which Region.
        function_arn: its ARN.
        event: what it is called with.

    Raises:
        LocalAwsError: if it fails.
    """
    function = deployed(account_id, region, function_arn)
    own = {str(name): str(value) for name, value in function.environment_vars.items()}
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as code:
            code.extractall(folder)
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(function.handler), str(function.timeout)],
            cwd=folder,
            env=function_environment(port, account_id, region) | own | {"PYTHONPATH": folder},
            input=json.dumps(event),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise LocalAwsError(f"the function {function.function_name} failed: {done.stderr.strip()}")
    *output, answer = done.stdout.splitlines()
    return Invocation(json.loads(answer), tuple(output), done.stderr)
