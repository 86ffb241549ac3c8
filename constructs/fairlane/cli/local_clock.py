"""Options of `fairlane local start` for the clock and the jobs, and `fairlane local advance`."""

import argparse
import re
from collections.abc import Callable
from typing import Any, Final

from fairlane.cli import local_processes

AddCommand = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
"""Function that adds a command for the local AWS on a port: name, function and description."""

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_MAX_DAYS: Final = 3650
_JOB_OPTIONS: Final = (
    ("--pass-seconds", 1, "seconds between two passes of the scheduler, 1 or more (default: 1)"),
    ("--run-seconds", 1, "seconds that jobs run without a tag fairlane:run-seconds, 1 or more (default: 60)"),
    ("--start-up-seconds", 0, "seconds that jobs take to start, 0 or more (default: 0)"),
)


def add_start_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the clock and the jobs to `fairlane local start`."""
    clock = parser.add_mutually_exclusive_group()
    text = "seconds of the clock for each second, above 0 (default: 1)"
    clock.add_argument("--speed", type=_speed, metavar="NUMBER", help=text)
    text = "real runs by itself, and manual moves only by fairlane local advance (default: real)"
    clock.add_argument("--clock", choices=("real", "manual"), help=text)
    for name, least, text in _JOB_OPTIONS:
        parser.add_argument(name, type=_whole_number(least), metavar="NUMBER", help=text)
    text = "accept submissions above the rates of AWS Batch"
    parser.add_argument("--no-throttle", action="store_true", help=text)
    local_processes.add_start_options(parser, _whole_number)


def start_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments of `fairlane_local.start` for the options that were given."""
    from fairlane_local.batch.jobs.options import JobOptions

    settings: dict[str, Any] = {}
    if arguments.speed is not None or arguments.clock is not None:
        settings["speed"] = None if arguments.clock == "manual" else arguments.speed or 1.0
    names = [name.removeprefix("--").replace("-", "_") for name, _, _ in _JOB_OPTIONS]
    options: dict[str, Any] = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if arguments.no_throttle:
        options["throttle"] = False
    processes = local_processes.process_options(arguments)
    if processes is not None:
        options["processes"] = processes
    if options:
        settings["options"] = JobOptions(**options)
    return settings


def add_to(add: AddCommand) -> None:
    """Add the command `advance`."""
    parser = add("advance", _advance, "move the manual clock of the local AWS forward")
    text = "seconds, or a number with s, m, h or d, for example 90, 90s, 5m, 2h or 1d"
    parser.add_argument("duration", type=_duration, metavar="DURATION", help=text)


def _advance(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from fairlane_local.console.texts import duration_text
    from fairlane_local.server.background import control

    clock = control(arguments.port, "advance", seconds=arguments.duration)
    time = datetime.fromtimestamp(clock["now"], UTC)
    print(f"It is {time:%Y-%m-%d %H:%M:%S} UTC, {duration_text(int(clock['elapsed']))} after the start.")
    return 0


def _duration(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,12})([smhd]?)", text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else -1
    if not 0 <= seconds <= _MAX_DAYS * _SECONDS["d"]:
        allowed = f"a duration such as 90, 90s, 5m, 2h or 1d, at most {_MAX_DAYS}d"
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: {allowed}")
    return seconds


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: a number above 0")
    return speed


def _whole_number(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) >= least:
            return int(text)
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: a whole number, {least} or more")

    return parse
