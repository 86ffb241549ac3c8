"""Plans and results for reports of sweeps."""

from collections.abc import Collection, Mapping
from random import Random
from typing import Any

from fairlane_client.sweeps import Counts, Leaderboard
from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.report import render_report

NOON = 1_772_625_600
SPACE: dict[str, Any] = {
    "learning_rate": {"min": 1e-5, "max": 1e-1, "distribution": "log_uniform_values"},
    "batch_size": [16, 32, 64, 128],
    "model_name": ["resnet18", "resnet50", "efficientnet_b0"],
    "epochs": [20],
}
HALVING = {"rule": "successive-halving", "min_resource": 1, "reduction_factor": 4}
RUNGS = (1, 4, 16)


def plan(space: dict[str, Any] = SPACE, *, points: int = 48, stop: dict[str, Any] | None = None) -> Plan:
    return Plan("resnet-lr", space, "val_accuracy", "maximize", 1, "random", points, None, 0, stop)


def results(count: int, *, stops: bool = False, **members: Any) -> list[dict[str, Any]]:
    """Return results of a sweep that depend on the learning rate most."""
    random = Random(count)
    found = []
    for index in range(count):
        rate = 10 ** random.uniform(-5, -1)
        model = random.choice(SPACE["model_name"])
        value = 0.9 - abs(rate - 0.01) * 5 + 0.02 * (model == "resnet50") + random.uniform(0, 0.01)
        is_stopped = stops and random.random() < 0.7
        parameters = {
            "learning_rate": rate,
            "batch_size": random.choice([16, 32, 64, 128]),
            "model_name": model,
            "epochs": 20,
        }
        found.append(
            {
                "index": index,
                "state": "STOPPED" if is_stopped else "SUCCEEDED",
                "parameters": parameters,
                "value": value,
                "seconds": random.uniform(60, 600),
                "started_at": NOON + 20.5 * index,
                "step": random.choice(RUNGS) if is_stopped else 20,
            }
            | members
        )
    return found


def page(
    found: list[dict[str, Any]],
    of: Plan,
    *,
    skipped: tuple[str, ...] = (),
    running: Mapping[int, Collection[int]] = {},
) -> str:
    """Render the page of results and of running runs, which have values at steps."""
    stopped = sum(result["state"] == "STOPPED" for result in found)
    waiting = max(of.total - len(found) - len(running), 0)
    counts = Counts(len(found) - stopped, stopped, len(running), waiting, 0)

    def progress(step: int) -> set[int]:
        return {index for index, steps in running.items() if step in steps} | {result["index"] for result in found}

    return render_report(of, Leaderboard(of.metric, of.direction, found, skipped), counts, running, progress)
