"""Command that renders the pictures of a fan-out: its report page, and its plan and progress in a terminal.

Usage: python -m tests.docs.fan_out_pictures FOLDER
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.text import Text

from fairlane_client.sweeps import Clock
from tests.docs.terminal import draw_page, draw_terminal, terminal
from tests.fairlane_client.fan_out.reports import PLACEMENTS, page, progress
from tests.fairlane_client.fan_out.world import REGIONS, World, lines

LINES = 2_400


def draw(folder: Path) -> None:
    """Write the pictures in the light and the dark color scheme."""
    draw_page(page(progress(60)), folder, "fan-out", 1240)
    draw_terminal(output(), folder, "fan-out-progress")


def output() -> list[Text]:
    """Return the lines of a terminal with the plan and the progress of a manifest that is submitted."""
    world = World()
    others = {region: REGIONS[index - 1] for index, region in enumerate(REGIONS)}
    world.service.reasons = {
        line["id"]: PLACEMENTS[index % len(PLACEMENTS)].format(other=others[line["region"]])
        for index, line in enumerate(lines(LINES))
    }
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "drives.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines(LINES)))
        plan = str(world.open().check(file)).splitlines()
        world.open().start(file)
    for _ in range(66):
        world.sleep(1)
    for index, batch in enumerate(world.batch.values()):
        for number, job in enumerate(batch.jobs.values()):
            if number < 240 + 11 * index:
                job["status"] = "RUNNING" if number > 150 - 7 * index else "SUCCEEDED" if number % 37 else "FAILED"
    console, frames = terminal(), list[str]()

    def sleep(seconds: float) -> None:
        frames.append(console.export_text(styles=True))
        world.sleep(600)
        world.set_jobs("SUCCEEDED")
        world.sleep(1)

    fan_out = world.open()
    fan_out._clock = Clock(lambda: world.now, sleep)
    fan_out.watch("drives", console=console)
    return [
        Text("$ fairlane fanout check drives.jsonl --fan-out campaigns", "bold"),
        Text("\n".join([*plan[:13], f"and {LINES - 4:,} more\n"])),
        Text("$ fairlane fanout watch drives", "bold"),
        Text.from_ansi(frames[0]),
    ]


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
