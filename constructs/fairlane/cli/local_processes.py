"""Options of `fairlane local start` for jobs that run as processes of this computer."""

import argparse
from pathlib import Path
from typing import Any, Final

_NUMBERS: Final = (
    ("--processes", "processes", 1, "processes of jobs that run at a time, 1 or more (default: one per CPU core)"),
    ("--memory", "memory_mib", 16, "MiB of memory of a process with its children, 16 or more (default: 2048)"),
    ("--disk", "disk_mib", 16, "MiB of files that a process writes, in memory, 16 or more (default: 1024)"),
)
_ONLY_SIMULATED: Final = ("speed", "clock", "run_seconds", "start_up_seconds")


def add_start_options(parser: argparse.ArgumentParser, whole_number: Any) -> None:
    """Add the options to `fairlane local start`.

    Args:
        parser: Parser of the command.
        whole_number: Function that returns the type of whole numbers from a least number.
    """
    text = "simulated: jobs take time only; processes: jobs run on this computer, on Linux (default: simulated)"
    parser.add_argument("--jobs", choices=("simulated", "processes"), default="simulated", help=text)
    text = "directory that stands for an image of jobs that run as processes; can be repeated"
    parser.add_argument("--image", type=_image, action="append", default=[], metavar="NAME=DIR", help=text)
    for name, _, least, text in _NUMBERS:
        parser.add_argument(name, type=whole_number(least), metavar="NUMBER", help=text)


def process_options(arguments: argparse.Namespace) -> Any:
    """Return the options of the processes. None if jobs are simulated.

    Raises:
        LocalAwsError: If an option is only for the other kind of jobs, or if a directory does not exist.
    """
    from fairlane_local import LocalAwsError
    from fairlane_local.processes.options import ProcessOptions

    numbers = {member: getattr(arguments, name.removeprefix("--")) for name, member, _, _ in _NUMBERS}
    given = {member: value for member, value in numbers.items() if value is not None}
    if arguments.jobs == "simulated":
        if given or arguments.image:
            names = ", ".join(["--image", *(name for name, *_ in _NUMBERS)])
            raise LocalAwsError(f"{names}: only for jobs that run as processes; add --jobs processes")
        return None
    for name in _ONLY_SIMULATED:
        if getattr(arguments, name) not in (None, "real"):
            option = f"--{name.replace('_', '-')}"
            raise LocalAwsError(
                f"{option}: processes take the time that they take; leave it out, or use --jobs simulated"
            )
    return ProcessOptions(images=dict(arguments.image), **given)


def _image(text: str) -> tuple[str, str]:
    name, _, directory = text.partition("=")
    if not name or not directory:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed: NAME=DIR, for example train=examples/toy")
    return name, str(Path(directory).expanduser().resolve())
