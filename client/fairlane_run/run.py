"""Run of one point of a sweep."""

from __future__ import annotations

import math
import sys
import time
from contextlib import contextmanager

from fairlane_run.errors import RunError, SetupError
from fairlane_run.objects import Objects, code, to_json
from fairlane_run.point import read_point
from fairlane_run.progress import Progress
from fairlane_run.settings import Settings, read_settings
from fairlane_run.stopping import Median

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


class Decision:
    """Result of a report.

    Attributes:
        stop: True if the run is to end, because its metric is worse than the one of other runs.
    """

    __slots__ = ("stop",)

    def __init__(self, stop: bool) -> None:
        self.stop = stop


class Run:
    """Run of one point. `run` returns it. With several processes, only one of them has a run.

    Attributes:
        parameters: Parameters of the point.
        index: Index of the point in the sweep.
        sweep: Id of the sweep.
        stopped: True if the stop rule ended the run.
        finished: True after `finish`.
    """

    def __init__(self, settings: Settings, objects: Objects, index: int, parameters: dict[str, Any]) -> None:
        self.parameters = parameters
        self.index = index
        self.sweep = settings.sweep
        self.stopped = False
        self.finished = False
        self._settings = settings
        self._objects = objects
        self._progress = Progress(objects, settings.sweep, index)
        self._rule = settings.rule
        self._started = time.time()
        self._step: int | None = None
        self._last: dict[str, float] = {}

    @property
    def metric(self) -> str:
        """Metric that the sweep compares."""
        return self._settings.metric

    def report(self, step: int, /, **metrics: float) -> Decision:
        """Record metrics at a step, and return the decision of the stop rule.

        Args:
            step: Step, for example an epoch, 0 or more, above the step of the previous report.
            metrics: Values by metric. The metric of the sweep is required. Only this one is written.

        Raises:
            RunError: If the step goes back, if the metric of the sweep is missing, if a value is infinite, if the run
                is finished or if Amazon S3 refuses the write.
        """
        if self.finished:
            raise RunError("report: the run is finished")
        if isinstance(step, bool) or not isinstance(step, int) or step < 0:
            raise RunError(f"report: step: got {step!r}, allowed: a whole number, 0 or more")
        if self._step is not None and step <= self._step:
            raise RunError(f"report: step: got {step}, allowed: above {self._step}, the step of the previous report")
        value = self._check("report", metrics, allowed="a finite number or NaN")[self.metric]
        self._step = step
        self._last |= {name: number for name, number in metrics.items() if not math.isnan(number)}
        if self._rule is not None:
            self.stopped = self._rule.stops(step, value, self._progress) or self.stopped
        elif not math.isnan(value):
            self._progress.record(step, value)
        return Decision(self.stopped)

    def finish(self, /, **metrics: float) -> bool:
        """Write the result of the run, once. Return False if another attempt of the same point has written it.

        Args:
            metrics: Values by metric, at least of the metric of the sweep. A stopped run can leave it out: the value of
                the last report counts.

        Raises:
            RunError: If the metric of the sweep is missing, if a value is not finite, or if the run is finished.
        """
        if self.finished:
            raise RunError("finish: the run is finished")
        values = self._check("finish", (self._last if self.stopped else {}) | metrics, allowed="a finite number")
        if any(not math.isfinite(value) for value in values.values()):
            bad = {name: value for name, value in values.items() if not math.isfinite(value)}
            raise RunError(f"finish: {_listed(bad)}, allowed: a finite number")
        if not self.stopped and isinstance(self._rule, Median):
            self._progress.complete()
        record = self._record("STOPPED" if self.stopped else "SUCCEEDED")
        record |= {"value": values[self.metric], "metrics": values, "step": self._step}
        is_first = self._objects.put_once(result_key(self.sweep, self.index), to_json(record))
        self.finished = True
        return is_first

    def fail(self, reason: str) -> None:
        """Write a record of a failed attempt.

        Args:
            reason: Type of the exception or exit code of the script. Not the message, which can hold secrets.
        """
        key = f"failures/sweep={self.sweep}/{self.index}-{self._settings.job or 'local'}-{self._settings.attempt}.json"
        self._objects.put(key, to_json(self._record("FAILED") | {"reason": reason}))

    def _record(self, state: str) -> dict[str, Any]:
        """Return the members that results and failures share. Parameters are texts, for a column of type map."""
        return {
            "index": self.index,
            "state": state,
            "parameters": {name: _text(value) for name, value in self.parameters.items()},
            "point": to_json(self.parameters).decode().strip(),
            "started_at": round(self._started, 3),
            "seconds": round(time.time() - self._started, 3),
            "job": self._settings.job,
            "attempt": self._settings.attempt,
        }

    def _check(self, call: str, metrics: Mapping[str, float], *, allowed: str) -> dict[str, float]:
        """Return the metrics as numbers of Python."""
        if self.metric not in metrics:
            raise RunError(f"{call}: {self.metric}: missing; it is the metric of the sweep")
        wrong: dict[str, Any] = {}
        values = {}
        for name, value in metrics.items():
            try:
                values[name] = float(value)
            except (TypeError, ValueError):
                wrong[name] = type(value)
                continue
            if math.isinf(values[name]):
                wrong[name] = values[name]
        if wrong:
            raise RunError(f"{call}: {_listed(wrong)}, allowed: {allowed}")
        return values


@contextmanager
def run(objects: Objects | None = None, settings: Settings | None = None) -> Iterator[Run]:
    """Provide the run of this container. An exception leaves a failure record and continues upwards.

    If the point has a result already, the process ends with code 0. If the body ends without `finish`, the run counts
    as failed, unless the stop rule ended it.

    Args:
        objects: Objects of the sweep. Default: those of the bucket in the settings.
        settings: Settings of the run. Default: those of the container.

    Raises:
        SetupError: If the container has no settings, if the manifest has changed or if the index is outside of the
            manifest. It ends the process with code 2.
        RunError: If the body ends without `finish`.
    """
    settings = settings or read_settings()
    objects = objects or Objects(settings.bucket)
    index, parameters = read_point(settings, objects)
    if objects.exists(result_key(settings.sweep, index)):
        print(f"fairlane_run: point {index} of sweep {settings.sweep} has a result", flush=True)
        raise SystemExit(0)
    this = Run(settings, objects, index, parameters)
    try:
        yield this
        if this.stopped and not this.finished:
            this.finish()
        if not this.finished:
            raise RunError("finish was not called")
    except SetupError:
        raise
    except BaseException as error:
        if not this.finished:
            _record_failure(this, error)
        raise


def result_key(sweep: str, index: int) -> str:
    """Return the key of a result."""
    return f"results/sweep={sweep}/{index}.json"


def _record_failure(this: Run, error: BaseException) -> None:
    """Write a failure record. An error of Amazon S3 is printed, so that it does not hide the error of the run."""
    try:
        this.fail(f"exit code {_exit_code(error)}" if isinstance(error, SystemExit) else type(error).__name__)
    except Exception as failed:
        text = f"fairlane_run: the failure record is not written: {type(failed).__name__} {code(failed)}"
        print(text.strip(), file=sys.stderr, flush=True)


def _exit_code(end: SystemExit) -> int:
    """Return the exit code of a process. `sys.exit` with a text is code 1; the text can hold parameters."""
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _listed(values: Mapping[str, Any]) -> str:
    """Return values, of those that are no numbers only the type: errors end in logs."""
    got = {name: value.__name__ if isinstance(value, type) else repr(value) for name, value in values.items()}
    return ", ".join(f"{name}: got {text}" for name, text in got.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value).decode().strip()
