"""Elastic loop of examples/elastic compared with the one of AWS's guide, in one run, with real agents on the CPU.

Both use 640 samples in batches of 16, with 2 -> 4 -> 2 processes under the agent, and are compared with one run
of fixed size. Times are from the signal of the operator to the end of the first step at the new size. `make test-train`
installs what it needs: `.venv-train/bin/python benchmarks/elastic_loop.py`.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "client")]

from tests_train.elastic.training_operator import SCRIPT, Operator  # noqa: E402

GUIDE = Path(__file__).with_name("elastic_guide_loop.py")
SAMPLES, STEPS, SAVE_EVERY = 640, 40, 7
GRACE = 2  # seconds between SIGUSR1 and SIGKILL for a loop that does not hear the event


@dataclass
class Result:
    """Costs of the changes of the size."""

    seconds: list[float]
    lost_steps: int
    uncoordinated_lost_steps: int
    restored_moments: int
    never_used: int
    used_twice: int
    loss_difference: float


@contextmanager
def job(script: Path, coordination: str = "distributed") -> Iterator[Operator]:
    """Provide a job with four agents in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        options = [f"--save-every={SAVE_EVERY}"]
        with Operator(Path(folder), 4, options=options, script=script, coordination=coordination) as operator:
            yield operator


def fixed_losses() -> list[float]:
    """Return the loss of each step at a fixed size."""
    with job(SCRIPT) as operator:
        operator.start(2)
        operator.wait("completed")
        return [line["loss"] for line in operator.steps()]


def measure(script: Path, moments: Callable[[Operator], int], expected: list[float]) -> Result:
    """Measure a loop that grows after 10 steps, and shrinks after 20."""
    seconds = []
    with job(script) as operator:
        operator.start(2, "held 10")
        operator.reached("held", 10, 2)
        for size, step in ((4, 10), (2, 20)):
            before = time.perf_counter()
            operator.resize(size, f"step {step + 1},held 20" if size == 4 else f"step {step + 1}")
            operator.reached("step", step + 1, size)
            seconds.append(time.perf_counter() - before)
            if size == 4:
                operator.reached("held", 20, 4)
        operator.wait("completed")
        steps = operator.steps()
        uses = operator.used()
        restored = moments(operator)
    losses = {line["step"]: line["loss"] for line in steps}
    return Result(
        seconds,
        lost_steps(script, "distributed"),
        lost_steps(script, "disabled"),
        restored,
        SAMPLES - len(uses),
        sum(count > 1 for count in uses.values()),
        max(abs(losses[step] - expected[step - 1]) for step in losses if step <= STEPS),
    )


def lost_steps(script: Path, coordination: str) -> int:
    """Return the number of steps that run again after an event in step 10. A loop that goes on waits in step 13."""
    with job(script, coordination) as operator:
        operator.start(2, "held 10,deaf 13")
        operator.reached("held", 10, 2)
        operator.stop(timeout=GRACE)
        completed = operator.steps()[-1]["step"]
        operator.start(2)
        operator.wait("completed")
        lines = [line for line in operator.agents[0].log.read_text().splitlines() if line.startswith('{"step"')]
        numbers = Counter(json.loads(line)["step"] for line in lines)
        return sum(numbers[step] > 1 for step in range(1, completed + 1))


def own_moments(operator: Operator) -> int:
    """Return the number of entries of the optimizer after the last change of the size."""
    from tests_train.elastic.results import final_state  # noqa: PLC0415

    steps = {name: value for name, value in final_state(operator).items() if name.endswith("/step")}
    return sum(value == STEPS for value in steps.values())


def guide_moments(operator: Operator) -> int:
    """Return the number of entries of the optimizer after the last load."""
    lines = [line for line in operator.agents[0].log.read_text().splitlines() if line.startswith('{"moments"')]
    return int(json.loads(lines[-1])["moments"])


def main() -> int:
    """Print a table, and return 1 if the loop loses anything."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    expected = fixed_losses()
    ours = measure(SCRIPT, own_moments, expected)
    guide = measure(GUIDE, guide_moments, expected)
    rows: list[tuple[str, float, float, str]] = [
        ("seconds from signal to first step, 2 -> 4", ours.seconds[0], guide.seconds[0], ".2f"),
        ("seconds from signal to first step, 4 -> 2", ours.seconds[1], guide.seconds[1], ".2f"),
        ("steps that run again", ours.lost_steps, guide.lost_steps, "d"),
        ("the same without coordination", ours.uncoordinated_lost_steps, guide.uncoordinated_lost_steps, "d"),
        ("optimizer entries restored, of 4", ours.restored_moments, guide.restored_moments, "d"),
        ("samples never used, of 640", ours.never_used, guide.never_used, "d"),
        ("samples used twice, of 640", ours.used_twice, guide.used_twice, "d"),
        ("largest difference of a loss", ours.loss_difference, guide.loss_difference, ".1e"),
    ]
    print(f"{'2 -> 4 -> 2 processes, 40 steps':45}{'Fairlane':>12}{'guide':>12}{'ratio':>12}")
    for name, own, other, form in rows:
        quotient = f"{other / own:.3g}" if own and other else "-"
        print(f"{name:45}{own:>12{form}}{other:>12{form}}{quotient:>12}")
    print("The times are mostly those of the imports of PyTorch. Compare them only on an idle machine.")
    lost = ours.lost_steps + ours.uncoordinated_lost_steps + ours.never_used + ours.used_twice
    return int(lost > 0 or ours.restored_moments != 4 or ours.loss_difference > 1e-12)


if __name__ == "__main__":
    sys.exit(main())
