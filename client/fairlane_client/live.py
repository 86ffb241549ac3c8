"""Live display in a terminal of what a client watches."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from fairlane_client.clock import Clock

if TYPE_CHECKING:
    from rich.console import Console

State = TypeVar("State")


class Frame(NamedTuple, Generic[State]):
    """Picture of a state.

    Attributes:
        picture: Renderable of rich.
        state: State in the picture.
        is_last: True if the state does not change any more.
    """

    picture: Any
    state: State
    is_last: bool


def open_console() -> "Console":
    """Return a console on standard output.

    Raises:
        ImportError: If rich is missing.
    """
    try:
        from rich.console import Console
    except ModuleNotFoundError as error:
        raise ImportError(
            "a view in a terminal requires the extra: pip install 'fairlane[client]'", name="rich"
        ) from error
    return Console()


def show_live(refresh: Callable[[], Frame[State]], clock: Clock, interval: float, console: "Console") -> State:
    """Show frames until the last one, and return its state. A terminal is clean afterwards.

    Args:
        refresh: Function that returns the next frame.
        clock: Time of this client.
        interval: Number of seconds between frames.
        console: Console of the frames.
    """
    from rich.live import Live

    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            frame = refresh()
            live.update(frame.picture, refresh=True)
            if frame.is_last:
                return frame.state
            clock.sleep(interval)
