"""Rules of the number of GPUs of a compute environment. Imports no aws_cdk."""

from collections.abc import Iterator, Sequence
from typing import Final

from fairlane._internal.checks import check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.catalog import gpu_instance_type
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.errors import Problem

MAX_GPUS: Final = 100_000


def size_problems(instance_types: Sequence[str], max_gpus: int | None, max_vcpus: int | None) -> Iterator[Problem]:
    """Yield the problems of the maximum size."""
    if max_gpus is None and max_vcpus is None:
        yield Problem(("max_gpus",), None, "either max_gpus or max_vcpus")
    if max_gpus is not None and max_vcpus is not None:
        yield Problem.relation(("max_gpus",), "max_gpus and max_vcpus exclude each other: remove one of them")
    candidates = instance_types if isinstance(instance_types, Sequence) and not isinstance(instance_types, str) else ()
    usable = [name for name in candidates if not any(check_gpu_instance_type((), name))]
    instances = [gpu_instance_type(name) for name in usable]
    smallest = min((instance.gpus for instance in instances if instance and instance.gpus), default=1)
    if max_gpus is not None:
        if None in instances:
            unknown = ", ".join(name for name in usable if gpu_instance_type(name) is None)
            sentence = (
                f"Fairlane's catalog has no number of GPUs for {unknown}: "
                "check the spelling, or use max_vcpus instead of max_gpus"
            )
            yield Problem.relation(("max_gpus",), sentence)
        elif is_token(max_gpus):
            yield Problem(("max_gpus",), max_gpus, "a whole number of GPUs, known at synth; max_vcpus can be a token")
        else:
            yield from check_whole_number(("max_gpus",), max_gpus, smallest, MAX_GPUS, unit="GPUs")
    if max_vcpus is not None:
        smallest = min((instance.vcpus for instance in instances if instance), default=1)
        yield from check_whole_number(("max_vcpus",), max_vcpus, smallest, unit="vCPUs")


def min_gpus_problems(
    instance_types: Sequence[str], min_gpus: object, max_gpus: int | None, vcpus: tuple[int, int] | None
) -> Iterator[Problem]:
    """Yield the problems of the minimum size.

    Args:
        instance_types: Instance types.
        min_gpus: Minimum number of GPUs.
        max_gpus: Maximum number of GPUs. None if only the number of vCPUs has a maximum.
        vcpus: Minimum and maximum number of vCPUs. None if an instance type or another number has a problem.
    """
    field = ("min_gpus",)
    if is_token(min_gpus):
        yield Problem(field, min_gpus, "a whole number of GPUs, known at synth")
        return
    range_problems = list(check_whole_number(field, min_gpus, 0, MAX_GPUS, unit="GPUs"))
    yield from range_problems
    if range_problems or vcpus is None or not isinstance(min_gpus, int):
        return
    gpus = [instance.gpus for name in instance_types if (instance := gpu_instance_type(name))]
    if len(gpus) < len(instance_types):
        sentence = "min_gpus requires instance types in Fairlane's catalog: check the spelling, or remove min_gpus"
        yield Problem.relation(field, sentence)
    elif min_gpus % min(gpus):
        yield Problem(field, min_gpus, f"a multiple of {min(gpus)}, the number of GPUs of the smallest instance type")
    elif max_gpus is not None and min_gpus > max_gpus:
        yield Problem(field, min_gpus, f"at most max_gpus, which is {max_gpus}")
    elif not is_token(vcpus[1]) and vcpus[0] > vcpus[1]:
        sentence = (
            f"{min_gpus} GPUs can have {vcpus[0]} vCPUs, but the environment has at most {vcpus[1]}: "
            "use a smaller min_gpus, or a larger max_gpus or max_vcpus"
        )
        yield Problem.relation(field, sentence)
