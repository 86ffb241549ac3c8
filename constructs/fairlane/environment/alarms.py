"""Environment-file settings of `alarms`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Tag

from fairlane._internal.checks import check_text, is_region
from fairlane.environment.base import branch
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.actions import (
    ARNS,
    MOST_ACTIONS,
    check_action,
    check_notify,
    check_runbooks,
    is_action,
)
from fairlane.monitoring.alarms.alarm_limits import (
    AlarmLimits,
    ExporterLimits,
    FanOutLimits,
    HyperPodLimits,
    severities,
)
from fairlane.monitoring.alarms.subscriptions import is_endpoint
from fairlane.monitoring.monitored_fan_out import PUBLISHED_MINUTES

NotifyField = Annotated[
    Annotated[list[str], Tag("<list>")] | Annotated[dict[str, list[str]], Tag("<mapping>")],
    branch("<mapping>", otherwise="<list>"),
]

_ALLOWED: Final = f"an email address, an https:// URL, or {ARNS}"


@dataclass(frozen=True, kw_only=True)
class AlarmSettings(AlarmLimits, ExporterLimits, FanOutLimits, HyperPodLimits):
    """Alarms on the queues and HyperPod clusters of a Region, on the exporter, and on fan-outs whose home it is.

    A severity of a kind that is not listed keeps its default limit. `null` removes the alarms of a severity, and `{}`
    those of a kind.

    Args:
        enabled: `false` creates no alarms. Default: true.
        notify: Targets of notifications: email addresses, https:// URLs, and ARNs of existing SNS topics, Lambda
            functions, Incident Manager response plans, OpsItems and investigations. A list for all severities, or a
            mapping of each severity to a list. An alarm has at most 5 targets; all addresses together count as one.
            Default: none.
        runbooks: URL or path of the folder with the runbooks that alarms and dashboards link to, at most 500
            characters without spaces. Default: docs/runbooks.
    """

    enabled: bool = True
    notify: NotifyField = field(default_factory=list)
    runbooks: str = "docs/runbooks"

    @property
    def queue_limits(self) -> AlarmLimits:
        """Limits of the queues that have no limits of their own."""
        return AlarmLimits.from_settings(self)

    @property
    def exporter_limits(self) -> ExporterLimits:
        """Limits of the exporter."""
        return ExporterLimits.from_settings(self)

    @property
    def fan_out_limits(self) -> FanOutLimits:
        """Limits of the fan-outs."""
        return FanOutLimits.from_settings(self)

    @property
    def hyperpod_limits(self) -> HyperPodLimits:
        """Limits of the HyperPod clusters."""
        return HyperPodLimits.from_settings(self)

    def targets(self, all_severities: list[str]) -> dict[str, list[str]]:
        """Return the targets of notifications by severity.

        Args:
            all_severities: Severities that get the targets of a list.
        """
        return self.notify if isinstance(self.notify, dict) else dict.fromkeys(all_severities, self.notify)

    def regional_problems(
        self, region: str, interval_minutes: int, queues: Mapping[str, AlarmLimits]
    ) -> Iterator[Problem]:
        """Yield the problems of the settings in a Region.

        Args:
            region: Region of the alarms.
            interval_minutes: Number of minutes between two polls of the queues.
            queues: Limits of single queues, by the name of the queue.
        """
        common, others = self.queue_limits, (self.exporter_limits, self.fan_out_limits, self.hyperpod_limits)
        yield from common.problems(interval_minutes)
        yield from self.exporter_limits.problems(interval_minutes)
        yield from self.fan_out_limits.problems(PUBLISHED_MINUTES)
        yield from self.hyperpod_limits.problems(1)
        yield from check_runbooks(self.runbooks)
        queue_limits = [limits.with_fallback(common) for limits in queues.values()]
        if isinstance(self.notify, dict):
            yield from check_notify(self.notify, severities(common, *queue_limits, *others))
        lists: dict[Path, list[str]] = (
            {("notify", severity): targets for severity, targets in self.notify.items()}
            if isinstance(self.notify, dict)
            else {("notify",): self.notify}
        )
        for path, targets in lists.items():
            for index, target in enumerate(targets):
                yield from check_text((*path, index), target, _is_target, _ALLOWED)
                if is_action(target) and is_region(region):
                    yield from check_action((*path, index), target, region)
            count = len({target if is_action(target) else "" for target in targets})
            if count > MOST_ACTIONS:
                sentence = (
                    f"an alarm has at most {MOST_ACTIONS} targets, all addresses together count as one: remove "
                    f"{count - MOST_ACTIONS} of {count}"
                )
                yield Problem.relation(path, sentence)


def _is_target(target: str) -> bool:
    return is_action(target) or is_endpoint(target)
