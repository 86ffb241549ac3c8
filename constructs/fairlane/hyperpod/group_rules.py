"""Rules of Amazon SageMaker for one instance group of a HyperPod cluster. Imports no aws_cdk."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from fairlane._internal.checks import check_choice, check_list, check_text, check_whole_number, listing
from fairlane._internal.key_rules import check_regional_key
from fairlane._internal.tokens import is_token
from fairlane.capacity.rules import Purchase
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Path, Problem
from fairlane.hyperpod.instance_group import (
    DeepHealthCheck,
    InstanceGroup,
    NetworkInterface,
    PatchingStrategy,
    Taint,
    TaintEffect,
    Volume,
)

MAX_INSTANCES: Final = 6758
MAX_INSTANCE_TYPES: Final = 20
MAX_TAINTS: Final = 50
MAX_SUBNETS: Final = 16
MAX_SECURITY_GROUPS: Final = 5
MAX_VOLUME_GIB: Final = 16384
MAX_SCRIPT_NAME: Final = 128

NAME: Final = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}")
"""Name of a cluster or an instance group. Its length has a check of its own, because hyphens can repeat."""
NAME_FORM: Final = "1 to 63 characters of A-Z, a-z, 0-9 and -, without - at an end"

_PREFIX: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/"
_KEY: Final = re.compile(rf"(?=(?:[^/]{{1,253}}/)?[^/]{{1,63}}$)({_PREFIX})?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_KEY_FORM: Final = (
    "a key of Kubernetes: 1 to 63 characters of A-Z, a-z, 0-9, -, _ and ., after an optional domain and /"
)
_VALUE: Final = re.compile(r"(?=.{0,63}$)(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_VALUE_FORM: Final = "at most 63 characters of A-Z, a-z, 0-9, -, _ and ., with a letter or digit at both ends"
_TRAINING_PLAN: Final = re.compile(r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]+):[0-9]{12}:training-plan/.+")
_RELEASE: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_SUBNET: Final = re.compile(r"subnet-[0-9a-f]{8,17}")
_SECURITY_GROUP: Final = re.compile(r"sg-[0-9a-f]{8,17}")


def is_name(text: str) -> bool:
    """Return True if a text can be the name of a cluster or an instance group."""
    return len(text) <= 63 and NAME.fullmatch(text) is not None


def group_problems(group: InstanceGroup, scripts: Collection[str] | None, region: str | None) -> Iterator[Problem]:
    """Yield the values of an instance group that SageMaker would refuse.

    Args:
        group: Instance group.
        scripts: Names of the lifecycle scripts. None if they are unknown.
        region: Region of the cluster. None if it is unknown.
    """
    yield from check_text(("group_name",), group.group_name, is_name, NAME_FORM)
    yield from _type_problems(group)
    yield from check_whole_number(("instance_count",), group.instance_count, 0, MAX_INSTANCES, unit="instances")
    yield from _minimum_problems(group)
    yield from _purchase_problems(group, region)
    yield from _label_problems(group.labels)
    yield from _taint_problems(group.taints)
    yield from _health_check_problems(group)
    yield from _volume_problems(group, region)
    if group.network_interface is not None:
        yield from check_choice(("network_interface",), group.network_interface, NetworkInterface)
        yield from _efa_problems(group)
    if group.threads_per_core is not None:
        yield from check_whole_number(("threads_per_core",), group.threads_per_core, 1, 2, unit="threads")
    yield from _script_problems(group, scripts)
    if group.patching is not None:
        yield from check_choice(("patching",), group.patching, PatchingStrategy)
    if group.image_release is not None:
        yield from check_text(("image_release",), group.image_release, _RELEASE.fullmatch, "a version such as 1.2.3")
    yield from _network_problems(group)


def group_types(group: InstanceGroup) -> Sequence[str]:
    """Return the instance types that an instance group can have. Tokens and values of a wrong type are left out."""
    several = group.instance_types if isinstance(group.instance_types, Sequence) else ()
    names = [group.instance_type] if group.instance_type is not None else [*several]
    return [name for name in names if isinstance(name, str) and not is_token(name)]


def accelerator_resources(group: InstanceGroup) -> set[str]:
    """Return the Kubernetes resources of a group's accelerators. Empty without accelerators."""
    catalog = hyperpod_instance_types()
    return {entry.resource for name in group_types(group) if (entry := catalog.get(name)) and entry.resource}


