"""The Lambda function of a CloudFormation custom resource: replication rules in a registry that others write, too."""

import random
import sys
import time
from collections.abc import Mapping, Sequence, Set
from functools import cache
from typing import Any, Final

from fairlane_lambda.registry_rules._answer import answer
from fairlane_lambda.registry_rules._registry import Registry, is_passing, reason_of
from fairlane_lambda.registry_rules._rules import Refused, Rule, check_limits, mark_of, place, read_rules

_WRITES: Final = 5
_SETTLE_SECONDS: Final = 8  # more than a reading and a writing can take together
_LATE_MS: Final = 40_000  # a writing and its settling, and the answer with all its tries


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Makes the registry have the rules of a resource, and answers to CloudFormation.

    Its properties are `Owner`, a text that stays, and `Rules`, each with `destinations` (`region`, `registryId`) and at
    least one of `repositoryFilters` (`filter`, `filterType`). Its physical id is the mark of its rules, which tells
    them from those of others: a request has the same result however often it comes, and whatever came before.

    ECR writes all rules of a registry at once, on no condition. So a writing is looked at again after a time in which
    everybody who had read before it has written, and is repeated if it was lost: resources of this kind never lose
    rules to each other. What somebody else writes between a reading and the writing, a tenth of a second as a rule, is
    lost, and nothing tells. None of this was run against an AWS account.

    Args:
        event: the request of CloudFormation.
        context: of the invocation.

    Raises:
        RuntimeError: CloudFormation did not take the answer.
    """
    mark = _mark(event, event.get("ResourceProperties"))
    failure = None
    try:
        _apply(event, mark, context)
    except Refused as error:
        failure = str(error)
    except Exception as error:  # without an answer CloudFormation would wait for an hour
        failure = reason_of(error)
    if failure:
        print(f"{event.get('RequestType')} of {mark} failed: {failure}", file=sys.stderr)
    # A resource that could not be replaced is still the one that it was.
    is_as_before = failure or event.get("RequestType") == "Delete"
    answer(event, str(event.get("PhysicalResourceId") or mark) if is_as_before else mark, failure)


def _mark(event: Mapping[str, Any], properties: object) -> str:
    owner = properties.get("Owner") if isinstance(properties, dict) else None
    return mark_of(event.get("StackId"), event.get("LogicalResourceId"), owner)


def _apply(event: Mapping[str, Any], mark: str, context: Any) -> None:
    if event["RequestType"] == "Delete":
        _settle([], {mark}, context)
        return
    properties = event["ResourceProperties"]
    if not isinstance(properties.get("Owner"), str) or not properties["Owner"]:
        raise Refused(f"Owner must be a text, got {properties.get('Owner')!r}")
    mine = read_rules(properties.get("Rules"), mark)
    # With another owner the resource is replaced: its rules change hands at once, and never count twice.
    before = [_mark(event, event["OldResourceProperties"])] if event["RequestType"] == "Update" else []
    _settle(mine, {mark, *before}, context)


def _settle(mine: Sequence[Rule], marks: Set[str], context: Any) -> None:
    """Writes until the registry is read with the rules of the resource in place."""
    for writes_left in range(_WRITES, -1, -1):
        is_last = not writes_left or context.get_remaining_time_in_millis() < _LATE_MS
        try:
            configuration = _registry().read()
            rules = configuration.get("rules") or []
            wanted = place(rules, mine, marks)
            if wanted == rules:
                return
            if mine:
                check_limits(wanted, len(mine))
            if is_last:
                break
            _registry().write({**configuration, "rules": wanted})
        except Exception as error:
            if is_last or not is_passing(error):
                raise
        _sleep(_SETTLE_SECONDS + random.uniform(0, _SETTLE_SECONDS / 2))
    raise Refused(
        "the rules did not stay in the registry as they were written: somebody else writes its replication "
        "configuration at the same time, or too little time was left"
    )


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


@cache
def _registry() -> Registry:
    return Registry()
