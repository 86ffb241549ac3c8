"""Runs of attempts as processes: places for them, signals, time limits and output."""

import logging
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from socket import socketpair
from threading import Condition, Thread
from typing import Final, Protocol

from botocore.exceptions import ClientError
from moto.logs.models import LogsBackend

from fairlane_local.errors import LocalAwsError
from fairlane_local.processes.instance import Instance
from fairlane_local.processes.logs import LogWriter
from fairlane_local.processes.options import ProcessOptions
from fairlane_local.processes.process_group import Processes
from fairlane_local.processes.work import AttemptError, Command, End, Work
from fairlane_local.server.access import client, job_environment

_CA_FILE: Final = "/opt/fairlane/ca.pem"
_TERMINATED: Final = 128 + signal.SIGTERM


class Listener(Protocol):
    """Listener to a run. It is called from the thread of the run."""

    def begun(self) -> bool:
        """Handle the start of the processes. Return False if the attempt is not wanted any more."""

    def ended(self, end: End) -> None:
        """Handle the end of the attempt."""


class Runner:
    """Runs of all accounts and Regions of a local AWS.

    Args:
        options: Options of the processes.
        milliseconds: Function that returns the time.
        port: Port of the local AWS.
    """

    def __init__(self, options: ProcessOptions, milliseconds: Callable[[], int], port: int) -> None:
        self.options = options
        self.milliseconds = milliseconds
        self._port = port
        self._free = options.processes
        self._waiting: deque[Run] = deque()
        self._condition = Condition()
        self._runs: set[Run] = set()

    def start(self, work: Work, logs: LogsBackend, listener: Listener) -> "Run":
        """Start a run in its own thread."""
        run = Run(self, work, logs, listener)
        with self._condition:
            self._waiting.append(run)
            self._runs.add(run)
        run.start()
        return run

    def environment(self, account_id: str, region: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the environment variables of AWS tools in a job, and the contents of the files that they name."""
        variables = job_environment(self._port, account_id, region)
        certificate = Path(variables["AWS_CA_BUNDLE"]).read_text()
        return variables | {"AWS_CA_BUNDLE": _CA_FILE}, {_CA_FILE: certificate}

    def secret(self, account_id: str, region: str, name_or_arn: str) -> str:
        """Return a secret of Secrets Manager or a parameter of Systems Manager.

        Raises:
            AttemptError: If it does not exist.
        """
        try:
            if ":secretsmanager:" in name_or_arn:
                secrets = client("secretsmanager", self._port, account_id, region)
                return str(secrets.get_secret_value(SecretId=name_or_arn)["SecretString"])
            name = name_or_arn.partition(":parameter")[2] or name_or_arn
            parameters = client("ssm", self._port, account_id, region)
            return str(parameters.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        except ClientError as error:
            raise AttemptError(f"ResourceInitializationError: {name_or_arn}: {error}") from error

    def close(self) -> None:
        """Kill all processes, and wait until they have ended."""
        with self._condition:
            runs = list(self._runs)
        for run in runs:
            run.kill()
        for run in runs:
            run.join()

    def wake(self) -> None:
        """Make the runs that wait look at their state again."""
        with self._condition:
            self._condition.notify_all()

    def acquire(self, run: "Run", places: int) -> bool:
        """Wait for places in the order of the starts. Return False if the run is stopped meanwhile.

        Raises:
            AttemptError: If there will never be as many places.
        """
        with self._condition:
            try:
                if places > self.options.processes:
                    sentence = f"the job has {places} processes, and the local AWS runs {self.options.processes}"
                    raise AttemptError(f"{sentence} at a time: start the local AWS with --processes {places}")
                self._condition.wait_for(lambda: run.is_stopped or (self._waiting[0] is run and self._free >= places))
                if run.is_stopped:
                    return False
                self._free -= places
                return True
            finally:
                self._waiting.remove(run)
                self._condition.notify_all()

    def release(self, run: "Run", places: int) -> None:
        """Give places back, and forget a run."""
        with self._condition:
            if run in self._waiting:
                self._waiting.remove(run)
            self._free += places
            self._runs.discard(run)
            self._condition.notify_all()


class Run:
    """Run of an attempt, in a thread that lives as long as its processes.

    Args:
        runner: Runner with the places.
        work: Work of the attempt.
        logs: CloudWatch Logs of the account and Region.
        listener: Listener to the run.
    """

    def __init__(self, runner: Runner, work: Work, logs: LogsBackend, listener: Listener) -> None:
        self._runner = runner
        self._work = work
        self._logs = logs
        self._listener = listener
        self._stop_at: float | None = None
        self._killed = False
        self._wakes, self._wake = socketpair()
        self._thread = Thread(target=self._run, name="run", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the thread."""
        self._thread.join()

    @property
    def is_stopped(self) -> bool:
        """True if the run ends early."""
        return self._stop_at is not None or self._killed

    def stop(self) -> None:
        """Send SIGTERM to the processes, and SIGKILL after the notice."""
        if not self.is_stopped:
            self._stop_at = time.monotonic()
            self._interrupt()

    def kill(self) -> None:
        """Kill the processes. The listener is not called any more."""
        self._killed = True
        self._interrupt()

    def _interrupt(self) -> None:
        with suppress(OSError):  # the run has ended
            self._wake.send(b"1")
        self._runner.wake()

    def _run(self) -> None:
        places = 0
        try:
            commands = self._work.commands()
            if self._runner.acquire(self, len(commands)):
                places = len(commands)
                end = self._attempt(commands)
            else:
                end = End(exit_code=_TERMINATED)
        except LocalAwsError as error:
            end = End(exit_code=None, reason=str(error))
        except Exception as error:  # a run that ends without a word would wait forever
            logging.getLogger(__name__).exception("a run of the local AWS failed")
            end = End(exit_code=None, reason=f"InternalServerError: {error}")
        self._wake.close()
        self._wakes.close()
        self._runner.release(self, places)
        if not self._killed:
            self._listener.ended(end)

    def _attempt(self, commands: Sequence[Command]) -> End:
        with ExitStack() as stack:
            instances = []
            for command in commands:
                instance = _start(command, self._runner.options.disk_mib)
                stack.callback(instance.close)
                instances.append(instance)
            roots = [instance.root for instance in instances]
            self._work.prepare(roots)
            if self.is_stopped or not self._listener.begun():
                return End(exit_code=_TERMINATED)
            lines, milliseconds = self._runner.options.log_lines, self._runner.milliseconds
            processes = Processes(
                instances,
                [
                    LogWriter(self._logs, command.log_group, command.log_stream, lines, milliseconds)
                    for command in commands
                ],
            )
            for instance, command in zip(instances, commands, strict=True):
                instance.run(
                    command.arguments, command.environment, memory_mib=command.memory_mib, is_init=command.is_init
                )
            end = self._wait(processes, lambda: self._work.copy(roots))
            return self._work.collect(roots, end, is_stopped=self.is_stopped or bool(end.limit))

    def _wait(self, processes: Processes, copy: Callable[[], None]) -> End:
        """Wait until the processes have ended, with the limits and the copies that are due meanwhile."""
        processes.watch(self._wakes)
        period = self._runner.options.copy_seconds
        start = time.monotonic()
        seconds, limit = min(((number, reason) for reason, number in self._work.limits.items()), default=(0, ""))
        next_copy, killed_at = start + period, None
        reached = ""
        while not processes.have_ended(self._work.main):
            now = time.monotonic()
            if limit and not reached and now >= start + seconds and not self.is_stopped:
                reached, self._stop_at = limit, now
            if self._stop_at is not None and killed_at is None:
                killed_at = self._stop_at + self._work.notice
                processes.signal(signal.SIGTERM)
            if self._killed or (killed_at is not None and now >= killed_at):
                processes.kill()
                killed_at = None if killed_at is None else now + self._work.notice
            if now >= next_copy:
                copy()
                next_copy = time.monotonic() + period
            moments = [next_copy, start + seconds if limit and not reached else next_copy, killed_at or next_copy]
            processes.poll(min(moments) - time.monotonic())
        processes.close()
        code, out_of_memory = processes.end(self._work.main)
        return End(exit_code=code, limit=reached, out_of_memory=out_of_memory)


def _start(command: Command, disk_mib: int) -> Instance:
    if command.image is not None and not Path(command.image).is_dir():
        sentence = f"the directory {command.image}, which stands for the image, does not exist any more"
        raise AttemptError(f"CannotPullContainerError: {sentence}")
    try:
        return Instance(command.host, command.files, command.image, disk_mib, command.volumes)
    except LocalAwsError as error:
        raise AttemptError(f"the process of the job cannot start: {error}") from error
