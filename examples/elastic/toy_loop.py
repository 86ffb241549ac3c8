"""Elastic training without PyTorch: a linear model, whose processes exchange gradients over a socket.

It runs in seconds on the local AWS, under the same operator as `train.py`. Rank 0 of the job prints each step.
"""

from fairlane_run.elastic import CheckpointFolder, ElasticEvents, Event, GlobalBatches

EVENTS = ElasticEvents(lambda event: RANKS.exchange(event, max))

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

TARGET = (2.0, -1.0, 0.5)
EXIT_CODES = {Event.NONE: 0, Event.RESIZE: 0, Event.TERMINATION: 143}


class Ranks:
    """Processes of the job. Rank 0 listens, and the others connect to it."""

    def __init__(self) -> None:
        self.rank, self.size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        address = os.environ.get("MASTER_ADDR", "127.0.0.1"), int(os.environ.get("MASTER_PORT", "0"))
        if self.rank:
            self._files = [_connect(address).makefile("rw")]
        else:
            with socket.create_server(address) as server:
                self._files = [server.accept()[0].makefile("rw") for _ in range(self.size - 1)]

    def exchange(self, value: Any, combine: Callable[[list[Any]], Any]) -> Any:
        """Return the values of all processes, combined by rank 0. All processes must call it."""
        if self.rank:
            _send(self._files[0], value)
            return _receive(self._files[0])
        combined = combine([value, *(_receive(file) for file in self._files)])
        for file in self._files:
            _send(file, combined)
        return combined


def _connect(address: tuple[str, int]) -> socket.socket:
    for _ in range(600):
        try:
            return socket.create_connection(address)
        except ConnectionRefusedError:  # rank 0 starts at the same time
            time.sleep(0.05)
    sys.exit("rank 0 does not listen")


def _send(file: Any, value: Any) -> None:
    file.write(json.dumps(value) + "\n")
    file.flush()


def _receive(file: Any) -> Any:
    line = file.readline()
    if not line:
        sys.exit("another process of the job has ended")
    return json.loads(line)


RANKS = Ranks()


def sample(index: int) -> tuple[list[float], float]:
    """Return the input and the target of a sample."""
    values = [((index * factor) % 17) / 8 - 1 for factor in (3, 5, 7)]
    return values, sum(weight * value for weight, value in zip(TARGET, values, strict=True))


def train(arguments: argparse.Namespace) -> int:
    """Train to the end or until an event, and return the exit code."""
    folder = CheckpointFolder(arguments.checkpoints)
    batches = GlobalBatches(arguments.samples, arguments.global_batch)
    state: dict[str, Any] = {"step": 0, "weights": [0.0] * len(TARGET), "batches": batches.state(), "seen": {}}
    if (latest := folder.latest()) is not None:
        state = json.loads(Path(latest, "state.json").read_text())
        batches.check(state["batches"])
    seen = Counter({int(index): count for index, count in state["seen"].items()})
    weights, event = state["weights"], Event.NONE
    for step in range(state["step"], batches.steps):
        loss, gradient, chosen = 0.0, [0.0] * len(weights), []
        for part in batches.share(step, RANKS.rank, RANKS.size):
            for index in part.samples if part.weight else ():
                inputs, target = sample(index)
                error = sum(weight * value for weight, value in zip(weights, inputs, strict=True)) - target
                loss += error**2 / arguments.global_batch
                slope = 2 * error / arguments.global_batch
                gradient = [total + slope * value for total, value in zip(gradient, inputs, strict=True)]
                chosen.append(index)
        time.sleep(arguments.sample_seconds * len(chosen))  # stands for the computation of a large model
        loss, gradient, chosen = RANKS.exchange((loss, gradient, chosen), _total)
        weights = [weight - 0.01 * slope for weight, slope in zip(weights, gradient, strict=True)]
        seen.update(chosen)
        say(step=step + 1, loss=loss, processes=RANKS.size)
        event = EVENTS.detect()
        state |= {"step": step + 1, "weights": weights, "seen": seen}
        if event is not Event.NONE:
            break
    if RANKS.rank == 0:
        Path(folder.begin(state["step"]), "state.json").write_text(json.dumps(state))
        folder.commit(state["step"])
    RANKS.exchange(0, max)  # no process ends before the checkpoint is whole
    say(end=event.name, completed=state["step"], steps=batches.steps)
    if state["step"] == batches.steps:
        say(samples=len(seen), least=min(seen.values()), most=max(seen.values()))
        return 0
    return EXIT_CODES[event]


def _total(parts: list[tuple[float, list[float], list[int]]]) -> tuple[float, list[float], list[int]]:
    gradient = [sum(values) for values in zip(*(part[1] for part in parts), strict=True)]
    return sum(part[0] for part in parts), gradient, [index for part in parts for index in part[2]]


def say(**values: object) -> None:
    """Print a line of JSON once for all processes."""
    if RANKS.rank == 0:
        print(json.dumps(values), flush=True)


def main(words: Sequence[str]) -> int:
    """Read the arguments, train, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--checkpoints", required=True, help="folder that all replicas share")
    parser.add_argument("--samples", type=int, default=640)
    parser.add_argument("--global-batch", type=int, default=16, help="samples of a step over all processes")
    parser.add_argument("--sample-seconds", type=float, default=0, help="seconds that a sample takes")
    return train(parser.parse_args(words))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
