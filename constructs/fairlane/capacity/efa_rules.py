"""Rules of Elastic Fabric Adapter (EFA) for compute environments and multi-node jobs. Imports no aws_cdk.

Source: "Elastic Fabric Adapter" in the AWS Batch User Guide.
"""

from collections.abc import Iterator, Sequence

from fairlane.catalog import gpu_instance_type
from fairlane.errors import Problem


def has_efa(instance_type: object) -> bool:
    """Return True if an instance type is known to have EFA."""
    instance = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
    return instance is not None and bool(instance.efa_cards)


def efa_environment_problems(instance_types: Sequence[str], efa: object, *, spot: bool) -> Iterator[Problem]:
    """Yield what EFA rules out in a compute environment: other instance types, and Spot."""
    if not isinstance(efa, bool):
        yield Problem(("efa",), efa, "True or False, known at synth")
    if efa is not True:
        return
    for index, name in enumerate(instance_types):
        if not has_efa(name):
            yield Problem(("instance_types", index), name, "a machine that is known to have EFA, as efa is True")
    if spot:
        yield Problem(("efa",), efa, "False with SPOT: what needs EFA needs all of its machines at once")


def efa_job_problems(instance_type: object, efa: object) -> Iterator[Problem]:
    """Yield a job with EFA on an instance type without."""
    known = isinstance(instance_type, str) and gpu_instance_type(instance_type) is not None
    if known and efa is True and not has_efa(instance_type):
        yield Problem(("efa",), efa, f"False, as {instance_type} has no EFA")


def efa_fit_problems(name: str, interfaces: int, *, efa: bool) -> Iterator[Problem]:
    """Yield a job with EFA interfaces on a compute environment without EFA, by the environment's name."""
    if interfaces and not efa:
        yield Problem((name,), f"{interfaces} EFA interfaces", "a job without EFA, as the environment has efa=False")
