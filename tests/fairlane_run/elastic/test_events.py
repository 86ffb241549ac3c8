import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fairlane_run.elastic import ElasticEvents, Event


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_process_without_a_signal_goes_on() -> None:
    assert ElasticEvents().detect() is Event.NONE


@pytest.mark.parametrize(
    ("numbers", "event"),
    [
        ([signal.SIGUSR1], Event.RESIZE),
        ([signal.SIGUSR1, signal.SIGUSR1], Event.RESIZE),
        ([signal.SIGTERM, signal.SIGUSR1], Event.TERMINATION),
        ([signal.SIGUSR1, signal.SIGTERM], Event.TERMINATION),
    ],
)
def test_a_signal_is_an_event_until_the_end(numbers: list[signal.Signals], event: Event) -> None:
    events = ElasticEvents()
    for number in numbers:
        signal.raise_signal(number)

    assert events.received is event
    assert events.detect() is events.detect() is event


def test_all_processes_see_the_event_of_one() -> None:
    events = ElasticEvents(agree=lambda value: max(value, Event.RESIZE))

    assert events.received is Event.NONE
    assert events.detect() is Event.RESIZE


def test_the_parts_of_the_loop_import_no_pytorch() -> None:
    code = (
        "import sys; from fairlane_run.elastic import *; ElasticEvents().detect(); GlobalBatches(4, 2).share(0, 0, 2);"
        "assert not {'torch', 'boto3'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
