"""Rules of AWS Batch for the GPUs, vCPUs and memory that a job needs. Imports no aws_cdk."""

from collections.abc import Iterator

from fairlane._internal.checks import check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.catalog import JobNeeds, gpu_instance_type
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.errors import Problem


def job_needs(
    instance_type: str | None, gpus: int | None, vcpus: int | None, memory_mib: int | None, *, efa: bool = False
) -> JobNeeds:
    """Return the needs of a job. Missing vCPUs and memory are the part of the instance that belongs to the GPUs."""
    instance = gpu_instance_type(instance_type or "")
    gpu_count = gpus if gpus is not None else instance.gpus if instance else 1
    part = JobNeeds.part_of(instance, gpu_count, efa=efa) if instance and not is_token(gpu_count) else None
    return JobNeeds(
        gpus=gpu_count,
        vcpus=vcpus if vcpus is not None else part.vcpus if part else 1,
        memory_mib=memory_mib if memory_mib is not None else part.memory_mib if part else 1,
        efa=part.efa if part else 0,
        architecture=instance.architecture if instance else "x86_64",
    )


def without_tokens(needs: JobNeeds) -> JobNeeds | None:
    """Return the needs, or None if a number is known only at deployment."""
    return None if any(map(is_token, (needs.gpus, needs.vcpus, needs.memory_mib))) else needs


def instance_problems(
    gpus: int | None, instance_type: str | None, vcpus: int | None, memory_mib: int | None
) -> Iterator[Problem]:
    """Yield the problems of a job's GPUs and instance type, and of needs without a value."""
    instance = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
    highest = instance.gpus if instance else None
    type_problems = (
        list(check_gpu_instance_type(("instance_type",), instance_type)) if instance_type is not None else []
    )
    yield from type_problems
    if is_token(gpus):
        yield Problem(("gpus",), gpus, "a whole number of GPUs, known at synth")
    elif gpus is not None:
        yield from check_whole_number(
            ("gpus",), gpus, 1, highest, unit=f"GPUs of a {instance_type}" if highest else "GPUs"
        )
    if instance is not None or type_problems:
        return
    if vcpus is None or memory_mib is None:
        if instance_type is None or is_token(instance_type):
            suffix = "" if instance_type is None else " that is known at synth"
            allowed = f"an instance type{suffix}, or both vcpus and memory_mib"
            yield Problem(("instance_type",), instance_type, allowed)
        else:
            sentence = (
                f"{instance_type} is not in Fairlane's catalog, so that vcpus and memory_mib have no default: "
                "set both, or use another instance type"
            )
            yield Problem.relation(("instance_type",), sentence)
    elif gpus is None:
        yield Problem(("gpus",), None, "a number of GPUs, because there is no instance type of Fairlane's catalog")
