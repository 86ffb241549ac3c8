"""Batch and learning rate of an elastic job at each of its sizes. Imports no aws_cdk."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """Global batch, which is the same at all sizes of a job, and how processes share it.

    Args:
        global_batch: Number of samples of a step over all processes, 1 or more.
        micro_batch: Number of samples that a process computes at once, 1 or more.
        learning_rate: Learning rate, the same at all sizes.
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
        accumulation: Number of micro batches of the largest group in a step.
        small_batch: Number of samples in a step of each of the small groups.
        large_batch: Number of samples in a step of each other group.
        small_groups: Number of groups with `small_batch`. 0 if all are equal.
        learning_rate: Learning rate.
    """

    replicas: int
    data_parallel: int
    accumulation: int
    small_batch: int
    large_batch: int
    small_groups: int
    learning_rate: float
