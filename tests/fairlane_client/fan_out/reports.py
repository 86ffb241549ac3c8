"""Progress of manifests for reports and pictures."""

from collections.abc import Mapping
from random import Random
from typing import Any

from fairlane_client.fan_out.progress import Counts, Progress
from fairlane_client.fan_out.report import render_report
from tests.fairlane_client.fan_out.world import REGIONS

NOON = 1_772_625_600
NOW = NOON + 4 * 3600
PLACEMENTS = (
    "reserved: 16 free, {other}: 0 free",
    "idle: 15 free, {other}: 2 free",
    "idle: 15 free, {other}: 2 free",
    "spot-score: 9, {other}: 3",
    "price: $21.96, {other}: $24.15",
    "the only candidate",
)
REASONS = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "AlgorithmError: exit code 1",
    "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
)


def row(index: int, random: Random, regions: tuple[str, ...], every: float) -> dict[str, Any]:
    """Return a line whose job ended, runs or waits, depending on its index."""
    region, other = random.sample(regions, 2)
    submitted = NOON + every * index
    found = {
        "id": f"drive-{index:05}",
        "region": region,
        "queue": "training-p4",
        "placement": random.choice(PLACEMENTS).format(other=other),
        "gpus": 120,
        "submitted_at": submitted,
        "state": "RUNNABLE",
    }
    started = submitted + random.uniform(60, 900)
    stopped = started + random.uniform(2400, 7200)
    if started < NOW:
        found |= {"state": "RUNNING", "started_at": started, "attempts": 1}
    if stopped < NOW:
        state = "FAILED" if random.random() < 0.08 else "SUCCEEDED"
        found |= {"state": state, "stopped_at": stopped, "gpu_hours": 120 * (stopped - started) / 3600}
        found |= {"status_reason": random.choice(REASONS)} if state == "FAILED" else {}
    return found


def progress(count: int, *, regions: tuple[str, ...] = REGIONS, waiting: int = 0) -> Progress:
    """Return the progress of a manifest four hours after its start."""
    random = Random(count)
    rows = [row(index, random, regions, 3.9 * 3600 / max(count, 1)) for index in range(count)]
    kinds: Mapping[str, str] = {"SUCCEEDED": "done", "FAILED": "failed", "RUNNING": "running", "RUNNABLE": "submitted"}
    numbers = {region: dict.fromkeys(Counts._fields[:-1], 0) for region in regions}
    for found in rows:
        numbers[found["region"]][kinds[found["state"]]] += 1
    for region in regions:
        numbers[region]["waiting"] = waiting
    counts = {region: Counts(**number, rate=4.9 if waiting else 0.0) for region, number in numbers.items()}
    return Progress("drives", "SUBMITTING" if waiting else "SUBMITTED", NOON, counts, rows)


def page(found: Progress) -> str:
    return render_report("campaigns", found, NOW)
