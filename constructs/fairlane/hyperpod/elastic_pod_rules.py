"""Rules of the pods of elastic jobs: image, environment, requests, log rules and the time to end. Imports no aws_cdk.

`manifest_rules` applies the same rules to manifests, with the field names of Kubernetes.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fairlane._internal.checks import alternatives, check_repeats, check_text, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Path, Problem
from fairlane.hyperpod.elastic_job import LogRule, RestartPolicy, is_whole
from fairlane.hyperpod.elastic_policy_rules import MAX_SECONDS
from fairlane.hyperpod.quantities import parse_quantity
from fairlane.hyperpod.quota_table import amount_text
from fairlane.hyperpod.replica_requests import device_amounts, request_amounts, usable_amounts
from fairlane.hyperpod.team_objects import COMPUTE, is_extended

COORDINATION: Final = "HYPERPOD_SIGNAL_COORDINATION"
"""Environment variable without whose value `distributed` no process sees a scaling event."""
DISTRIBUTED: Final = "distributed"
"""Value of the variable for elastic jobs."""

NO_SPOT: Final = (
    "AWS's guide says that elastic training does not support Spot, although its launch article praises it: use an "
    "instance type without Spot"
)

_IMAGE: Final = re.compile(r"[A-Za-z0-9][\w./:@+-]*", re.ASCII)
_VARIABLE: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_OPERATOR: Final = frozenset(
    (
        *("NNODES", "NODE_RANK", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK"),
        *("GROUP_WORLD_SIZE", "ROLE_RANK", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
    )
)
_LAUNCHER: Final = "PET_"
"""Prefix of environment variables that torchrun reads as options, for example PET_NNODES."""
_OPERATORS: Final = ("gt", "lt", "eq", "gteq", "lteq")
_LARGEST: Final = 2**31 - 1
MIB: Final = 2**20


def image_problems(image: object) -> Iterator[Problem]:
    """Yield a problem if a text is no image. A token passes."""
    allowed = "the URI of an image, without placeholders such as <image> or ${IMAGE}"
    yield from check_text(("image",), image, _IMAGE.fullmatch, allowed)


def environment_problems(environment: Mapping[str, object]) -> Iterator[Problem]:
    """Yield environment variables that break elasticity, or that are no variables."""
    for name, value in environment.items():
        path = ("environment", str(name))
        yield from check_text(path, name, _VARIABLE.fullmatch, "a name of letters, digits, -, _ and .")
        if not isinstance(value, str):
            yield Problem(path, value, "a text")
        elif name == COORDINATION and value.lower() != DISTRIBUTED and not is_token(value):
            sentence = f"with {value}, no process sees a scaling event, and SIGKILL ends the work: use distributed"
            yield Problem.relation(path, sentence)
        elif name in _OPERATOR:
            yield Problem.relation(path, "the training operator and hyperpodrun set this variable: remove it")
        elif isinstance(name, str) and name.startswith(_LAUNCHER):
            yield Problem.relation(path, "hyperpodrun reads this variable as an option: remove it")


def request_problems(
    requests: Mapping[str, object], instance_type: object, threads_per_core: int | None = None
) -> Iterator[Problem]:
    """Yield requests that are no amounts, or that do not fit an instance beside its daemons.

    Args:
        requests: Requests of a replica by resource. Values known only at deployment pass.
        instance_type: SageMaker instance type. Without one of the catalog, only the amounts are checked.
        threads_per_core: 1 for nodes with half of the vCPUs. Default: all vCPUs.
    """
    node = hyperpod_instance_types().get(instance_type) if isinstance(instance_type, str) else None
    usable = usable_amounts(node, threads_per_core) | device_amounts(node) if node else {}
    for name, quantity in requests.items():
        path = ("requests", str(name))
        if problems := list(_amount_problems(path, name, quantity)):
            yield from problems
            continue
        amount = request_amounts({name: quantity}).get(name)
        if node is None or amount is None or name == "ephemeral-storage" or str(name).startswith("hugepages-"):
            continue
        most = usable.get(name)
        if most is None and amount:
            yield Problem.relation(path, f"{node.instance_type} has no {name}: remove it or use another instance type")
        elif most is not None and amount > most:
            half = " with one thread per core" if name == "cpu" and threads_per_core == 1 else ""
            text = f"{amount_text(math.floor(most * 100) / 100)}{' GiB' if name == 'memory' else ''}"
            beside = ", because its daemons need the rest" if name in COMPUTE else ""
            yield Problem.relation(
                path, f"{quantity} does not fit {node.instance_type}{half}: use at most {text}{beside}"
            )


def _amount_problems(path: Path, name: object, quantity: object) -> Iterator[Problem]:
    if not isinstance(name, str) or not (name in COMPUTE or is_extended(name) or name.startswith("hugepages-")):
        yield Problem(path, name, "cpu, memory, ephemeral-storage, hugepages-<size> or an extended resource")
        return
    if is_token(quantity):
        return
    try:
        amount = parse_quantity(quantity)
    except ValueError:
        yield Problem(path, quantity, "a quantity such as 8, 500m or 1890Gi")
        return
    if is_extended(name) and (amount < 0 or amount.denominator != 1):
        yield Problem(path, quantity, "a whole number, 0 or more")
    elif name == "memory" and amount < MIB:
        yield Problem(path, quantity, "1Mi or more, with a unit such as Gi, without which it is a number of bytes")
    elif not is_extended(name) and amount <= 0:
        yield Problem(path, quantity, "a quantity above 0")


def grace_problems(
    grace_seconds: object, graceful_shutdown_seconds: object, shutdown_seconds: object = None
) -> Iterator[Problem]:
    """Yield a problem if Kubernetes kills an evicted pod before its checkpoint is saved.

    Args:
        grace_seconds: Seconds between SIGTERM and SIGKILL of an evicted pod.
        graceful_shutdown_seconds: Seconds for a checkpoint and the end of all processes.
        shutdown_seconds: Seconds that `hyperpodrun` waits for its processes. Default: `graceful_shutdown_seconds`.
    """
    path = ("termination_grace_seconds",)
    if mistakes := list(check_whole_number(path, grace_seconds, 1, MAX_SECONDS, unit="seconds")):
        yield from mistakes
        return
    names = {"graceful_shutdown_timeout_seconds": graceful_shutdown_seconds, "--shutdown-timeout": shutdown_seconds}
    known = {name: seconds for name, seconds in names.items() if is_whole(seconds)}
    if known and is_whole(grace_seconds):
        name, longest = max(known.items(), key=lambda item: item[1])
        if grace_seconds <= longest:
            sentence = (
                f"Kubernetes kills an evicted pod after {grace_seconds} seconds, and {name} is {longest} seconds: use "
                f"more than {longest}"
            )
            yield Problem.relation(path, sentence)


def log_rule_problems(rules: Sequence[LogRule]) -> Iterator[Problem]:
    """Yield the mistakes in the log rules of a job."""
    for index, rule in enumerate(rules):
        yield from (problem.within("log_rules", index) for problem in _log_rule_problems(rule))
    yield from check_repeats(("log_rules",), [str(rule.rule_name) for rule in rules], "rule")


def _log_rule_problems(rule: LogRule) -> Iterator[Problem]:
    yield from check_text(("rule_name",), rule.rule_name, str.strip, "a name")
    groups = None
    for name in ("pattern", "stop_pattern"):
        text = getattr(rule, name)
        if text is None and name == "stop_pattern":
            continue
        yield from check_text((name,), text, _compiled, "a regular expression of Python")
        if name == "pattern" and isinstance(text, str) and (compiled := _compiled(text)):
            groups = compiled.groups
    for name in ("expected_start_seconds", "expected_every_seconds"):
        if getattr(rule, name) is not None:
            yield from check_whole_number((name,), getattr(rule, name), 1, MAX_SECONDS, unit="seconds")
    yield from _metric_problems(rule, groups)
    if rule.fault_on_match is not True and all(
        value is None for value in (rule.expected_start_seconds, rule.expected_every_seconds, rule.metric_threshold)
    ):
        allowed = "expected_start_seconds, expected_every_seconds, metric_threshold or fault_on_match"
        yield Problem(("expected_start_seconds",), None, f"{allowed}: otherwise the rule finds nothing")


def _metric_problems(rule: LogRule, groups: int | None) -> Iterator[Problem]:
    threshold, operator = rule.metric_threshold, rule.operator
    if threshold is not None:
        yield from check_whole_number(("metric_threshold",), threshold, -_LARGEST, _LARGEST)
        if operator is None:
            yield Problem(("operator",), None, f"{alternatives(_OPERATORS)}, because metric_threshold is given")
        if groups == 0:
            sentence = "the pattern has no group such as (\\d+), which is compared with metric_threshold: add a group"
            yield Problem.relation(("pattern",), sentence)
    if operator is not None and not is_token(operator) and operator not in _OPERATORS:
        yield Problem(("operator",), operator, alternatives(_OPERATORS))
    if threshold is None and (operator is not None or rule.metric_data_points is not None):
        yield Problem(("metric_threshold",), None, "a threshold, because operator or metric_data_points is given")
    if rule.metric_data_points is not None:
        yield from check_whole_number(("metric_data_points",), rule.metric_data_points, 1, _LARGEST, unit="values")


def restart_problems(restart: RestartPolicy) -> Iterator[Problem]:
    """Yield the mistakes in the restarts of a job."""
    for name in ("max_restarts", "max_full_restarts", "process_restarts"):
        yield from check_whole_number(("restart", name), getattr(restart, name), 0, _LARGEST, unit="restarts")
    yield from check_whole_number(
        ("restart", "evaluation_seconds"), restart.evaluation_seconds, 1, MAX_SECONDS, unit="seconds"
    )
    yield from check_whole_number(
        ("restart", "scale_up_snooze_seconds"), restart.scale_up_snooze_seconds, 0, MAX_SECONDS, unit="seconds"
    )


def _compiled(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error:
        return None
