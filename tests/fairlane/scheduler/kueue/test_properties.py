"""Properties of the model over random queues: quotas and limits, order, conserved work, and equal runs."""

import copy
import pickle
from collections.abc import Callable, Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlane.scheduler.kueue import (
    ClusterQueue,
    Cycle,
    Decision,
    FlavorResource,
    Kueue,
    PreemptionPolicy,
    PreemptionStrategy,
    Reason,
    Workload,
)
from tests.fairlane.scheduler.kueue.generated import KEYS, STRATEGIES, random_queues, random_workloads
from tests.fairlane.scheduler.kueue.reference_view import View, total

SEED = st.integers(min_value=0, max_value=2**32)
FAIR_SHARING = st.sampled_from(STRATEGIES)


class Run:
    """Random run of the model. The checks see the heads before a cycle and the state after it."""

    def __init__(self, seed: int, fair_sharing: Sequence[PreemptionStrategy] | None) -> None:
        self.random = Random(seed)
        self.queues = {queue.queue_name: queue for queue in random_queues(self.random)}
        self.kueue = Kueue(list(self.queues.values()), fair_sharing=fair_sharing)
        self.workloads: dict[str, Workload] = {}
        self.evicted: set[str] = set()
        self._new = random_workloads(self.random)

    def step(self, now: int) -> Cycle:
        """Add, remove and release at random, then run a cycle."""
        for _ in range(self.random.choice((0, 1, 3))):
            workload = next(self._new)
            self.workloads[workload.workload_name] = workload
            self.kueue.add(workload)
        for name in list(self.workloads):
            chance = self.random.random()
            if name in self.evicted and chance < 0.6:
                self.evicted.discard(name)
                self.kueue.release(name)
            elif chance < 0.05:
                self.evicted.discard(name)
                del self.workloads[name]
                self.kueue.remove(name)
        return self.cycle(now)

    def cycle(self, now: int) -> Cycle:
        """Run a cycle."""
        cycle = self.kueue.cycle(now)
        self.evicted.update(cycle.evicted)
        return cycle

    def used(self, queue: ClusterQueue, key: FlavorResource) -> int:
        """Return the usage of a queue."""
        return self.kueue.usage(queue.queue_name).get(key, 0)

    def view(self) -> View:
        """Return the usage as the reference computes it."""
        return View(self.queues, tuple(self.workloads[name] for name in self.kueue.admitted()))


def check_runs(check: Callable[[Run], None]) -> Callable[[], None]:
    """Return a test that runs the model at random, and checks it after each cycle."""

    @settings(max_examples=40)
    @given(SEED, FAIR_SHARING)
    def test(seed: int, fair_sharing: Sequence[PreemptionStrategy] | None) -> None:
        run = Run(seed, fair_sharing)
        for now in range(2000, 2015):
            run.step(now)
            check(run)

    return test


def check_quotas(run: Run) -> None:
    """Check the quota of the cohort, the borrowing limits and the lending limits."""
    for cohort in {queue.cohort for queue in run.queues.values()}:
        members = [queue for queue in run.queues.values() if queue.cohort == cohort]
        for key in KEYS:
            nominal = sum(queue.nominal.get(key, 0) for queue in members)
            assert sum(run.used(queue, key) for queue in members) <= nominal
            lent = {
                queue.queue_name: min(queue.nominal.get(key, 0), (queue.lending_limits or {}).get(key, nominal))
                for queue in members
            }
            for queue in members:
                borrowed = run.used(queue, key) - queue.nominal.get(key, 0)
                limit = (queue.borrowing_limits or {}).get(key)
                assert borrowed <= 0 or (cohort and (limit is None or borrowed <= limit))
                assert borrowed <= sum(lent.values()) - lent[queue.queue_name]


def check_conserved_work(run: Run) -> None:
    """Check that no parked workload fits."""
    view = run.view()
    for name, queue in run.queues.items():
        for parked in run.kueue.parked(name):
            requests = total(run.workloads[parked])
            assert not requests.keys() <= queue.nominal.keys() or not view.fits(name, requests)


