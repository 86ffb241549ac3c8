"""Decisions of the model against those of the real scheduler, cycle by cycle."""

from typing import Any

import pytest

from tests.fairlane.scheduler.kueue.recording import SCENARIOS, Replay, write_entries


def test_the_recording_is_complete() -> None:
    assert len(SCENARIOS) == 212


@pytest.mark.parametrize("scenario_id", SCENARIOS)
def test_the_model_decides_as_kueue(scenario_id: str) -> None:
    scenario = SCENARIOS[scenario_id]
    replay = Replay(scenario)
    kueue, now = replay.kueue, 0
    results = scenario["result"]["phases"]
    assert len(results) == len(scenario["phases"]) or not results[-1]["quiesced"], "the recording ends early"
    for number, (phase, recorded) in enumerate(zip(scenario["phases"], results, strict=False)):
        now = max(now, 1000 * number)
        for name in recorded.get("finished", []):
            kueue.remove(name)
        for name in phase["arrive"]:
            kueue.add(replay.workloads[name])
        for index, expected in enumerate(recorded["cycles"]):
            now += 1
            settled = check_cycle(replay, now, expected, f"phase {number}, cycle {index}")
            if settled and not scenario["graceCycles"]:
                assert index == len(recorded["cycles"]) - 1, "a settled cycle is the last one"
        if recorded["quiesced"]:
            assert kueue.cycle(now).settled, "the recorded scheduler had nothing more to do"
        assert replay.admitted() == recorded["admitted"]
        assert replay.state({name: kueue.waiting(name) for name in replay.queue_names}) == recorded["active"]
        assert replay.state({name: kueue.parked(name) for name in replay.queue_names}) == recorded["parked"]
        if "share" in recorded:
            assert [kueue.share(name) for name in replay.queue_names] == [float(share) for share in recorded["share"]]


def check_cycle(replay: Replay, now: int, expected: dict[str, Any], where: str) -> bool:
    """Run a cycle, compare it with the recorded one, and return True if it changed nothing."""
    kueue = replay.kueue
    cycle = kueue.cycle(now)
    assert replay.by_cohort(write_entries(cycle.entries)) == replay.by_cohort(expected["e"]), where
    assert sorted(cycle.evicted) == sorted(expected.get("evicted", [])), where
    assert [sum(kueue.usage(name).values()) for name in replay.queue_names] == expected["use"], where
    for name in expected.get("released", []):
        kueue.release(name)
    assert cycle.settled <= (not cycle.admitted and not cycle.evicted), where
    parked = [name for queue in replay.queue_names for name in kueue.parked(queue)]
    assert sorted(parked) == sorted(expected["parked"]), where
    return cycle.settled
