"""Runs of deployed Lambda functions in processes that stay for the next invocation, as in Lambda."""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Timer
from time import monotonic
from typing import Any, Final
from uuid import uuid4

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend

from fairlane_local import function_process
from fairlane_local.errors import LocalAwsError
from fairlane_local.function_clock import EXECUTION_ENVIRONMENT
from fairlane_local.monitoring.function_logs import log_invocation, stream_name
from fairlane_local.server.access import function_environment
from fairlane_local.simulation import current_simulation
from fairlane_local.timeline import Timeline

_MAX_IDLE: Final = 32
"""Maximum number of processes that wait for an invocation."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """Result of one invocation of a function.

    Attributes:
        answer: Return value of the handler. None if the function fails.
        output: Lines that the function printed to standard output.
        log: Text that the function wrote to standard error, for example its log.
        error: Error as Lambda returns it: `errorType`, `errorMessage` and, if the handler raised, `stackTrace`. None if
            the function succeeds.
        slept: Seconds that the function slept by its own clock.
    """

    answer: Any
    output: tuple[str, ...]
    log: str
    error: Mapping[str, Any] | None = None
    slept: float = 0.0


class FunctionError(LocalAwsError):
    """Failure of a function.

    Attributes:
        invocation: Result of the invocation, with its error.
    """

    def __init__(self, name: str, invocation: Invocation) -> None:
        error = invocation.error or {}
        reason = invocation.log.strip() or error.get("errorMessage")
        super().__init__(f"the function {name} failed: {reason}")
        self.invocation = invocation


def deployed_function(account_id: str, region: str, function_arn: str) -> LambdaFunction:
    """Return a function that is deployed to the local AWS of this process."""
    function: LambdaFunction = get_backend(account_id, region).get_function(function_arn)
    return function


def run_function(port: int, account_id: str, region: str, function_arn: str, event: object) -> Invocation:
    """Run a function with a Python runtime once, and write its output to its log group.

    Its `time` and `datetime` have the clock of the local AWS. Its calls to `time.sleep` move this clock for the
    function and return immediately: the function is then ahead of the local AWS. Its timeout is in real seconds.

    Args:
        port: Port that the local AWS of this process listens on.
        account_id: Account of the function.
        region: Region of the function.
        function_arn: ARN of the function.
        event: Event that the function receives.

    Raises:
        FunctionError: If the function fails, exceeds its timeout, or has another runtime.
    """
    function = deployed_function(account_id, region, function_arn)
    request_id, started = str(uuid4()), current_simulation().timeline.milliseconds
    begin = monotonic()
    if function.package_type != "Zip" or not str(function.run_time).startswith("python3"):
        kind = "a container image" if function.package_type != "Zip" else f"the runtime {function.run_time}"
        message = f"the local AWS runs functions with a Python runtime only, and this function has {kind}"
        error = {"errorType": "Runtime.NotAvailable", "errorMessage": message}
        invocation = Invocation(None, (), f"[ERROR] {message}\n", error)
        stream = stream_name(started)
    else:
        process = _take(function, port, account_id, region, started)
        try:
            invocation, stream = process.run(function_arn, request_id, event, started), process.stream
        finally:
            _give_back(process)
    log_invocation(function, invocation, stream, request_id, started, int(1000 * (monotonic() - begin)))
    if invocation.error is not None:
        raise FunctionError(str(function.function_name), invocation)
    return invocation


class _Process:
    """Process of a function.

    Args:
        key: Text that differs when the code or the settings of the function differ.
        function: Function.
        variables: Environment variables of the process.
        started: Time of the first invocation, in milliseconds since the epoch.
    """

    def __init__(self, key: str, function: LambdaFunction, variables: Mapping[str, str], started: int) -> None:
        self.key = key
        self.stream = stream_name(started)
        self.is_alive = True
        self._timeout = float(function.timeout)
        self._folder = tempfile.TemporaryDirectory(prefix="fairlane-function-")
        code = Path(self._folder.name, "code")
        code.mkdir()
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
            archive.extractall(code)
        self._output, self._log = (Path(self._folder.name, name) for name in ("output", "log"))
        own = {
            "AWS_EXECUTION_ENV": f"{EXECUTION_ENVIRONMENT}{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": str(function.function_name),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": str(function.logs_group_name),
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "LAMBDA_TASK_ROOT": str(code),
            "PYTHONPATH": str(code),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", function_process.__file__, str(function.handler), str(self._output), str(self._log)],
            cwd=code,
            env={**variables, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    @property
    def has_exited(self) -> bool:
        """True if the process has ended by itself."""
        return self._process.poll() is not None

    def run(self, arn: str, request_id: str, event: object, milliseconds: int) -> Invocation:
        """Return the result of an invocation. A process that fails to answer within the timeout is killed."""
        request = {
            "id": request_id,
            "arn": arn,
            "event": event,
            "timeout": self._timeout,
            "time": milliseconds / 1000,
            "rate": 0 if current_simulation().timeline.clock.speed is None else 1,
        }
        assert self._process.stdin
        assert self._process.stdout
        timer = Timer(self._timeout, self.kill)
        timer.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        is_late = timer.finished.is_set()
        timer.cancel()
        result: dict[str, Any] = json.loads(line) if line else {"error": self._end(request_id, is_late)}
        output, log = self._text(self._output), self._text(self._log)
        if not self.is_alive:
            log += f"{result['error']['errorMessage']}\n"
            self._folder.cleanup()
        answer, error, slept = result.get("answer"), result.get("error"), result.get("slept", 0.0)
        return Invocation(answer, tuple(output.splitlines()), log, error, slept)

    def kill(self) -> None:
        """Kill the process and the processes that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the process."""
        self.is_alive = False
        self.kill()
        self._process.communicate()
        self._folder.cleanup()

    def _end(self, request_id: str, is_late: bool) -> dict[str, str]:
        """Return the error of a process that ended."""
        self.is_alive = False
        self.kill()
        self._process.communicate()
        if is_late:
            message = f"RequestId: {request_id} Error: Task timed out after {self._timeout:.2f} seconds"
            return {"errorType": "Sandbox.Timedout", "errorMessage": message}
        message = f"RequestId: {request_id} Error: Runtime exited with exit status {self._process.returncode}"
        return {"errorType": "Runtime.ExitError", "errorMessage": message}

    def _text(self, path: Path) -> str:
        """Return what the function wrote to a file, and empty the file."""
        if not path.exists():
            return ""
        text = path.read_text(errors="replace")
        with path.open("r+b") as file:
            file.truncate()
        return text


_idle: list[_Process] = []
_running: set[_Process] = set()
_stopped: list[Timeline] = []
"""Timeline of the local AWS whose functions were stopped last."""
_lock: Final = Lock()


def _take(function: LambdaFunction, port: int, account_id: str, region: str, started: int) -> _Process:
    """Return a process of a function that waits for an invocation, or else a new one."""
    own = {str(name): str(value) for name, value in function.environment_vars.items()}
    settings = (port, function.function_arn, function.code_digest, function.handler, function.timeout, own)
    key = json.dumps(settings, sort_keys=True, default=str)
    with _lock:
        waiting = [process for process in reversed(_idle) if process.key == key]
        exited = [process for process in waiting if process.has_exited]
        taken = next((process for process in waiting if process not in exited), None)
        _idle[:] = [process for process in _idle if process is not taken and process not in exited]
        if taken:
            _running.add(taken)
    for process in exited:
        process.stop()
    if taken:
        return taken
    variables = function_environment(port, account_id, region) | own
    with _lock:
        if current_simulation().timeline in _stopped:
            raise LocalAwsError("the local AWS has stopped")
        process = _Process(key, function, variables, started)
        _running.add(process)
    return process


def _give_back(process: _Process) -> None:
    """Keep a process for the next invocation, unless it has ended or the local AWS has stopped."""
    with _lock:
        is_stopped = process not in _running
        _running.discard(process)
        if process.is_alive and not is_stopped:
            _idle.append(process)
        old = process if is_stopped and process.is_alive else _idle.pop(0) if len(_idle) > _MAX_IDLE else None
    if old:
        old.stop()


def stop_functions() -> None:
    """End the processes of all functions. Those that run an invocation fail."""
    with _lock:
        processes, _idle[:] = [*_idle], []
        running = [*_running]
        _running.clear()
        _stopped[:] = [current_simulation().timeline]
    for process in running:
        process.kill()
    for process in processes:
        process.stop()
