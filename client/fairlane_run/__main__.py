"""Command `python3 -m fairlane_run`: runs a script unchanged as a run of a sweep.

The script gets the parameters as environment variables, for example `LEARNING_RATE`, and the name of its point as
`FAIRLANE_SWEEP_POINT`, for example for the folder of its checkpoints. Metrics are read from its output.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from fairlane_run.errors import EXIT_CODE, RunError, SetupError
from fairlane_run.run import Run, run

USAGE = """usage: python3 -m fairlane_run [--metric NAME=PATTERN]... [--] SCRIPT [ARGUMENT]...

Runs a Python script, or a command after --, with the parameters of a point as environment variables. The variable
FAIRLANE_SWEEP_POINT names the point, for example resnet-lr/17. Each PATTERN is a regular expression with one group, the
value of the metric. Each line with the metric of the sweep is a step.
"""

POINT = "FAIRLANE_SWEEP_POINT"
"""Variable with the id of the sweep and the index of the point, for directories that no other point uses."""


def main(arguments: list[str]) -> int:
    """Run a script, and return its exit code. 0 if the stop rule ended it, 2 for wrong arguments."""
    patterns: dict[str, re.Pattern[str]] = {}
    rest = list(arguments)
    while rest and rest[0] == "--metric":
        name, equals, pattern = rest[1].partition("=") if len(rest) > 1 else ("", "", "")
        problem = _problem(name, equals, pattern)
        if problem:
            return _refuse(f"--metric: got {name + equals + pattern!r}, allowed: NAME=PATTERN with {problem}")
        patterns[name] = re.compile(pattern)
        rest = rest[2:]
    if rest[:1] == ["--"]:
        command = rest[1:]
    else:
        command = [sys.executable, *rest] if rest and not rest[0].startswith("-") else []
    if not command:
        print(USAGE, file=sys.stderr)
        return EXIT_CODE
    try:
        with run() as this:
            if this.metric not in patterns:
                got = ", ".join(patterns) or "none"
                raise SetupError(f"--metric: got {got}, required: {this.metric}, the metric of the sweep")
            _run(this, command, patterns)
    except RunError as error:
        print(f"fairlane_run: {error}", file=sys.stderr)
        return 1
    return 0


def _run(this: Run, command: list[str], patterns: dict[str, re.Pattern[str]]) -> None:
    """Run a command to its end or until the stop rule ends it."""
    with subprocess.Popen(
        command,
        env=os.environ | variables(this.parameters) | {POINT: f"{this.sweep}/{this.index}"},
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        bufsize=1,
    ) as process:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _: process.send_signal(received))
        assert process.stdout
        step = 0
        last: dict[str, float] = {}
        try:
            for line in process.stdout:
                sys.stdout.write(line)
                sys.stdout.flush()
                found = {} if this.stopped else _found(line, patterns)
                last |= found
                if this.metric in found:
                    step += 1
                    if this.report(step, **last).stop:
                        process.terminate()
        except BaseException:
            process.terminate()  # the run has failed: its script must not go on
            raise
        code = process.wait()
    if code and not this.stopped:
        raise SystemExit(code if code > 0 else 128 - code)
    this.finish(**({} if this.stopped else last))


def _found(line: str, patterns: dict[str, re.Pattern[str]]) -> dict[str, float]:
    """Return the metrics in a line of output. A text that is no number is ignored."""
    found = {}
    for name, pattern in patterns.items():
        if match := pattern.search(line):
            with suppress(TypeError, ValueError):
                found[name] = float(match[1])
    return found


def variables(parameters: dict[str, Any]) -> dict[str, str]:
    """Return parameters as environment variables, for example `LEARNING_RATE=0.001`."""
    return {name.upper(): str(value) for name, value in parameters.items()}


def _problem(name: str, equals: str, pattern: str) -> str:
    if not name or not equals:
        return "a name"
    try:
        return "" if re.compile(pattern).groups == 1 else "one group"
    except re.error as error:
        return f"a regular expression ({error})"


def _refuse(message: str) -> int:
    print(f"fairlane_run: {message}", file=sys.stderr)
    return EXIT_CODE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
