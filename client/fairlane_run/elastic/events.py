"""Signals of an elastic job, agreed upon by all processes. Requires no PyTorch, which only the agent imports."""

from __future__ import annotations

import os
import signal
import sys
from enum import IntEnum

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

COORDINATION = "HYPERPOD_SIGNAL_COORDINATION"


class Event(IntEnum):
    """Reason to leave the loop. The larger one counts if processes received both."""

    NONE = 0
    RESIZE = 1
    """SIGUSR1: the job gets another size. Exit code 0, and the operator starts the script again."""
    TERMINATION = 2
    """SIGTERM: a pod is evicted. Exit code 143, so that no agent takes the job for completed."""


class ElasticEvents:
    """Handler of SIGUSR1 and SIGTERM. Create it in the main thread, before the import of PyTorch.

    Until then, both signals end the process at once. The handlers only take a note, so that a signal during a save does
    not break it.

    Args:
        agree: Function that returns the largest value over all processes. Default: an all-reduce of torch.distributed
            if it is initialized, else the value of this process.
    """

    def __init__(self, agree: Callable[[int], int] | None = None) -> None:
        self._agree = agree or _all_reduce
        self._received = Event.NONE
        self._agent_handler: Any = None
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGUSR1, self._note)
        self._agent_detects = _agent()  # imports PyTorch, and replaces the handler of SIGUSR1
        replaced = signal.signal(signal.SIGUSR1, self._note)
        if replaced != self._note:
            self._agent_handler = replaced

    @property
    def received(self) -> Event:
        """Event that this process received. Other processes may not know of it."""
        return self._received

    def detect(self) -> Event:
        """Return the event that any process received. All processes must call it after the same step."""
        event = self._received
        if self._agent_detects is not None and self._agent_detects():
            event = max(event, Event.RESIZE)
        return Event(self._agree(event))

    def _note(self, number: int, frame: object) -> None:
        self._received = max(self._received, Event.TERMINATION if number == signal.SIGTERM else Event.RESIZE)
        if number == signal.SIGUSR1 and self._agent_handler is not None:
            self._agent_handler(number, frame)


def ignore_signals(worker: int) -> None:
    """Ignore both signals in a worker of a DataLoader. Use it as `worker_init_fn`.

    The agent sends them to the whole process group. A worker that SIGTERM ends would end the process before it saves.

    Args:
        worker: Number of the worker. Not used.
    """
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _agent() -> Callable[[], bool] | None:
    """Return `elastic_event_detected` of the HyperPod elastic agent, or None.

    Without the environment variable, the function always returns False. This module then decides alone.
    """
    try:
        from hyperpod_elastic_agent.elastic_event_handler import elastic_event_detected
    except ImportError:
        return None
    if os.environ.get(COORDINATION, "").lower() != "distributed":
        print(f"fairlane_run: {COORDINATION} is not distributed: the agent reports no events", file=sys.stderr)
        return None
    detects: Callable[[], bool] = elastic_event_detected
    return detects


def _all_reduce(value: int) -> int:
    """Return the largest value over all processes of torch.distributed."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return value
    import torch

    on_gpu = "gloo" not in str(distributed.get_backend_config())
    tensor = torch.tensor(value, device=torch.device("cuda", torch.cuda.current_device()) if on_gpu else "cpu")
    distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
    return int(tensor.item())
