"""Runs of deployed Lambda functions, each in its own Python process."""

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

from fairlane_local.errors import LocalAwsError
from fairlane_local.server.access import function_environment

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
    """Result of one invocation of a function.

    Attributes:
        answer: Return value of the handler.
        output: Lines that the handler printed to standard output.
        log: Text that the handler wrote to standard error, for example its log.
    """

    answer: Any
    output: tuple[str, ...]
    log: str


def deployed_function(account_id: str, region: str, function_arn: str) -> LambdaFunction:
    """Return a function that is deployed to the local AWS of this process."""
    function: LambdaFunction = get_backend(account_id, region).get_function(function_arn)
    return function


def run_function(port: int, account_id: str, region: str, function_arn: str, event: object) -> Invocation:
    """Run a function with a Python runtime once. Its calls to `time.sleep` return immediately.

    Args:
        port: Port that the local AWS of this process listens on.
        account_id: Account of the function.
        region: Region of the function.
        function_arn: ARN of the function.
        event: Event that the function receives.

    Raises:
        LocalAwsError: If the function fails.
    """
    function = deployed_function(account_id, region, function_arn)
    variables = {str(name): str(value) for name, value in function.environment_vars.items()}
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as code:
            code.extractall(folder)
        process = subprocess.run(
            [sys.executable, "-c", _RUN, str(function.handler), str(function.timeout)],
            cwd=folder,
            env=function_environment(port, account_id, region) | variables | {"PYTHONPATH": folder},
            input=json.dumps(event),
            capture_output=True,
            text=True,
            check=False,
        )
    if process.returncode != 0:
        raise LocalAwsError(f"the function {function.function_name} failed: {process.stderr.strip()}")
    *output, answer = process.stdout.splitlines()
    return Invocation(json.loads(answer), tuple(output), process.stderr)
