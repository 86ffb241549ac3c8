from collections import Counter
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane_run.elastic import ElasticError, GlobalBatches

NUMBERS = st.integers(1, 40)


def used(batches: GlobalBatches, step: int, world: int) -> list[int]:
    """Return the samples of a step over all processes, without those of weight 0."""
    shares = [batches.share(step, rank, world) for rank in range(world)]
    return [sample for micro in chain(*shares) if micro.weight for sample in micro.samples]


@given(samples=NUMBERS, batch=NUMBERS, epochs=st.integers(1, 3), data=st.data())
def test_each_epoch_uses_each_sample_once_while_the_size_changes(
    samples: int, batch: int, epochs: int, data: st.DataObject
) -> None:
    batches = GlobalBatches(samples, batch, epochs=epochs)

    steps = [used(batches, step, data.draw(st.integers(1, 9))) for step in range(batches.steps)]

    stream = list(chain(*steps))
    for epoch in range(epochs):
        assert sorted(stream[epoch * samples : (epoch + 1) * samples]) == list(range(samples))
    assert len(stream) == samples * epochs
    assert {len(step) for step in steps[:-1]} <= {batch}


@given(samples=NUMBERS, batch=NUMBERS, micro=NUMBERS, worlds=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_a_step_has_the_same_samples_and_weights_at_any_size(
    samples: int, batch: int, micro: int, worlds: tuple[int, int]
) -> None:
    batches = GlobalBatches(samples, batch, micro_batch=micro)

    for step in range(batches.steps):
        assert used(batches, step, worlds[0]) == used(batches, step, worlds[1]) == batches.batch(step)
        for world in worlds:
            shares = [batches.share(step, rank, world) for rank in range(world)]
            assert len({len(share) for share in shares}) == 1
            assert all(1 <= len(part.samples) <= micro for part in chain(*shares))
            sizes = Counter({rank: sum(part.weight for part in share) for rank, share in enumerate(shares)})
            assert sum(sizes.values()) == pytest.approx(1)
            assert max(sizes.values()) - min(sizes.values()) <= 1 / len(batches.batch(step)) + 1e-9


def test_three_processes_share_sixteen_samples_as_six_five_and_five() -> None:
    batches = GlobalBatches(640, 16, micro_batch=5)

    shares = [batches.share(0, rank, 3) for rank in range(3)]

    assert [[len(part.samples) for part in share] for share in shares] == [[3, 3], [3, 2], [3, 2]]
    assert [sum(part.weight for part in share) for share in shares] == [6 / 16, 5 / 16, 5 / 16]


def test_a_process_without_a_sample_computes_one_of_weight_zero() -> None:
    share = GlobalBatches(2, 2).share(0, 2, 3)

    assert [(len(part.samples), part.weight) for part in share] == [(1, 0.0)]


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    batches = GlobalBatches(50, 50, epochs=2)

    orders = [batches.batch(0), batches.batch(1), GlobalBatches(50, 50, seed=1).batch(0)]

    assert len(set(map(tuple, orders))) == 3
    assert GlobalBatches(50, 50).batch(0) == orders[0]
    # The order is part of each checkpoint: a change of it would lose and repeat samples of running jobs.
    assert GlobalBatches(8, 8).batch(0) == [2, 7, 1, 3, 0, 5, 6, 4]


def test_a_checkpoint_of_other_batches_is_refused() -> None:
    batches = GlobalBatches(640, 16)
    batches.check(GlobalBatches(640, 16, micro_batch=4).state())

    with pytest.raises(ElasticError, match="global_batch: got 16, checkpoint: 32"):
        batches.check(GlobalBatches(640, 32).state())


def test_more_epochs_are_refused_because_the_last_batch_was_smaller() -> None:
    shorter, longer = GlobalBatches(10, 16), GlobalBatches(10, 16, epochs=2)
    assert [len(shorter.batch(0)), len(longer.batch(0))] == [10, 16]

    with pytest.raises(ElasticError, match="epochs: got 2, checkpoint: 1"):
        longer.check(shorter.state())


def test_an_order_has_about_as_many_ascents_and_fixed_points_as_a_random_one() -> None:
    order = GlobalBatches(10_000, 10_000).batch(0)

    assert 4_800 < sum(first < second for first, second in pairwise(order)) < 5_200
    assert sum(at == sample for at, sample in enumerate(order)) < 8
    assert 4_800 < sum(order[:5_000]) / 5_000 < 5_200


def test_a_start_in_the_middle_of_a_large_data_set_computes_only_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    sample = GlobalBatches._sample

    def counted(batches: GlobalBatches, position: int) -> int:
        nonlocal calls
        calls += 1
        return sample(batches, position)

    monkeypatch.setattr(GlobalBatches, "_sample", counted)
    batches = GlobalBatches(10**12, 1024, epochs=3)

    assert len(batches.share(batches.steps // 2, 5, 128)[0].samples) == calls == 8


@pytest.mark.parametrize(("rank", "world"), [(-1, 2), (2, 2), (0, 0)])
def test_a_rank_outside_of_the_job_is_refused(rank: int, world: int) -> None:
    with pytest.raises(ElasticError, match=f"rank: got {rank}, allowed: 0 to {world - 1}"):
        GlobalBatches(4, 2).share(0, rank, world)


@pytest.mark.parametrize("name", ["samples", "global_batch", "micro_batch", "epochs"])
@pytest.mark.parametrize("value", [0, -1])
def test_numbers_below_one_are_refused(name: str, value: int) -> None:
    with pytest.raises(ElasticError, match=f"^{name}: got {value}, allowed: 1 or more"):
        GlobalBatches(**{"samples": 4, "global_batch": 2, "micro_batch": 1, name: value})


@pytest.mark.parametrize("step", [-1, 2])
def test_a_step_outside_of_the_run_is_refused(step: int) -> None:
    with pytest.raises(ElasticError, match="allowed: 0 to 1"):
        GlobalBatches(4, 2).batch(step)
