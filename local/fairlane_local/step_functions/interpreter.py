"""Moto's interpreter of the Amazon States Language on the local clock."""

import logging
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, Final, Self

from moto.stepfunctions import models
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.utils import encoding
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.utils import TMP_THREADS

from fairlane_local.simulation import current_simulation
from fairlane_local.step_functions import definitions, tasks
from fairlane_local.step_functions.clients import task_client
from fairlane_local.step_functions.events import send_status
from fairlane_local.step_functions.threads import (
    ClockEvent,
    ExecutionThread,
    Interrupted,
    ThreadGroup,
    execution_group,
    sleep,
)

_PACKAGE: Final = parser_models.__name__.rpartition(".")[0]


class ClockDatetime(datetime):
    """Date and time whose `now` is of the local clock."""

    @classmethod
    def now(cls, tz: Any = None) -> Self:
        """Return the time of the local clock. Without a time zone, it is in UTC."""
        moment = cls.fromtimestamp(_now(), UTC)
        return moment.replace(tzinfo=None) if tz is None else moment.astimezone(tz)


class _Threading(SimpleNamespace):
    """Module `threading` with threads and events of the local clock."""

    def __init__(self) -> None:
        super().__init__(**vars(threading) | {"Event": ClockEvent, "Thread": ExecutionThread})


def _now() -> float:
    timeline = current_simulation().timeline
    return timeline.clock.start + timeline.elapsed


def _replacements() -> list[tuple[object, object]]:
    return [
        (threading, _Threading()),
        (threading.Thread, ExecutionThread),
        (threading.Event, ClockEvent),
        (time, SimpleNamespace(sleep=sleep, time=_now)),
        (sys.modules["datetime"], SimpleNamespace(datetime=ClockDatetime, timedelta=timedelta, timezone=timezone)),
        (boto_client_for, task_client),
        (TMP_THREADS, deque(maxlen=0)),
    ]


def install() -> None:
    """Put moto's interpreter on the local clock, and its tasks on the local AWS. A second call changes nothing."""
    if Execution.start is _start:
        return
    replacements = _replacements()
    for name, module in [*sys.modules.items()]:
        if name.startswith(_PACKAGE) and module is not encoding:
            for attribute, value in [*vars(module).items()]:
                for old, new in replacements:
                    if value is old:
                        setattr(module, attribute, new)
    models.utcnow = ClockDatetime.now  # type: ignore[attr-defined]
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)  # the history has all errors
    definitions.install()
    tasks.install()
    for owner, attribute, method in (
        (Execution, "start", _start),
        (ExecutionWorker, "start", _start_worker),
        (ExecutionWorker, "_get_evaluation_environment", _environment),
        (BaseExecutionWorkerCommunication, "terminated", _terminated),
        (CommonStateField, "_eval_body", _eval_state),
        (WaitFunction, "_wait_interval", _wait),
        (Environment, "set_stop", _set_stop),
        (Environment, "set_timed_out", _set_timed_out),
        (InlineIterationComponent, "_eval_body", _eval_map),
    ):
        setattr(owner, attribute, method)


_original_environment = ExecutionWorker._get_evaluation_environment
_original_eval_state = CommonStateField._eval_body
_original_set_stop = Environment.set_stop
_original_set_timed_out = Environment.set_timed_out
_original_eval_map = InlineIterationComponent._eval_body


def _start(self: Any) -> None:
    self.exec_worker = self._get_start_execution_worker()
    self.exec_status = ExecutionStatus.RUNNING
    send_status(self)
    self.exec_worker.start()


def _start_worker(self: Any) -> None:
    """Start an execution, and return when its first state runs, because moto can stop no execution before that."""
    thread = ExecutionThread(target=self._execution_logic, daemon=True)
    thread.start()
    thread.group.started.wait()


def _environment(self: Any) -> Any:
    environment: Any = _original_environment(self)
    environment.group = execution_group()
    environment.group.account_id = environment.aws_execution_details.account
    return environment


def _eval_state(self: Any, env: Any) -> None:
    """Run a state. If it is interrupted, the program ends, and adds the reason to the history."""
    execution_group().started.set()
    try:
        _original_eval_state(self, env)
    except Interrupted:
        if env.is_running():
            raise


def _set_stop(self: Any, *args: Any, **keywords: Any) -> None:
    _original_set_stop(self, *args, **keywords)
    _interrupt(self)


def _set_timed_out(self: Any) -> None:
    _original_set_timed_out(self)
    _interrupt(self)


def _interrupt(environment: Any) -> None:
    """End the waits of an execution. Moto ends some of them, and the others would go on until their timeouts."""
    group: ThreadGroup | None = getattr(environment, "group", None)
    if group is not None:
        group.interrupt()


def _wait(self: Any, env: Any, wait_seconds: int) -> None:
    if wait_seconds > 0:
        env.program_state_event.wait(wait_seconds)


def _eval_map(self: Any, env: Any) -> None:
    """Run an inline Map. If an iteration fails, the others stop."""
    try:
        _original_eval_map(self, env)
    except Exception:
        for frame in [*env._frames]:
            frame.set_stop(stop_date=ClockDatetime.now(UTC), cause=None, error=None)
        raise


def _terminated(self: Any) -> None:
    execution = self.execution
    state = execution.exec_worker.env.program_state()
    if isinstance(state, ProgramStopped):
        execution.error, execution.cause = state.error, state.cause
    self._reflect_execution_status()
    if execution.exec_status == ExecutionStatus.SUCCEEDED:
        execution.output = to_json_str(execution.output, separators=(",", ":"))  # moto returns strings without quotes
    execution_group().interrupt()
    send_status(execution)
