"""Batch and learning rate of an elastic job at each of its sizes. Imports no aws_cdk."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairlane._internal.checks import check_flag, listing
from fairlane.errors import Path, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """Global batch, which is the same at all sizes of a job, and how processes share it.

    Args:
        global_batch: Number of samples of a step over all processes, 1 or more.
        micro_batch: Largest number of samples that a process computes at once, 1 or more. A size whose part of the
            global batch is no multiple uses the largest divisor of the part below it.
        learning_rate: Learning rate, the same at all sizes, above 0.
        tensor_parallel: Number of processes that share a layer, 1 or more. Default: 1.
        pipeline_parallel: Number of processes that share a model by layers, 1 or more. Default: 1.
        uneven_batches: True if some data-parallel groups may compute one sample less than others. Default: False.
    """

    global_batch: int
    micro_batch: int
    learning_rate: float
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    uneven_batches: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeBatch:
    """Batch at one size of a job.

    Attributes:
        replicas: Size in replicas.
        data_parallel: Number of data-parallel groups: processes without tensor and pipeline parallelism.
        micro_batch: Largest number of samples that a process computes at once.
        accumulation: Number of micro batches of the largest group in a step.
        small_batch: Number of samples in a step of each of the small groups.
        large_batch: Number of samples in a step of each other group.
        small_groups: Number of groups with `small_batch`. 0 if all are equal.
        learning_rate: Learning rate.
    """

    replicas: int
    data_parallel: int
    micro_batch: int
    accumulation: int
    small_batch: int
    large_batch: int
    small_groups: int
    learning_rate: float

    @property
    def samples(self) -> int:
        """Number of samples of a step over all groups."""
        return self.small_batch * self.small_groups + self.large_batch * (self.data_parallel - self.small_groups)


def batch_problems(
    batch: BatchPlan, sizes: Sequence[int], processes_per_replica: int, path: Path = ("batch",)
) -> Iterator[Problem]:
    """Yield the mistakes of a batch at the sizes of a job.

    Args:
        batch: Batch.
        sizes: Sizes of the job in replicas, each 1 or more.
        processes_per_replica: Number of processes of a replica, 1 or more.
        path: Path of the batch. Default: `batch`.
    """
    mistakes = [problem.within(*path) for problem in _value_problems(batch)]
    yield from mistakes
    if mistakes or not sizes:
        return
    group = batch.tensor_parallel * batch.pipeline_parallel
    parallelism = "tensor_parallel" if batch.tensor_parallel > 1 else "pipeline_parallel"
    processes = {size: size * processes_per_replica for size in sizes}
    if split := [size for size, count in processes.items() if count % group]:
        one = f"{batch.tensor_parallel} x {batch.pipeline_parallel} = {group} processes of one copy of the model"
        sentence = (
            f"{one} divide {_of(split, sizes)}: {_processes(split, processes)}; change the parallelism or the sizes"
        )
        yield Problem.relation((*path, parallelism), sentence)
    groups = {size: count // group for size, count in processes.items() if size not in split}
    samples = batch.global_batch
    if few := [size for size, count in groups.items() if count > samples]:
        sentence = (
            f"{samples} samples are fewer than the data-parallel groups of size {_groups(few, groups)}: use a larger "
            "global_batch or a smaller maximum"
        )
        yield Problem.relation((*path, "global_batch"), sentence)
    odd = [size for size, count in groups.items() if size not in few and samples % count]
    if odd and not batch.uneven_batches:
        sentence = (
            f"{samples} samples are no multiple of the data-parallel groups of size {_groups(odd, groups)}: change "
            "global_batch or the sizes, or use uneven_batches"
        )
        yield Problem.relation((*path, "global_batch"), sentence)


def size_batches(batch: BatchPlan, sizes: Sequence[int], processes_per_replica: int) -> list[SizeBatch]:
    """Return the batch at each size, with the same global batch and learning rate. Sizes with mistakes are left out.

    Args:
        batch: Batch, without mistakes in its values.
        sizes: Sizes of the job in replicas, each 1 or more.
        processes_per_replica: Number of processes of a replica, 1 or more.
    """
    model = batch.tensor_parallel * batch.pipeline_parallel
    groups = {size: size * processes_per_replica // model for size in sizes if not size * processes_per_replica % model}
    return [
        _size_batch(batch, size, count)
        for size, count in groups.items()
        if count <= batch.global_batch and (batch.uneven_batches or not batch.global_batch % count)
    ]


def _size_batch(batch: BatchPlan, size: int, groups: int) -> SizeBatch:
    small, rest = divmod(batch.global_batch, groups)
    if rest:
        large = small + 1
        accumulation = math.ceil(large / batch.micro_batch)
        micro = math.ceil(large / accumulation)
    else:
        large = small
        micro = max(number for number in _divisors(large) if number <= batch.micro_batch)
        accumulation = large // micro
    return SizeBatch(
        replicas=size,
        data_parallel=groups,
        micro_batch=micro,
        accumulation=accumulation,
        small_batch=small,
        large_batch=large,
        small_groups=groups - rest if rest else 0,
        learning_rate=batch.learning_rate,
    )


def _divisors(number: int) -> Iterator[int]:
    for divisor in range(1, math.isqrt(number) + 1):
        if not number % divisor:
            yield from (divisor, number // divisor)


def _value_problems(batch: BatchPlan) -> Iterator[Problem]:
    for name in ("global_batch", "micro_batch", "tensor_parallel", "pipeline_parallel"):
        got = getattr(batch, name)
        if not isinstance(got, int) or isinstance(got, bool) or got < 1:
            yield Problem((name,), got, "a whole number, 1 or more")
    rate = batch.learning_rate
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate < math.inf:
        yield Problem(("learning_rate",), rate, "a number above 0")
    yield from check_flag(("uneven_batches",), batch.uneven_batches)


def _of(some: Sequence[int], sizes: Sequence[int]) -> str:
    if len(some) == len(sizes):
        return "no size of the job"
    return f"{len(sizes) - len(some)} of {len(sizes)} sizes of the job"


def _processes(some: Sequence[int], processes: dict[int, int]) -> str:
    return listing(f"size {size} has {processes[size]}" for size in some)


def _groups(some: Sequence[int], groups: dict[int, int]) -> str:
    return listing(f"{size} ({groups[size]})" for size in some)
