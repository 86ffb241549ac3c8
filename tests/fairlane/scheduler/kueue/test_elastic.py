"""Tests of the model of an elastic job: events in, actions out."""

from fairlane.hyperpod.elastic_job import ElasticPolicy
from fairlane.scheduler.kueue import ElasticJob, FlavorResource, Phase

GPU = FlavorResource("ml.p5.48xlarge", "nvidia.com/gpu")


def job(*sizes: int, snooze: float = 0, scaling: int = 60, first: int | None = None, **options: int) -> ElasticJob:
    policy = ElasticPolicy(
        min_replicas=sizes[0],
        max_replicas=sizes[-1],
        replica_discrete_values=sizes,
        graceful_shutdown_timeout_seconds=600,
        scaling_timeout_seconds=scaling,
    )
    return ElasticJob(
        job_name="llama",
        queue="research",
        policy=policy,
        requests={GPU: 8},
        first_size=first,
        scale_up_snooze_seconds=snooze,
        **options,
    )


def running(*sizes: int, snooze: float = 0, admitted: int = 0) -> ElasticJob:
    """Return a job that has grown into its first slices, at second 100."""
    state = job(*sizes, snooze=snooze, scaling=0)
    state.submit(0)
    state.admit("llama-0", 0)
    for number in range(1, admitted + 1):
        state.admit(f"llama-{number}", 50)
    if admitted:
        assert state.advance(50).stop
        assert state.stopped(100).start == sizes[admitted]
    return state


def test_the_first_size_waits_alone_and_the_slices_follow_when_the_job_runs() -> None:
    state = job(4, 8, 16)
    (first,) = state.submit(5).add
    assert (first.workload_name, first.pod_sets[0].count, first.created) == ("llama-0", 4, 5)
    assert state.phase is Phase.WAITING

    actions = state.admit("llama-0", 10)

    assert actions.start == state.size == 4
    assert [(each.workload_name, each.pod_sets[0].count, each.created) for each in actions.add] == [
        ("llama-1", 4, 10),
        ("llama-2", 8, 10),
    ]


def test_parts_have_priorities_of_their_own() -> None:
    state = job(2, 4, 8, first=2, priority=100, elastic_priority=0)
    assert [each.priority for each in state.submit(0).add] == [100]
    assert [each.priority for each in state.admit("llama-0", 0).add] == [0, 0]


def test_several_admissions_become_one_change() -> None:
    state = job(4, 8, 16)
    state.submit(0)
    state.admit("llama-0", 0)
    assert state.deadline is None
    assert state.admit("llama-1", 10) == state.admit("llama-2", 40)  # no actions
    assert state.deadline == 70
    assert not state.advance(69).stop

    assert state.advance(70).stop
    assert (state.phase, state.size, state.stop_deadline) == (Phase.STOPPING, 4, 670)
    actions = state.stopped(100)
    assert actions.start == state.size == 16
    assert not actions.add


def test_an_admission_while_the_job_stops_counts() -> None:
    state = job(4, 8, 16, scaling=0)
    state.submit(0)
    state.admit("llama-0", 0)
    state.admit("llama-1", 1)
    state.advance(1)
    state.admit("llama-2", 2)
    assert state.stopped(9).start == 16


def test_an_evicted_slice_is_released_after_the_checkpoint_and_waits_again() -> None:
    state = running(4, 8, 16, admitted=2)
    actions = state.evict("llama-2", 200)
    assert actions.stop
    assert not actions.release
    assert state.stop_deadline == 800
    actions = state.stopped(230)
    assert (actions.release, actions.remove, actions.start) == (["llama-2"], [], 8)
    assert state.workloads() == ["llama-0", "llama-1", "llama-2"]


def test_a_snoozed_job_asks_for_no_slices_after_a_restart() -> None:
    state = running(4, 8, 16, snooze=600, admitted=1)
    assert state.workloads() == ["llama-0", "llama-1"]
    assert state.deadline == 700
    assert [each.workload_name for each in state.advance(700).add] == ["llama-2"]
    state.evict("llama-1", 800)
    assert state.stopped(810).remove == ["llama-1", "llama-2"]
    assert state.deadline == 1410


def test_equal_slices_replace_each_other() -> None:
    state = running(4, 8, 12, 16, admitted=3)
    state.evict("llama-1", 200)
    actions = state.stopped(230)
    assert (actions.start, actions.release, actions.remove) == (12, ["llama-1"], [])


def test_slices_that_make_no_size_go_back() -> None:
    state = running(4, 8, 16, admitted=2)
    state.evict("llama-1", 200)
    actions = state.stopped(230)  # 4 and a slice of 8 make 12, which is no size
    assert (actions.start, actions.release, actions.remove) == (4, ["llama-1"], ["llama-2"])
    assert [each.workload_name for each in actions.add] == ["llama-2"]


def test_a_failed_scaling_backs_off() -> None:
    state = job(4, 8, 16)
    state.submit(0)
    state.admit("llama-0", 0)
    waits = []
    now = 0.0
    for _ in range(9):
        state.admit("llama-2", now)
        assert state.deadline == now + 60
        now += 60
        actions = state.advance(now)
        assert not actions.stop
        assert set(actions.remove) == {"llama-1", "llama-2"}
        assert state.deadline is not None
        waits.append(state.deadline - now)
        now = state.deadline
        assert len(state.advance(now).add) == 2
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_an_unused_slice_is_released_at_once() -> None:
    state = job(4, 8)
    state.submit(0)
    state.admit("llama-0", 0)
    state.admit("llama-1", 10)
    actions = state.evict("llama-1", 20)
    assert (actions.release, actions.stop, state.deadline) == (["llama-1"], False, None)


def test_without_its_first_workload_the_whole_job_waits() -> None:
    state = running(4, 8, 16, snooze=600, admitted=1)
    state.evict("llama-0", 200)
    actions = state.stopped(210)
    assert (actions.release, actions.remove, actions.start) == (["llama-0"], ["llama-1"], 0)
    assert (state.phase, state.size, state.deadline) == (Phase.WAITING, 0, None)
    actions = state.admit("llama-0", 300)
    assert (actions.start, actions.add, state.deadline) == (4, [], 900)


def test_a_finished_job_has_no_workloads() -> None:
    state = running(4, 8, 16, admitted=1)
    assert state.finish().remove == ["llama-0", "llama-1", "llama-2"]
    assert (state.phase, state.size, state.workloads()) == (Phase.FINISHED, 0, [])


def test_a_job_of_one_size_is_not_elastic() -> None:
    state = job(4)
    state.submit(0)
    assert state.admit("llama-0", 0).add == []
    assert state.deadline is None


def test_the_back_off_ends_at_an_hour() -> None:
    state = job(1, 3, 4, snooze=0.5, scaling=0)
    state.submit(0)
    state.admit("llama-0", 0)
    now = 0.0
    for _ in range(1100):
        state.admit("llama-2", now)
        assert state.advance(now).remove == ["llama-1", "llama-2"]
        before, now = now, state.deadline or 0
        assert len(state.advance(now).add) == 2
    assert now - before == 3600


def test_the_largest_size_of_thousands_of_slices() -> None:
    state = job(*range(2, 2002), scaling=0)
    state.submit(0)
    names = [workload.workload_name for workload in state.admit("llama-0000", 0).add]
    for name in names[:1500:-1]:
        state.admit(name, 0)
    assert state.advance(0).stop
    assert state.stopped(1).start == 2 + 498
    assert state.evict(names[1998], 2).stop
    assert state.stopped(3).start == 2 + 497