def check_usage(run: Run) -> None:
    """Check that the usage is the sum of the admitted workloads, and that each workload is in one place."""
    view = run.view()
    places = list(run.kueue.admitted())
    for name in run.queues:
        assert run.kueue.usage(name) == {key: view.used(name, key) for key in run.kueue.usage(name)}
        places += run.kueue.waiting(name) + run.kueue.parked(name)
    assert sorted(places) == sorted(run.workloads)


test_quotas_and_limits_are_never_exceeded = check_runs(check_quotas)
test_no_parked_workload_would_fit = check_runs(check_conserved_work)
test_usage_is_what_admitted_workloads_hold = check_runs(check_usage)


@settings(max_examples=40)
@given(SEED, FAIR_SHARING)
def test_a_queue_is_tried_in_the_order_of_priority_and_creation(
    seed: int, fair_sharing: Sequence[PreemptionStrategy] | None
) -> None:
    run, preempting = Run(seed, fair_sharing), set[str]()
    for now in range(2000, 2015):
        run.step(now)
        heads = {name: waiting[0] for name in run.queues if (waiting := run.kueue.waiting(name))}
        for name in run.queues:
            tried = [run.workloads[each] for each in run.kueue.waiting(name) if each not in preempting]
            assert tried == sorted(tried, key=lambda each: (-each.priority, each.created, each.workload_name))
        cycle = run.cycle(now)
        assert sorted(entry.workload for entry in cycle.entries) == sorted(heads.values())
        preempting |= {entry.workload for entry in cycle.entries if entry.decision is Decision.PREEMPT}


@settings(max_examples=40)
@given(SEED, FAIR_SHARING)
def test_victims_are_those_that_the_policies_allow(
    seed: int, fair_sharing: Sequence[PreemptionStrategy] | None
) -> None:
    run = Run(seed, fair_sharing)
    for now in range(2000, 2015):
        run.step(now)
        before = run.view()
        for entry in run.cycle(now).entries:
            preemptor = run.workloads[entry.workload]
            queue = run.queues[preemptor.queue]
            for target in entry.targets:
                victim = run.workloads[target.workload]
                if target.reason is Reason.IN_CLUSTER_QUEUE:
                    assert victim.queue == preemptor.queue
                    assert queue.within_queue is not PreemptionPolicy.NEVER
                    assert (victim.priority, -victim.created) < (preemptor.priority, -preemptor.created)
                else:
                    assert run.queues[victim.queue].cohort == queue.cohort != ""
                    assert queue.reclaim_within_cohort is not PreemptionPolicy.NEVER
                    assert before.borrows(victim.queue, total(preemptor)), "only what is borrowed is taken back"


@settings(max_examples=20)
@given(SEED, FAIR_SHARING)
def test_a_copy_goes_on_as_the_original(seed: int, fair_sharing: Sequence[PreemptionStrategy] | None) -> None:
    run, again = Run(seed, fair_sharing), Run(seed, fair_sharing)
    for now in range(2000, 2010):
        assert run.step(now) == again.step(now), "equal calls give equal cycles"
    copies = [copy.deepcopy(run.kueue), pickle.loads(pickle.dumps(run.kueue))]
    expected = [run.kueue.cycle(now) for now in range(2010, 2013)]
    for kueue in copies:
        assert [kueue.cycle(now) for now in range(2010, 2013)] == expected


@settings(max_examples=20)
@given(SEED, FAIR_SHARING)
def test_a_settled_cycle_decides_the_same_again(seed: int, fair_sharing: Sequence[PreemptionStrategy] | None) -> None:
    run = Run(seed, fair_sharing)
    for now in range(2000, 2010):
        run.step(now)
        for _ in range(30):
            cycle = run.cycle(now)
            if cycle.settled:
                assert run.cycle(now) == cycle
                break
            assert cycle.admitted or cycle.evicted or any(map(run.kueue.parked, run.queues))
        else:
            raise AssertionError("without releases the cycles must come to an end")
