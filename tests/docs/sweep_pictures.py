"""Command that renders the pictures of a sweep: its report page, and its progress in a terminal.

Usage: python -m tests.docs.sweep_pictures FOLDER
"""

import json
import re
import sys
from itertools import product
from pathlib import Path
from typing import Any

from rich.text import Text

from fairlane_client.sweeps import Clock
from tests.docs.terminal import THEMES, draw_page, terminal
from tests.fairlane_client.sweeps.reports import HALVING, page, plan, results
from tests.fairlane_client.sweeps.world import World

SPACE: dict[str, Any] = {
    "learning_rate": [1e-3, 5e-4, 1e-4, 5e-5],
    "batch_size": [16, 32, 64, 128],
    "model_name": ["resnet18", "resnet50", "efficientnet_b0"],
}
ENDED, RUNNING = 26, 16


def draw(folder: Path) -> None:
    """Write the pictures in the light and the dark color scheme."""
    running = {index: range(1, 3 * index % 20 + 1) for index in range(40, 46)}
    draw_page(page(results(40, stops=True), plan(stop=HALVING), running=running), folder, "sweep", 1549)
    console = terminal()
    for line in progress():
        console.print(line)
    for scheme, colors in THEMES.items():
        picture = console.export_svg(title="", theme=colors, clear=False, unique_id="sweep")
        text = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # a picture loads no fonts
        (folder / f"sweep-progress-{scheme}.svg").write_text(text)


def progress() -> list[Text]:
    """Return the lines of a terminal with the progress and the leaderboard of a sweep of which half has ended."""
    world = World()
    sweep = world.sweep(space=SPACE, metric="val_accuracy", stop=HALVING)
    sweep.submit(queue="gpu", job_definition="train", share_identifier="sweeps")
    world.now += 100
    (job,) = world.batch.jobs
    points = [dict(zip(SPACE, values, strict=True)) for values in product(*SPACE.values())]
    for index, point in enumerate(points[:ENDED]):
        value = 0.9134 - 90 * abs(point["learning_rate"] - 5e-4) - index * 37 % 50 / 910
        state = "STOPPED" if value < 0.86 else "SUCCEEDED"
        seconds = 212.5 if state == "STOPPED" else 840.25 + index
        world.put_result(index, round(value, 4), state=state, seconds=seconds, point=json.dumps(point))
    world.batch.start(job, lines=ENDED + RUNNING)
    job["children"][:ENDED] = ["SUCCEEDED"] * ENDED
    console, frames = terminal(), []

    def sleep(seconds: float) -> None:
        frames.append(console.export_text(styles=True))
        world.end_jobs()

    sweep._clock = Clock(lambda: world.now, sleep)
    board = str(sweep.leaderboard(5))
    sweep.watch(console=console)
    return [
        Text("$ fairlane sweep top search resnet-lr -n 5", "bold"),
        Text(board + "\n"),
        Text("$ fairlane sweep watch search resnet-lr", "bold"),
        Text.from_ansi(frames[0] + "\n "),
    ]


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
