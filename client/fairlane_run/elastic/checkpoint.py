"""Checkpoints of model, optimizer, schedule and position, which load at any number of processes."""

from __future__ import annotations

import json
import os

from fairlane_run.elastic.errors import ElasticError
from fairlane_run.elastic.folder import CheckpointFolder

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _T = TypeVar("_T")

POSITION = "position.json"


class ElasticCheckpoint:
    """State of a run for torch.distributed.checkpoint, which shards it anew when the number of processes changes.

    All processes must call the methods at the same step. The state of the optimizer is loaded too: a fresh optimizer
    has none, and torch.distributed.checkpoint loads only what it is asked for. `get_state_dict` creates it first.

    Args:
        folder: Folder of the checkpoints, on a file system that all instances share.
        model: Model, also with DistributedDataParallel or `fully_shard`.
        optimizer: Optimizer of the model.
        schedule: Learning-rate schedule. Default: none.
    """

    def __init__(self, folder: CheckpointFolder, model: Any, optimizer: Any, schedule: Any = None) -> None:
        self.folder = folder
        self._model = model
        self._optimizer = optimizer
        self._schedule = schedule

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Save the run after a number of steps. A kill at any moment leaves a whole checkpoint.

        Args:
            step: Number of completed steps.
            state: Further state as JSON, the same in all processes.
        """
        import torch.distributed.checkpoint as dcp

        path = _first(lambda: self.folder.begin(step))
        dcp.save(self._state(), storage_writer=dcp.FileSystemWriter(path, sync_files=True))

        def commit() -> str:
            with open(os.path.join(path, POSITION), "w", encoding="utf-8") as file:
                json.dump({"step": step, "state": state}, file)
            return self.folder.commit(step)

        _first(commit)

    def load(self) -> tuple[int, dict[str, Any]] | None:
        """Load the latest checkpoint, and return its number of completed steps and its further state.

        Returns None if there is no checkpoint.
        """
        import torch.distributed.checkpoint as dcp
        from torch.distributed.checkpoint.state_dict import StateDictOptions, set_state_dict

        path = _first(self.folder.latest)
        if path is None:
            return None
        state = self._state()
        reader = dcp.FileSystemReader(path)
        saved = reader.read_metadata().state_dict_metadata
        moments = state["optimizer"]["state"]
        for name in [*moments]:  # a parameter that had no gradient yet, for example of an expert, has none
            if not any(f"optimizer.state.{name}.{key}" in saved for key in moments[name]):
                del moments[name]
        dcp.load(state, storage_reader=reader)
        set_state_dict(
            self._model,
            self._optimizer,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
            options=StateDictOptions(strict=False),
        )
        if self._schedule is not None:
            self._schedule.load_state_dict(state["schedule"])
        with open(os.path.join(path, POSITION), encoding="utf-8") as file:
            position = json.load(file)
        return position["step"], position["state"]

    def _state(self) -> dict[str, Any]:
        from torch.distributed.checkpoint.state_dict import get_state_dict

        model, optimizer = get_state_dict(self._model, self._optimizer)
        state: dict[str, Any] = {"model": model, "optimizer": optimizer}
        if self._schedule is not None:
            state["schedule"] = self._schedule.state_dict()
        return state


def _first(call: Callable[[], _T]) -> _T:
    """Return the result of a call in the first process to all processes, which wait for it.

    Raises:
        ElasticError: If the call fails, in all processes, so that none waits for ever.
    """
    import torch.distributed as dist

    if not dist.is_initialized():
        return call()
    answer: list[Any] = [None, None]
    if dist.get_rank() == 0:
        try:
            answer = [call(), None]
        except Exception as error:
            answer = [None, f"{type(error).__name__}: {error}"]
    dist.broadcast_object_list(answer)
    if answer[1] is not None:
        raise ElasticError(f"checkpoint: {answer[1]}")
    result: _T = answer[0]
    return result
