"""Problems of the arguments of `HyperPodMonitoring`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from constructs import Construct

from fairlane._internal.checks import check_list, check_text
from fairlane._internal.claims import Claims
from fairlane._internal.log_encryption import log_key_problems
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem
from fairlane.hyperpod.monitoring.event_log import log_group_name
from fairlane.hyperpod.monitoring.prometheus import label_problems, workspace_problems
from fairlane.hyperpod.quota_table import QuotaRow
from fairlane.monitoring.alarms import HyperPodLimits
from fairlane.monitoring.alarms.actions import check_notify, check_runbooks
from fairlane.monitoring.alarms.alarm_limits import severities
from fairlane.monitoring.alarms.alarm_names import prefix_problems
from fairlane.monitoring.alarms.alarm_problems import notify_problems

DASHBOARD: Final = "dashboard"
LOG_GROUP: Final = "log group"

_NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_DASHBOARD_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_NAMESPACE: Final = re.compile(r"(?!AWS/)[A-Za-z0-9_./#-]{1,255}")


def monitoring_problems(
    scope: Construct,
    *,
    cluster_name: object,
    instance_groups: object,
    notify: Any,
    limits: object,
    quotas: object,
    prometheus_workspace: object,
    prometheus_labels: object,
    dashboard_name: object,
    namespace: object,
    log_encryption_key: Any,
    runbooks: object,
    name_prefix: object,
) -> Iterator[Problem]:
    """Yield all problems of the arguments of `HyperPodMonitoring`."""
    home = Claims.regional(scope)
    name_problems = list(_name(("cluster_name",), cluster_name, "the name of a HyperPod cluster"))
    yield from name_problems
    if not name_problems:
        yield from home.name_problems(LOG_GROUP, "cluster_name", log_group_name(str(cluster_name)))
    yield from _group_problems(instance_groups)
    yield from check_list(("quotas",), quotas, QuotaRow, "QuotaRow")
    yield from notify_problems(notify, home.region)
    if not isinstance(limits, HyperPodLimits):
        yield Problem(("limits",), limits, "HyperPodLimits(...)")
    elif problems := list(limits.problems(1)):
        yield from (problem.within("limits") for problem in problems)
    elif isinstance(notify, Mapping):
        yield from check_notify(notify, severities(limits))
    if prometheus_workspace is not None:
        region = None if is_token(home.region) else home.region
        yield from workspace_problems(prometheus_workspace, region)
    yield from label_problems(prometheus_labels)
    if dashboard_name is not None:
        allowed = "1 to 255 characters of A-Z, a-z, 0-9, - and _"
        yield from check_text(("dashboard_name",), dashboard_name, _DASHBOARD_NAME.fullmatch, allowed)
        yield from Claims.account_wide(scope).name_problems(DASHBOARD, "dashboard_name", str(dashboard_name))
    if namespace is not None:
        allowed = "1 to 255 characters of A-Z, a-z, 0-9 and _./#-, not in AWS/"
        yield from check_text(("namespace",), namespace, _NAMESPACE.fullmatch, allowed)
    yield from log_key_problems(scope, log_encryption_key)
    yield from check_runbooks(runbooks)
    yield from prefix_problems(scope, name_prefix)


def _group_problems(groups: object) -> Iterator[Problem]:
    field = ("instance_groups",)
    yield from (problems := list(check_list(field, groups, str, "names of instance groups")))
    if problems:
        return
    assert isinstance(groups, Sequence)
    if not groups:
        yield Problem.relation(field, "the list is empty: give the names of the instance groups")
    for index, group in enumerate(groups):
        yield from _name((*field, index), group, "the name of an instance group")
        if group in groups[:index]:
            yield Problem.relation((*field, index), f"instance group {group} is given twice: remove one")


def _name(field: Path, name: object, thing: str) -> Iterator[Problem]:
    """Yield a name that does not fit. A token does not: names are part of rules, log groups and construct ids."""
    if is_token(name) or not isinstance(name, str) or not _NAME.fullmatch(name):
        yield Problem(field, name, f"{thing}, known at synth: 1 to 63 characters of A-Z, a-z, 0-9 and -")
