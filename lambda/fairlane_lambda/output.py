"""Standard output without a buffer."""

import sys
from typing import Any


class Output:
    """Standard output, to which a text is written at once.

    If printing fails, Python's buffer keeps the text, and prints it together with the next text. A caller that prints
    the text again would then print it twice. So this class writes past the buffer. A text that was cut off is completed
    before the next text is printed.

    Attributes:
        rest: Rest of a text that was cut off. Empty if no text was cut off.
    """

    def __init__(self) -> None:
        self.rest = b""

    def print(self, text: str) -> None:
        """Print a text.

        Args:
            text: Text with a newline at its end.

        Raises:
            OSError: If the text was not printed. If a part of it was printed, `rest` has the other part.
        """
        self.finish()
        self._write(text.encode(), cut=False)

    def finish(self) -> None:
        """Print the rest of a text that was cut off.

        Raises:
            OSError: If the rest was not printed completely. It remains in `rest`.
        """
        if self.rest:
            self._write(self.rest, cut=True)

    def _write(self, data: bytes, cut: bool) -> None:
        written = 0
        try:
            sys.stdout.flush()
            raw: Any = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
            if raw is None:  # a stream in memory
                sys.stdout.write(data.decode())
                written = len(data)
            while written < len(data):
                count = raw.write(data[written:])
                if not count:
                    raise BlockingIOError("standard output takes no data")
                written += count
        finally:
            self.rest = data[written:] if cut or written else b""


OUTPUT = Output()
"""Standard output of the function."""
