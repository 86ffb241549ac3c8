"""Alarms on fan-outs."""

from collections.abc import Iterator
from operator import methodcaller

from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.monitoring.alarms import FanOutLimits
from fairlane.monitoring.alarms.actions import check_runbooks
from fairlane.monitoring.alarms.alarm_names import (
    AlarmGroup,
    planned_names,
    prefix_of,
    prefix_problems,
    taken_problems,
)
from fairlane.monitoring.alarms.alarm_problems import Notify, notify_problems
from fairlane.monitoring.alarms.composed_alarms import ComposedAlarms
from fairlane.monitoring.alarms.descriptions import RUNBOOKS
from fairlane.monitoring.monitored_fan_out import PUBLISHED_MINUTES, MonitoredFanOut


class FanOutAlarms(ComposedAlarms):
    """Alarms on a fan-out: `fan_out_stalled` and `fan_out_failures`, one for each Region of its queues.

    The alarms themselves notify nobody: one composite alarm for each severity notifies. The metrics are in the home
    Region of the fan-out. So are the alarms, in a stack that needs nothing of the fan-out but names.

    The names of alarms are `<prefix>-fan-out-<fan-out>-<stalled or failures>-<Region>-<severity>` in lower case, those
    of composite alarms `<prefix>-fan-out-<fan-out>-<severity>`.

    Updates: limits and notification targets change in place. Another prefix, Region or severity replaces the alarm; the
    history stays under the old name. Unverified: not run against an AWS account.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        fan_out: The fan-out.
        notify: SNS topics, or ARNs of other alarm actions, in the home Region: a list for all severities, or a list for
            each severity, with at most 5 targets each. The targets are also notified of the state OK. Default: none.
        limits: Limits. Default: those of `FanOutLimits`.
        runbooks: Address of the folder with the runbooks, for links in the descriptions. Default: docs/runbooks.
        name_prefix: Prefix of the names of all alarms, as in `QueueAlarms`. Default: the name of the stack.

    Attributes:
        fan_out: The fan-out.
        alarms: Alarms by path, for example `campaigns/fan-out-stalled-us-east-1-Warning`.
        arns: ARN of each alarm, by the same paths.
        composites: Composite alarms that notify, by severity.
        metric_count: Number of metrics in all alarms, which CloudWatch bills.

    Raises:
        ConfigurationError: If a limit, a target, the prefix or the fan-out is not valid, or if another alarm in the
            account and Region has the same name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        fan_out: MonitoredFanOut,
        notify: Notify = (),
        limits: FanOutLimits | None = None,
        runbooks: str = RUNBOOKS,
        name_prefix: str | None = None,
    ) -> None:
        limits, place = FanOutLimits() if limits is None else limits, Claims.regional(scope)
        problems = [*_problems(place, fan_out, notify, limits, runbooks), *prefix_problems(scope, name_prefix)]
        if not problems:
            group = AlarmGroup(
                path=fan_out.name,
                subject=f"Fan-out {fan_out.name}",
                prefix=(prefix_of(scope, name_prefix), "fan-out", fan_out.name),
                limits=list(limits.limits(PUBLISHED_MINUTES)),
                conditions=methodcaller("fan_out_conditions", fan_out),
                kind_prefix="fan_out_",
            )
            problems = list(taken_problems(place, planned_names(group)))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id, runbooks=runbooks)
        self.fan_out = fan_out
        alarms = self._create(Construct(self, fan_out.name), group)
        self._notify(alarms, notify)
        self._composites = dict(self._compose(self, group, alarms))
        self.composites = {severity: composite.alarm for severity, composite in self._composites.items()}

    @property
    def composite_count(self) -> int:
        """Number of composite alarms."""
        return sum(composite.count for composite in self._composites.values())


def _problems(
    place: Claims, fan_out: MonitoredFanOut, notify: Notify, limits: object, runbooks: object
) -> Iterator[Problem]:
    if not isinstance(fan_out, MonitoredFanOut):
        yield Problem(("fan_out",), fan_out, "MonitoredFanOut(...)")
    elif problems := list(fan_out.problems()):
        yield from (problem.within("fan_out") for problem in problems)
    elif fan_out.region != place.region and not is_token(place.region):
        sentence = f"its metrics are in {fan_out.region}: create FanOutAlarms in a stack of that Region"
        yield Problem.relation(("fan_out",), sentence)
    yield from check_runbooks(runbooks)
    yield from notify_problems(notify, place.region)
    if isinstance(limits, FanOutLimits):
        yield from (problem.within("limits") for problem in limits.problems(PUBLISHED_MINUTES))
    else:
        yield Problem(("limits",), limits, "FanOutLimits(...)")
