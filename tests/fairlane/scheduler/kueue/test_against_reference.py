"""Random changes of several resources and flavors: the model and the slow reference must decide the same."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import given, note, settings
from hypothesis import strategies as st

from fairlane.scheduler.kueue import Kueue, PreemptionStrategy
from tests.fairlane.scheduler.kueue.generated import COHORTS, STRATEGIES, random_queue, random_queues, random_workloads
from tests.fairlane.scheduler.kueue.recording import SCENARIOS, Replay, read_queue, write_entries
from tests.fairlane.scheduler.kueue.reference import Reference


@settings(max_examples=60)
@given(st.integers(min_value=0, max_value=2**32), st.sampled_from(STRATEGIES))
def test_the_model_decides_as_the_reference(seed: int, fair_sharing: Sequence[PreemptionStrategy] | None) -> None:
    random = Random(seed)
    queues = random_queues(random)
    note("\n".join(map(str, queues)))
    kueue, reference = Kueue(queues, fair_sharing=fair_sharing), Reference(queues, fair_sharing)
    workloads = random_workloads(random)
    for now in range(2000, 2012):
        for _ in range(random.choice((0, 1, 3))):
            workload = next(workloads)
            note(f"{now}: add {workload}")
            kueue.add(workload)
            reference.add(workload)
        for name in sorted([*reference.held, *reference.pending]):
            chance = random.random()
            if name in reference.evicted and chance < 0.6:
                note(f"{now}: release {name}")
                kueue.release(name)
                reference.release(name)
            elif chance < 0.05:
                note(f"{now}: remove {name}")
                kueue.remove(name)
                reference.remove(name)
        if random.random() < 0.1:
            number = random.randrange(len(queues))
            queue = replace(random_queue(random, number), cohort=random.choice(COHORTS))
            note(f"{now}: set {queue}")
            queues[number] = queue
            kueue.set_queue(queue)
            reference.set_queue(queue)
        cycle = kueue.cycle(now)
        entries, evicted = reference.cycle(now)
        note(f"{now}: {entries}")
        assert list(cycle.entries) == entries
        assert list(cycle.evicted) == evicted
        assert sorted(kueue.admitted()) == sorted(reference.held)
        view = reference.view
        for queue in queues:
            name = queue.queue_name
            waiting = [workload.workload_name for workload in reference.waiting(name)]
            assert kueue.waiting(name) == waiting
            assert all(view.used(name, key) == used for key, used in kueue.usage(name).items())
            infinite, share = view.share(name)
            assert kueue.share(name) == (float("inf") if infinite else share)


def test_the_reference_decides_as_kueue() -> None:
    for scenario in SCENARIOS.values():
        replay = Replay(scenario)
        reference = Reference(
            [read_queue(queue) for queue in scenario["cqs"]],
            None if scenario["fairSharing"] is None else [PreemptionStrategy(name) for name in scenario["fairSharing"]],
        )
        for workload in replay.workloads.values():
            if workload.reserved_at is not None:
                reference.add(workload)
        now = 0
        for number, (phase, recorded) in enumerate(zip(scenario["phases"], scenario["result"]["phases"], strict=False)):
            now = max(now, 1000 * number)
            for name in recorded.get("finished", []):
                reference.remove(name)
            for name in phase["arrive"]:
                reference.add(replay.workloads[name])
            for expected in recorded["cycles"][:6]:
                now += 1
                entries, _ = reference.cycle(now)
                assert replay.by_cohort(write_entries(entries)) == replay.by_cohort(expected["e"]), scenario["id"]
                for name in expected.get("released", []):
                    reference.release(name)
            if len(recorded["cycles"]) > 6:
                break