def has_efa(group: InstanceGroup) -> bool:
    """Return True if instances of a group can have EFA."""
    catalog = hyperpod_instance_types()
    return any(catalog[name].efa for name in group_types(group) if name in catalog)


def _type_problems(group: InstanceGroup) -> Iterator[Problem]:
    if group.instance_type is not None and group.instance_types:
        sentence = "instance_type and instance_types exclude each other: remove one of them"
        yield Problem.relation(("instance_type",), sentence)
    if group.instance_type is None and not group.instance_types:
        yield Problem(("instance_type",), None, "either instance_type or instance_types")
    if group.instance_type is not None:
        yield from _check_type(("instance_type",), group.instance_type)
    several: Any = group.instance_types
    problems = list(check_list(("instance_types",), several, str, "instance types"))
    yield from problems
    if problems:
        return
    if len(several) > MAX_INSTANCE_TYPES:
        sentence = f"{len(several)} instance types are too many: use at most {MAX_INSTANCE_TYPES}"
        yield Problem.relation(("instance_types",), sentence)
    for index, name in enumerate(several):
        yield from _check_type(("instance_types", index), name)
        if several.index(name) < index:
            sentence = f"{name} is listed twice: list each instance type once"
            yield Problem.relation(("instance_types", index), sentence)


def _check_type(field: Path, name: object) -> Iterator[Problem]:
    known = hyperpod_instance_types()
    if is_token(name) or (isinstance(name, str) and name in known):
        return
    close = get_close_matches(str(name), known, n=3) or ["ml.p5.48xlarge"]
    yield Problem(field, name, f"an instance type that HyperPod offers, for example {' or '.join(close)}")


def _minimum_problems(group: InstanceGroup) -> Iterator[Problem]:
    count, minimum = group.instance_count, group.min_instance_count
    if minimum is None:
        return
    problems = list(check_whole_number(("min_instance_count",), minimum, 0, MAX_INSTANCES, unit="instances"))
    yield from problems
    if not problems and isinstance(count, int) and not (is_token(minimum) or is_token(count)) and minimum > count >= 0:
        sentence = (
            f"the minimum of {minimum} is above instance_count, {count}, so that the group would roll back after "
            "three hours: use at most instance_count"
        )
        yield Problem.relation(("min_instance_count",), sentence)


def _purchase_problems(group: InstanceGroup, region: str | None) -> Iterator[Problem]:
    if is_token(group.purchase):
        yield Problem(("purchase",), group.purchase, "ON_DEMAND or SPOT, known at synth")
    elif group.purchase not in (Purchase.ON_DEMAND, Purchase.SPOT):
        yield Problem(("purchase",), group.purchase, "ON_DEMAND or SPOT; reserved instances come by training_plan")
    if group.training_plan is None:
        return
    allowed = "the ARN of a SageMaker training plan"
    yield from check_text(("training_plan",), group.training_plan, _TRAINING_PLAN.fullmatch, allowed)
    match = _TRAINING_PLAN.fullmatch(group.training_plan) if isinstance(group.training_plan, str) else None
    if match and region and not is_token(region) and match["region"] != region:
        sentence = f"the plan is in Region {match['region']}: use a plan in Region {region}, where the cluster is"
        yield Problem.relation(("training_plan",), sentence)
    if group.purchase == Purchase.SPOT:
        sentence = "the instances of a training plan are reserved, not Spot: remove purchase or training_plan"
        yield Problem.relation(("training_plan",), sentence)


def _label_problems(labels: Any) -> Iterator[Problem]:
    if labels is None:
        return
    if not isinstance(labels, Mapping):
        yield Problem(("labels",), labels, "a mapping of label keys to values, known at synth")
        return
    for key, value in labels.items():
        yield from check_text(("labels", str(key)), key, _KEY.fullmatch, _KEY_FORM)
        yield from check_text(("labels", str(key)), value, _VALUE.fullmatch, _VALUE_FORM)


def _taint_problems(taints: Any) -> Iterator[Problem]:
    problems = list(check_list(("taints",), taints, Taint, "Taint"))
    yield from problems
    if problems:
        return
    if len(taints) > MAX_TAINTS:
        yield Problem.relation(("taints",), f"{len(taints)} taints are too many: use at most {MAX_TAINTS}")
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        yield from check_text(("taints", index, "key"), taint.key, _KEY.fullmatch, _KEY_FORM)
        if taint.value is not None:
            fits = lambda value: value and _VALUE.fullmatch(value)  # noqa: E731
            yield from check_text(("taints", index, "value"), taint.value, fits, f"none, or {_VALUE_FORM}")
        yield from check_choice(("taints", index, "effect"), taint.effect, TaintEffect)
        if not isinstance(taint.key, str) or not isinstance(taint.effect, str):
            continue
        if (taint.key, taint.effect) in seen:
            sentence = f"the group has another taint {taint.key} with the effect {taint.effect}: remove one of them"
            yield Problem.relation(("taints", index), sentence)
        seen.add((taint.key, taint.effect))


