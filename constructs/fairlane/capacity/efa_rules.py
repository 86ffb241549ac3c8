"""Rules of Elastic Fabric Adapter (EFA) for compute environments and multi-node jobs. Imports no aws_cdk.

Source: "Elastic Fabric Adapter" in the AWS Batch User Guide.
"""

from collections.abc import Iterator, Sequence

from fairlane.catalog import gpu_instance_type
from fairlane.errors import Problem


def has_efa(instance_type: object) -> bool:
    """Return True if an instance type is in the catalog and has EFA."""
    instance = gpu_instance_type(instance_type) if isinstance(instance_type, str) else None
    return instance is not None and bool(instance.efa_cards)


def efa_environment_problems(instance_types: Sequence[str], efa: object, *, spot: bool) -> Iterator[Problem]:
    """Yield the problems of EFA in a compute environment: instance types without EFA, and Spot."""
    if not isinstance(efa, bool):
        yield Problem(("efa",), efa, "True or False, known at synth")
    if efa is not True:
        return
    for index, name in enumerate(instance_types):
        if not has_efa(name):
            allowed = "an instance type with EFA in Fairlane's catalog, because efa is True"
            yield Problem(("instance_types", index), name, allowed)
    if spot:
        sentence = (
            "EFA cannot be used with Spot, because a multi-node job needs all of its instances at once: "
            "use ON_DEMAND or CAPACITY_BLOCK, or set efa to False"
        )
        yield Problem.relation(("efa",), sentence)


def placement_group_problems(efa: object, reservation: object) -> Iterator[Problem]:
    """Yield the problems of a placement group that a compute environment shares with others.

    Args:
        efa: True if the instances have EFA.
        reservation: Capacity reservation, which has a placement of its own, or None.
    """
    if efa is not True:
        sentence = "only instances with EFA start in a placement group: set efa to True, or remove placement_group"
        yield Problem.relation(("placement_group",), sentence)
    if reservation is not None:
        sentence = "a capacity reservation has its own placement: remove placement_group"
        yield Problem.relation(("placement_group",), sentence)


def efa_job_problems(instance_type: object, efa: object) -> Iterator[Problem]:
    """Yield a problem if a job uses EFA on an instance type without EFA."""
    in_catalog = isinstance(instance_type, str) and gpu_instance_type(instance_type) is not None
    if in_catalog and efa is True and not has_efa(instance_type):
        sentence = f"{instance_type} has no EFA: set efa to False, or use an instance type with EFA"
        yield Problem.relation(("efa",), sentence)


def efa_fit_problems(name: str, interfaces: int, *, efa: bool) -> Iterator[Problem]:
    """Yield a problem if a job uses EFA in a compute environment without EFA.

    Args:
        name: Name of the compute environment.
        interfaces: Number of EFA interfaces that the job uses.
        efa: True if the compute environment has EFA.
    """
    if interfaces and not efa:
        sentence = (
            f"the job uses {interfaces} EFA interfaces, but the compute environment has no EFA: "
            "set efa to True in the compute environment, or to False in the job"
        )
        yield Problem.relation((name,), sentence)
