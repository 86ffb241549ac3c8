"""Lambda function of a custom resource: replication rules in a registry that others also change."""

import random
import sys
import time
from collections.abc import Mapping, Sequence, Set
from functools import cache
from typing import Any, Final

from fairlane_lambda.custom_resource import failure_reason, send_response
from fairlane_lambda.registry_rules.registry import Registry, is_transient
from fairlane_lambda.registry_rules.rules import (
    RegistryRulesError,
    Rule,
    check_limits,
    merge_rules,
    read_rules,
    rule_mark,
)

_WRITES: Final = 5
_SETTLE_SECONDS: Final = 8  # longer than a read and a write together
_LATE_MS: Final = 40_000  # a write, the wait after it, and the response with all its tries


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Put the rules of a resource into the registry, and send the result to CloudFormation.

    The properties of the resource are `Owner`, a string that does not change, and `Rules`. Each rule has `destinations`
    (`region`, `registryId`) and at least one of `repositoryFilters` (`filter`, `filterType`). The physical id is the
    mark of the rules, which separates them from the rules of others. So a repeated request has the same result, also
    after other requests.

    ECR replaces all rules of a registry at once, without a condition. Therefore the function reads the registry again
    after a wait in which all writers that read before its write have written, and writes again if its rules are
    missing. So resources of this type never lose rules to each other. A change that another program makes between the
    read and the write of this function, usually a tenth of a second, is lost without an error. Unverified: none of this
    was run against an AWS account.

    Args:
        event: Request of CloudFormation.
        context: Context of the invocation.

    Raises:
        RuntimeError: If CloudFormation does not accept the response.
    """
    mark = _mark(event, event.get("ResourceProperties"))
    failure = None
    try:
        _apply(event, mark, context)
    except RegistryRulesError as error:
        failure = str(error)
    except Exception as error:  # without a response, CloudFormation waits for an hour
        failure = failure_reason(error)
    if failure:
        print(f"{event.get('RequestType')} of {mark} failed: {failure}", file=sys.stderr)
    # A resource whose replacement failed keeps its physical id.
    is_same = failure or event.get("RequestType") == "Delete"
    send_response(event, str(event.get("PhysicalResourceId") or mark) if is_same else mark, failure)


def _mark(event: Mapping[str, Any], properties: object) -> str:
    owner = properties.get("Owner") if isinstance(properties, dict) else None
    return rule_mark(event.get("StackId"), event.get("LogicalResourceId"), owner)


def _apply(event: Mapping[str, Any], mark: str, context: Any) -> None:
    if event["RequestType"] == "Delete":
        _settle([], {mark}, context)
        return
    properties = event["ResourceProperties"]
    if not isinstance(properties.get("Owner"), str) or not properties["Owner"]:
        raise RegistryRulesError(f"Owner must be a string, got {properties.get('Owner')!r}")
    rules = read_rules(properties.get("Rules"), mark)
    # A new owner replaces the resource. Its old rules are removed in the same write, so that rules never count twice.
    old_marks = [_mark(event, event["OldResourceProperties"])] if event["RequestType"] == "Update" else []
    _settle(rules, {mark, *old_marks}, context)


def _settle(resource_rules: Sequence[Rule], marks: Set[str], context: Any) -> None:
    """Write the registry until a read returns exactly the rules of the resource."""
    for writes_left in range(_WRITES, -1, -1):
        is_last = not writes_left or context.get_remaining_time_in_millis() < _LATE_MS
        try:
            configuration = _registry().read()
            rules = configuration.get("rules") or []
            new_rules = merge_rules(rules, resource_rules, marks)
            if new_rules == rules:
                return
            if resource_rules:
                check_limits(new_rules, len(resource_rules))
            if is_last:
                break
            _registry().write({**configuration, "rules": new_rules})
        except Exception as error:
            if is_last or not is_transient(error):
                raise
        _sleep(_SETTLE_SECONDS + random.uniform(0, _SETTLE_SECONDS / 2))
    raise RegistryRulesError(
        "the registry does not have the rules of this resource: another program changes its replication "
        "configuration at the same time, or too little time was left; deploy again"
    )


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


@cache
def _registry() -> Registry:
    return Registry()
