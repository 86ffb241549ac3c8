"""Batch of elastic jobs at each size: arithmetic and mistakes."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.hyperpod import BatchPlan, SizeBatch
from fairlane.hyperpod.elastic_batch import batch_problems, size_batches

PLAN = BatchPlan(global_batch=128, micro_batch=4, learning_rate=4e-4)
UNEVEN = replace(PLAN, uneven_batches=True)


def changed(**fields: Any) -> BatchPlan:
    return replace(PLAN, **fields)


def problems(plan: BatchPlan, sizes: Any = (1, 2, 4, 8, 16), processes: int = 8) -> list[str]:
    return [str(problem) for problem in batch_problems(plan, sizes, processes)]


def test_the_batch_of_a_recipe_is_the_same_at_all_sizes() -> None:
    assert problems(UNEVEN, (1, 3, 6, 16)) == []
    assert size_batches(UNEVEN, (1, 3, 6, 16), 8) == [
        SizeBatch(
            replicas=1,
            data_parallel=8,
            micro_batch=4,
            accumulation=4,
            small_batch=16,
            large_batch=16,
            small_groups=0,
            learning_rate=4e-4,
        ),
        SizeBatch(
            replicas=3,
            data_parallel=24,
            micro_batch=3,
            accumulation=2,
            small_batch=5,
            large_batch=6,
            small_groups=16,
            learning_rate=4e-4,
        ),
        SizeBatch(
            replicas=6,
            data_parallel=48,
            micro_batch=3,
            accumulation=1,
            small_batch=2,
            large_batch=3,
            small_groups=16,
            learning_rate=4e-4,
        ),
        SizeBatch(
            replicas=16,
            data_parallel=128,
            micro_batch=1,
            accumulation=1,
            small_batch=1,
            large_batch=1,
            small_groups=0,
            learning_rate=4e-4,
        ),
    ]


def test_parallelism_reduces_the_data_parallel_groups() -> None:
    plan = replace(PLAN, tensor_parallel=4, pipeline_parallel=2)
    assert problems(plan) == []
    assert [batch.data_parallel for batch in size_batches(plan, (1, 2, 4), 8)] == [1, 2, 4]
    assert [batch.accumulation for batch in size_batches(plan, (1, 2, 4), 8)] == [32, 16, 8]


@pytest.mark.parametrize(
    ("plan", "sizes", "expected"),
    [
        (
            replace(PLAN, tensor_parallel=3),
            (1, 2, 4),
            "batch.tensor_parallel: 3 x 1 = 3 processes of one copy of the model divide no size of the job: size 1 has 8, "
            "size 2 has 16, size 4 has 32; change the parallelism or the sizes",
        ),
        (
            replace(PLAN, pipeline_parallel=16),
            (1, 2, 4),
            "batch.pipeline_parallel: 1 x 16 = 16 processes of one copy of the model divide 2 of 3 sizes of the job: size "
            "1 has 8; change the parallelism or the sizes",
        ),
        (
            PLAN,
            (1, 3, 6),
            "batch.global_batch: 128 samples are no multiple of the data-parallel groups of size 3 (24), 6 (48): change "
            "global_batch or the sizes, or use uneven_batches",
        ),
        (
            UNEVEN,
            (1, 16, 17),
            "batch.global_batch: 128 samples are fewer than the data-parallel groups of size 17 (136): use a larger "
            "global_batch or a smaller maximum",
        ),
        (replace(PLAN, global_batch=0), (1,), "batch.global_batch: got 0, allowed: a whole number, 1 or more"),
        (replace(PLAN, micro_batch=-1), (1,), "batch.micro_batch: got -1, allowed: a whole number, 1 or more"),
        (replace(PLAN, micro_batch=True), (1,), "batch.micro_batch: got True, allowed: a whole number, 1 or more"),
        (replace(PLAN, tensor_parallel=0), (1,), "batch.tensor_parallel: got 0, allowed: a whole number, 1 or more"),
        (
            changed(pipeline_parallel=1.5),
            (1,),
            "batch.pipeline_parallel: got 1.5, allowed: a whole number, 1 or more",
        ),
        (replace(PLAN, learning_rate=0), (1,), "batch.learning_rate: got 0, allowed: a number above 0"),
        (replace(PLAN, learning_rate=float("nan")), (1,), "batch.learning_rate: got nan, allowed: a number above 0"),
        (replace(PLAN, learning_rate=float("inf")), (1,), "batch.learning_rate: got inf, allowed: a number above 0"),
        (changed(learning_rate="1"), (1,), "batch.learning_rate: got '1', allowed: a number above 0"),
        (changed(learning_rate=None), (1,), "batch.learning_rate: missing; use a number above 0"),
        (changed(uneven_batches=1), (1,), "batch.uneven_batches: got 1, allowed: True or False"),
    ],
)
def test_each_mistake_is_one_problem(plan: BatchPlan, sizes: tuple[int, ...], expected: str) -> None:
    assert problems(plan, sizes) == [expected]


def test_all_mistakes_are_reported_at_once() -> None:
    assert len(problems(BatchPlan(global_batch=0, micro_batch=0, learning_rate=0, tensor_parallel=0))) == 4
    found = problems(replace(PLAN, tensor_parallel=16), (1, 6, 300))
    assert [text.partition(":")[0] for text in found] == ["batch.tensor_parallel", *["batch.global_batch"] * 2]


def test_sizes_with_mistakes_have_no_batch() -> None:
    assert [batch.replicas for batch in size_batches(PLAN, (1, 3, 17), 8)] == [1]
    assert size_batches(replace(PLAN, tensor_parallel=3), (1, 2), 8) == []
    assert problems(PLAN, ()) == []


@given(
    st.integers(1, 4096),
    st.integers(1, 64),
    st.lists(st.integers(1, 32), min_size=1, max_size=6, unique=True),
    st.sampled_from([1, 2, 3, 4, 8, 16]),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
)
def test_groups_add_up_to_the_global_batch(
    samples: int, micro: int, sizes: list[int], processes: int, parallel: int, uneven: bool
) -> None:
    plan = BatchPlan(
        global_batch=samples, micro_batch=micro, learning_rate=1, tensor_parallel=parallel, uneven_batches=uneven
    )
    batches = size_batches(plan, sizes, processes)
    assert (len(batches) == len(sizes)) == (problems(plan, sizes, processes) == [])
    for batch in batches:
        large = batch.data_parallel - batch.small_groups
        assert batch.small_batch * batch.small_groups + batch.large_batch * large == samples
        assert batch.data_parallel * parallel == batch.replicas * processes
        assert 1 <= batch.micro_batch <= micro
        assert batch.small_batch >= 1
        assert (
            (batch.accumulation - 1) * batch.micro_batch < batch.large_batch <= batch.accumulation * batch.micro_batch
        )
        assert large >= 1
        if not uneven:
            assert batch.micro_batch * batch.accumulation * batch.data_parallel == samples
