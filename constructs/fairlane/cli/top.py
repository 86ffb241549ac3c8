"""Command `fairlane top`: a live view of queues in a terminal."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fairlane.cli import answers, queue_options
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane_client.top.reading import QueueTop

_INTERVALS: Final = (5, 3600)


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "show use, waiting jobs and blocked jobs of queues, and refresh them"
    top = commands.add_parser("top", help=text, description=text)
    text = "name or ARN of a queue; can be repeated (default: all queues of the account and Region)"
    top.add_argument("--queue", action="append", default=[], metavar="QUEUE", help=text)
    top.add_argument("--once", action="store_true", help="print the state and end, as without a terminal")
    text = "seconds between refreshes, 5 to 3600 (default: %(default)s)"
    top.add_argument("--interval", type=float, default=15, metavar="SECONDS", help=text)
    top.add_argument("--json", action="store_true", help="print the state as JSON for programs, and end")
    top.set_defaults(run=lambda arguments: answers.run(lambda: _run(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    lowest, highest = _INTERVALS
    if not lowest <= arguments.interval <= highest:
        allowed = f"{lowest} to {highest} seconds"
        raise ConfigurationError("fairlane top", [Problem(("--interval",), arguments.interval, allowed)])
    from fairlane_client.live import open_console
    from fairlane_client.top.reading import TopReader

    reader = TopReader(queue_options.open_calls(), arguments.queue)
    if arguments.json:
        queues = [*reader.refresh()]
        queue_options.print_json({"queues": queues, "requests": reader.calls.count})
        return _exit_code(queues)
    from fairlane_client.top.live import print_top, show_top

    console = open_console()
    if not reader.queue_names():
        console.print("No queues in this account and Region.")
    elif arguments.once or not console.is_terminal or console.is_dumb_terminal:
        queues = [*reader.refresh()]
        print_top(queues, console, reader.clock.now())
        return _exit_code(queues)
    else:
        show_top(reader, console, arguments.interval)
    return 0


def _exit_code(queues: "Sequence[QueueTop]") -> int:
    """Return 1 if no queue could be read."""
    return int(bool(queues) and all(queue.read_at is None for queue in queues))
