"""Live table of a manifest by Region."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fairlane_client.clock import Clock
from fairlane_client.fan_out.progress import Counts, Progress
from fairlane_client.live import Frame, open_console, show_live

if TYPE_CHECKING:
    from rich.console import Console


def watch_regions(
    read: Callable[[], Progress], clock: Clock, interval: float, console: "Console | None" = None
) -> Progress:
    """Show the progress of a manifest until its jobs have ended, and return the last one.

    Args:
        read: Function that returns the progress.
        clock: Time of this client.
        interval: Number of seconds between refreshes.
        console: Console of the table. Default: standard output.

    Raises:
        ImportError: If rich is missing.
    """
    console = console or open_console()

    def refresh() -> Frame[Progress]:
        progress = read()
        return Frame(counts_table(progress), progress, progress.is_over)

    last = show_live(refresh, clock, interval, console)
    console.print(f"{last.manifest}: {last.total}", markup=False, highlight=False, soft_wrap=True)
    return last


def counts_table(progress: Progress) -> Any:
    """Return a table of the lines by Region and state, with a bar of those that have ended."""
    from rich import box
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=f"{progress.manifest}: {progress.state.lower()}", title_justify="left")
    table.add_column("region")
    for name in Counts._fields[:-1]:
        table.add_column(name, justify="right")
    table.add_column("jobs/s", justify="right")
    table.add_column("", min_width=20)
    rows = [*progress.regions.items(), ("all", progress.total)]
    for region, counts in rows:
        numbers = [Text(f"{number:,}", style="" if number else "bright_black") for number in counts[:-1]]
        total, ended = sum(counts[:-1]), counts.done + counts.failed
        bar = ProgressBar(total=max(total, 1), completed=ended, width=20, style="bright_black", complete_style="blue")
        if region == "all":
            table.add_section()
        table.add_row(region, *numbers, f"{counts.rate:.1f}", bar)
    return table