def _health_check_problems(group: InstanceGroup) -> Iterator[Problem]:
    checks: Any = group.deep_health_checks
    problems = list(check_list(("deep_health_checks",), checks, str, "DeepHealthCheck"))
    yield from problems
    if problems:
        return
    for index, check in enumerate(checks):
        yield from check_choice(("deep_health_checks", index), check, DeepHealthCheck)
        if checks.index(check) < index:
            yield Problem.relation(("deep_health_checks", index), f"{check} is listed twice: list each check once")
    if checks and group.taints:
        sentence = "the pods of deep health checks do not tolerate taints: remove taints or deep_health_checks"
        yield Problem.relation(("deep_health_checks",), sentence)


def _volume_problems(group: InstanceGroup, region: str | None) -> Iterator[Problem]:
    for name, volume in (("root_volume", group.root_volume), ("data_volume", group.data_volume)):
        if volume is None:
            continue
        if not isinstance(volume, Volume):
            yield Problem((name,), volume, "a Volume")
            continue
        if volume.encryption_key is not None:
            field = (name, "encryption_key")
            yield from check_regional_key(field, volume.encryption_key, region, None, place="the cluster is")
        if name == "root_volume":
            if volume.size_gib is not None:
                sentence = "SageMaker determines the size of the root volume: remove size_gib, or use data_volume"
                yield Problem.relation((name, "size_gib"), sentence)
            if volume.encryption_key is None:
                yield Problem((name, "encryption_key"), None, "the ARN of a KMS key, or no root_volume")
        elif volume.size_gib is None:
            yield Problem((name, "size_gib"), None, f"a whole number of GiB, 1 to {MAX_VOLUME_GIB}")
        else:
            yield from check_whole_number((name, "size_gib"), volume.size_gib, 1, MAX_VOLUME_GIB, unit="GiB")


def _efa_problems(group: InstanceGroup) -> Iterator[Problem]:
    catalog = hyperpod_instance_types()
    if without := [name for name in group_types(group) if name in catalog and not catalog[name].efa]:
        sentence = f"{listing(without)} has no EFA: remove network_interface, or use an instance type with EFA"
        yield Problem.relation(("network_interface",), sentence)


def _script_problems(group: InstanceGroup, scripts: Collection[str] | None) -> Iterator[Problem]:
    if group.lifecycle_script is not None and group.init_script is not None:
        sentence = "lifecycle_script and init_script exclude each other: remove one of them"
        yield Problem.relation(("lifecycle_script",), sentence)
    for field, name in (("lifecycle_script", group.lifecycle_script), ("init_script", group.init_script)):
        if name is None:
            continue
        problems = list(
            check_text((field,), name, lambda name: 1 <= len(name) <= MAX_SCRIPT_NAME, "1 to 128 characters")
        )
        yield from problems
        if not problems and scripts is not None and not is_token(name) and name not in scripts:
            allowed = f"a script in lifecycle_scripts: {listing(sorted(scripts))}" if scripts else "none"
            yield Problem((field,), name, f"{allowed}; give the directory of the script as lifecycle_scripts")


def _network_problems(group: InstanceGroup) -> Iterator[Problem]:
    subnets: Any = group.subnets
    groups: Any = group.security_groups
    yield from _check_ids(("subnets",), subnets, _SUBNET, "subnets", MAX_SUBNETS)
    yield from _check_ids(("security_groups",), groups, _SECURITY_GROUP, "security groups", MAX_SECURITY_GROUPS)
    if groups and not subnets:
        sentence = "SageMaker takes security groups of a group only with subnets: add subnets"
        yield Problem.relation(("security_groups",), sentence)


def _check_ids(field: Path, ids: Any, form: re.Pattern[str], items: str, most: int) -> Iterator[Problem]:
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        yield Problem(field, ids, f"a list of IDs of {items}")
        return
    for index, each in enumerate(ids):
        yield from check_text((*field, index), each, form.fullmatch, f"the ID of one of the {items}")
    if len(ids) > most:
        yield Problem.relation(field, f"{len(ids)} {items} are too many: use at most {most}")
