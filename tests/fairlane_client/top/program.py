"""Program that shows a fake account in its terminal, for tests with a pseudo-terminal.

Usage: python -m tests.fairlane_client.top.program [fails]
"""

import sys

from rich.console import Console

from fairlane_client.top.live import show_top
from tests.fairlane_client.top.fake_batch import FakeBatch, reader


class _Fails(FakeBatch):
    """Client with an error that nobody expects in the answer to its second refresh."""

    def _get_job_queue_snapshot(self, jobQueue: str) -> dict[str, object]:  # noqa: N803
        if self.requests.count("get_job_queue_snapshot") > 4:
            raise ZeroDivisionError("unexpected")
        return super()._get_job_queue_snapshot(jobQueue)


if __name__ == "__main__":
    fails = sys.argv[1:] == ["fails"]
    show_top(reader(_Fails() if fails else FakeBatch()), Console(), 0.1 if fails else 3600)
    print("ended")
