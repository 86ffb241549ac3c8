"""Scenarios of the real scheduler of Kueue 0.19.2, recorded cycle by cycle, and their objects."""

import gzip
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from fairlane.scheduler.kueue import (
    BorrowWithinCohort,
    ClusterQueue,
    Entry,
    FlavorResource,
    Kueue,
    PodSet,
    PreemptionPolicy,
    PreemptionStrategy,
    QueueingStrategy,
    Workload,
)

GPU = FlavorResource("default", "nvidia.com/gpu")
SCENARIOS: dict[str, dict[str, Any]] = {
    scenario["id"]: scenario
    for scenario in json.loads(gzip.decompress(Path(__file__).with_name("kueue_decisions.json.gz").read_bytes()))[
        "scenarios"
    ]
}


def read_queue(queue: dict[str, Any]) -> ClusterQueue:
    """Return a queue of a recorded scenario."""
    borrow_within = queue["bwc"] and BorrowWithinCohort(
        policy=PreemptionPolicy(queue["bwc"]["policy"]), max_priority_threshold=queue["bwc"]["maxPriorityThreshold"]
    )
    limits = (None if queue[name] is None else {GPU: queue[name]} for name in ("borrowingLimit", "lendingLimit"))
    borrowing_limits, lending_limits = limits
    return ClusterQueue(
        queue_name=queue["name"],
        cohort=queue["cohort"],
        nominal={GPU: queue["nominal"]},
        borrowing_limits=borrowing_limits,
        lending_limits=lending_limits,
        weight=Fraction(queue["weight"]),
        strategy=QueueingStrategy(queue["strategy"]),
        within_queue=PreemptionPolicy(queue["within"]),
        reclaim_within_cohort=PreemptionPolicy(queue["reclaim"]),
        borrow_within_cohort=borrow_within,
    )


def read_workload(workload: dict[str, Any]) -> Workload:
    """Return a workload of a recorded scenario."""
    return Workload(
        workload_name=workload["name"],
        queue=workload["cq"],
        pod_sets=[PodSet(count=count, requests={GPU: gpus}) for count, gpus in workload["podsets"]],
        priority=workload["prio"],
        created=workload["created"],
        reserved_at=workload["reservedAt"],
    )


class Replay:
    """Model in the place of the recorded scheduler."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.scenario = scenario
        self.queue_names = [queue["name"] for queue in scenario["cqs"]]
        self.cohorts = {queue["name"]: queue["cohort"] or queue["name"] for queue in scenario["cqs"]}
        self.workloads = {workload["name"]: read_workload(workload) for workload in scenario["workloads"]}
        strategies = scenario["fairSharing"]
        self.kueue = Kueue(
            [read_queue(queue) for queue in scenario["cqs"]],
            fair_sharing=None if strategies is None else [PreemptionStrategy(name) for name in strategies],
        )
        for workload in self.workloads.values():
            if workload.reserved_at is not None:
                self.kueue.add(workload)

    def by_cohort(self, entries: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        """Return entries by cohort. The recorded order between cohorts is arbitrary."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            groups.setdefault(self.cohorts[self.workloads[entry["w"]].queue], []).append(entry)
        return groups

    def state(self, names: dict[str, list[str]]) -> dict[str, list[str]]:
        """Return names by queue as in the recording: sorted, without empty queues."""
        return {queue: sorted(found) for queue, found in names.items() if found}

    def admitted(self) -> dict[str, list[str]]:
        """Return the workloads that hold quota, by queue."""
        held: dict[str, list[str]] = {}
        for name in self.kueue.admitted():
            held.setdefault(self.workloads[name].queue, []).append(name)
        return self.state(held)


def write_entries(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the entries of a cycle as in the recording."""
    found = []
    for entry in entries:
        written: dict[str, Any] = {"w": entry.workload, "o": entry.decision.value, "b": int(entry.borrows)}
        if entry.targets:
            written["t"] = [[target.workload, target.reason.value] for target in entry.targets]
        found.append(written)
    return found
