"""Rules of a team's cap, container defaults and roles, and of any ResourceQuota. Imports no aws_cdk.

The names of teams, and quotas, are checked in `governance_rules`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from fairlane._internal.checks import alternatives, check_list, check_text
from fairlane._internal.tokens import is_token
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Advice, Path, Problem
from fairlane.hyperpod.group_rules import MAX_INSTANCES
from fairlane.hyperpod.instance_group import NodePool
from fairlane.hyperpod.quantities import format_quantity, parse_quantity
from fairlane.hyperpod.quota_amounts import team_amounts
from fairlane.hyperpod.team import Cap, ContainerDefaults, QuotaResource, Team
from fairlane.hyperpod.team_objects import COMPUTE, EFA, GIB, REQUESTS, cap_requests, is_extended

_COUNTED: Final = frozenset(
    (
        *COMPUTE,
        *(f"{prefix}{name}" for prefix in ("requests.", "limits.") for name in COMPUTE),
        *("requests.storage", "pods", "configmaps", "persistentvolumeclaims", "replicationcontrollers"),
        *("resourcequotas", "secrets", "services", "services.loadbalancers", "services.nodeports"),
    )
)
_COUNTED_PREFIXES: Final = ("hugepages-", "requests.hugepages-", "count/")
_LARGEST: Final = 2**63
"""Kubernetes stores no larger amounts."""
_FORCING: Final = ("limits.cpu", "limits.memory")
_DEVICES: Final = {
    "nvidia.com": ("gpu", "gpu.shared", "mig-<profile>"),
    "aws.amazon.com": ("neuron", "neuroncore", "neurondevice"),
    "vpc.amazonaws.com": ("efa", "pod-eni", "PrivateIPv4Address"),
}
_MIG: Final = re.compile(r"mig-[0-9]+g\.[0-9]+gb(\.(me|all|gfx))?|mig-[0-9]+c\.[0-9]+g\.[0-9]+gb")
_EXTENDED: Final = re.compile(
    r"[a-z0-9][-a-z0-9]*(\.[a-z0-9][-a-z0-9]*)+/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/(?!aws-service-role/)[\w+=,.@/-]{1,512}", re.ASCII)
_RESOURCES: Final = "cpu, memory, ephemeral-storage, hugepages-<size> or an extended resource such as nvidia.com/gpu"


def team_problems(team: Team, node_pools: Sequence[NodePool] = ()) -> Iterator[Problem]:
    """Yield the mistakes in a team's cap, container defaults and roles. Values known only at deployment pass.

    Args:
        team: Team.
        node_pools: Node pools of the cluster, in which Karpenter adds nodes for each pod that waits.
    """
    if team.cap is not None and not isinstance(team.cap, Cap):
        yield Problem(("cap",), team.cap, "a Cap")
    elif team.cap is not None:
        yield from (problem.within("cap") for problem in _cap_problems(team.cap, team.quota, bool(node_pools)))
    elif node_pools:
        pools = alternatives([pool.pool_name for pool in node_pools])
        yield Problem.relation(
            ("cap",),
            f"missing; without a cap, Karpenter adds nodes in {pools} for each pod of the team that waits: use "
            "instances or requests",
        )
    defaults = team.container_defaults
    if defaults is not None and not isinstance(defaults, ContainerDefaults):
        yield Problem(("container_defaults",), defaults, "a ContainerDefaults")
    elif defaults is not None:
        problems = _default_problems(defaults)
        yield from (problem.within("container_defaults") for problem in problems)
    yield from _role_problems(team.roles)


def team_advice(team: Team) -> Iterator[Advice]:
    """Yield warnings about pods that the cap refuses because they state no requests.

    Args:
        team: Team without mistakes.
    """
    if team.cap is None:
        return
    capped = {key.removeprefix(REQUESTS) for key in cap_requests(team.cap)} & {"cpu", "memory"}
    stated = {**((team.container_defaults and team.container_defaults.limits) or {})}
    stated |= (team.container_defaults and team.container_defaults.requests) or {}
    if missing := sorted(capped - set(stated)):
        yield Advice(
            "fairlane:TeamNamespace.requests",
            f"the cap of team {team.team_name} counts {' and '.join(missing)}, so Kubernetes refuses pods with a "
            "container that does not request it: give container_defaults.requests, or request it in each container",
        )


def resource_quota_problems(
    resource_quota: Mapping[str, Any], quota: Sequence[QuotaResource] = ()
) -> Iterator[Problem]:
    """Yield the mistakes in a ResourceQuota: keys that count nothing or force limits, and amounts below a quota.

    Args:
        resource_quota: Kubernetes object, for example from AWS's documentation.
        quota: Quota of the team in the namespace. Default: none.
    """
    hard = resource_quota.get("spec", {}).get("hard", {})
    for key, amount in hard.items():
        yield from _key_problems(("spec", "hard", key), key, amount)
    for name, sentence in _shortages(hard, quota):
        yield Problem.relation(("spec", "hard", name), sentence)


def _cap_problems(cap: Cap, quota: Sequence[QuotaResource], karpenter: bool) -> Iterator[Problem]:
    problems = [*_instance_problems(cap.instances), *_request_problems(cap.requests)]
    yield from problems
    if not cap.instances and not cap.requests:
        yield Problem((), None, "instances or requests")
    elif not any(problem.field[0] == "instances" for problem in problems) and isinstance(cap.requests or {}, Mapping):
        hard = cap_requests(cap)
        for key, sentence in _shortages(hard, quota):
            names = [name for name in cap.requests or {} if key == f"{REQUESTS}{name.removeprefix(REQUESTS)}"]
            yield Problem.relation(("requests", *names) if names else ("instances",), sentence)
        if karpenter and (missing := [name for name in _bounded(quota) if f"{REQUESTS}{name}" not in hard]):
            yield Problem.relation(
                (), f"Karpenter adds nodes for {alternatives(missing)} without end: use instances, or add to requests"
            )


def _bounded(quota: Sequence[QuotaResource]) -> list[str]:
    """Return the resources that a cap must bound when Karpenter adds nodes: accelerators, or vCPUs without them."""
    names = {name for amounts in team_amounts(quota).values() for name in amounts}
    return sorted(filter(is_extended, names)) or sorted(names & {"cpu"})


def _instance_problems(instances: object) -> Iterator[Problem]:
    if instances is not None and not isinstance(instances, Mapping):
        yield Problem(("instances",), instances, "a mapping of instance types to numbers of instances")
        return
    for name, count in (instances or {}).items():
        path = ("instances", str(name))
        if name not in hyperpod_instance_types():
            yield Problem(path, name, "an instance type of HyperPod, such as ml.p5.48xlarge")
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_INSTANCES:
            yield Problem(path, count, f"a whole number of instances, 1 to {MAX_INSTANCES}, known at synth")


def _request_problems(requests: object) -> Iterator[Problem]:
    if requests is not None and not isinstance(requests, Mapping):
        yield Problem(("requests",), requests, "a mapping of resources to amounts")
        return
    requests = requests or {}
    for name, amount in requests.items():
        bare = str(name).removeprefix(REQUESTS)
        key = bare if bare.startswith("limits.") else f"{REQUESTS}{bare}"
        yield from _key_problems(("requests", str(name)), key, amount)
        if bare != name and bare in requests:
            yield Problem.relation(("requests", name), f"{bare} is the same resource: remove one of them")


def _key_problems(path: Path, key: str, amount: object) -> Iterator[Problem]:
    """Check a key of a ResourceQuota, and its amount."""
    name = key.removeprefix(REQUESTS)
    storage_class = ".storageclass.storage.k8s.io/"
    if key in _FORCING:
        yield Problem.relation(
            path,
            f"{key} refuses each container that states no limit of {key.removeprefix('limits.')}: use "
            f"requests.{key.removeprefix('limits.')}",
        )
    elif key in _COUNTED or key.startswith(_COUNTED_PREFIXES) or storage_class in key:
        pass
    elif key.startswith(REQUESTS) and is_extended(name):
        yield from _device_problems(path, name)
    elif is_extended(key):
        device = key.removeprefix("limits.")
        yield Problem.relation(
            path,
            f"Kubernetes counts extended resources only under requests., so this key caps nothing: use "
            f"requests.{device}",
        )
    else:
        yield Problem.relation(path, f"Kubernetes counts no resource of this name: use {_RESOURCES}")
    yield from _amount_problems(path, name, amount)


def _device_problems(path: Path, name: str) -> Iterator[Problem]:
    domain, _, device = name.partition("/")
    if not _EXTENDED.fullmatch(name):
        yield Problem(path, name, "a resource of the form domain/name, such as nvidia.com/gpu")
    elif (
        domain in _DEVICES
        and device not in _DEVICES[domain]
        and not (domain == "nvidia.com" and _MIG.fullmatch(device))
    ):
        yield Problem.relation(
            path,
            f"no node has a resource of this name: use "
            f"{alternatives([f'{domain}/{known}' for known in _DEVICES[domain]])}",
        )


def _amount_problems(path: Path, name: str, amount: object) -> Iterator[Problem]:
    if is_token(amount):
        return
    number = _number(amount)
    if number is None:
        yield Problem(path, amount, "a quantity such as 64, 500m or 16384Gi")
    elif number < 0:
        yield Problem(path, amount, "an amount of 0 or more")
    elif number > _LARGEST:
        yield Problem(path, amount, "an amount of at most 8Ei")
    elif is_extended(name) and number.denominator != 1:
        yield Problem(path, amount, f"a whole number: {name} cannot be divided")


def _shortages(hard: Mapping[str, object], quota: Sequence[QuotaResource]) -> Iterator[tuple[str, str]]:
    """Yield the keys of a ResourceQuota whose amount is below the team's quota, with a sentence."""
    needed: Counter[str] = Counter()
    for instance_type, amounts in team_amounts(quota).items():
        needed.update(amounts)
        node = hyperpod_instance_types()[instance_type]
        if node.resource and node.efa:
            needed[EFA] += int(node.efa * amounts[node.resource] // node.accelerators)
    for key, amount in hard.items():
        name = key.removeprefix(REQUESTS)
        number, unit = _number(amount), GIB if name == "memory" else 1
        least = Fraction(needed.get(name, 0)).limit_denominator(1000) * unit
        if number is not None and (key.startswith(REQUESTS) or not is_extended(name)) and 0 <= number < least:
            text = format_quantity(least, binary=True) if unit == GIB else f"{float(least):g}"
            yield (
                key,
                f"{amount} is below the team's quota of {text} {name}, so pods are refused that the quota admits: "
                "raise the cap or lower the quota",
            )


def _default_problems(defaults: ContainerDefaults) -> Iterator[Problem]:
    parts = {"requests": defaults.requests, "limits": defaults.limits, "maximum": defaults.maximum}
    if not any(parts.values()):
        yield Problem((), None, alternatives(list(parts)))
    for part, amounts in parts.items():
        if amounts is not None and not isinstance(amounts, Mapping):
            yield Problem((part,), amounts, "a mapping of resources to amounts")
            return
        for name, amount in (amounts or {}).items():
            path = (part, str(name))
            if is_extended(str(name)):
                yield from _device_problems(path, str(name))
            elif name not in COMPUTE and not str(name).startswith("hugepages-"):
                yield Problem.relation(path, f"containers have no resource of this name: use {_RESOURCES}")
            yield from _amount_problems(path, str(name), amount)
    for name in dict.fromkeys(name for amounts in parts.values() for name in amounts or {}):
        yield from _order_problems(str(name), {part: (amounts or {}).get(name) for part, amounts in parts.items()})


def _order_problems(name: str, amounts: Mapping[str, object]) -> Iterator[Problem]:
    """Check the amounts of one resource against each other, as Kubernetes does for a LimitRange."""
    numbers = {part: _number(amount) for part, amount in amounts.items()}
    given = {part: number for part, number in numbers.items() if number is not None and number >= 0}
    if is_extended(name) and "requests" in given and given.get("limits") != given["requests"]:
        yield Problem.relation(
            ("requests", name), f"requests and limits of {name} must be equal: use limits.{name} only"
        )
        return
    for lower, upper in (("requests", "limits"), ("limits", "maximum"), ("requests", "maximum")):
        if lower in given and upper in given and given[lower] > given[upper]:
            yield Problem.relation((lower, name), f"{amounts[lower]} is above {upper}.{name}, {amounts[upper]}")
    if set(given) == {"maximum"} and not is_extended(name):
        yield Problem.relation(
            ("maximum", name),
            f"containers that state no {name} would request the maximum: add requests.{name} or limits.{name}",
        )


def _role_problems(roles: object) -> Iterator[Problem]:
    yield from check_list(("roles",), roles, str, "ARNs of IAM roles")
    if isinstance(roles, str) or not isinstance(roles, Sequence):
        return
    for index, role in enumerate(roles):
        if isinstance(role, str):
            form = "the ARN of an IAM role such as arn:aws:iam::111122223333:role/name, not of a service-linked role"
            yield from check_text(("roles", index), role, _ROLE.fullmatch, form)
            if role in roles[:index]:
                yield Problem.relation(("roles", index), "the role is in the list already")


def _number(amount: object) -> Fraction | None:
    try:
        return parse_quantity(amount)
    except ValueError:
        return None
