"""Environment-file settings of `alarms`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Tag

from fairlane._internal.checks import check_text, is_region
from fairlane.environment.base import branch
from fairlane.errors import Path, Problem
from fairlane.monitoring.alarms.actions import MOST_ACTIONS, check_action, check_notify, check_runbooks
from fairlane.monitoring.alarms.alarm_limits import AlarmLimits, ExporterLimits, severities
from fairlane.monitoring.alarms.subscriptions import is_endpoint

NotifyField = Annotated[
    Annotated[list[str], Tag("<list>")] | Annotated[dict[str, list[str]], Tag("<mapping>")],
    branch("<mapping>", otherwise="<list>"),
]

_TOPIC: Final = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, kw_only=True)
class AlarmSettings(AlarmLimits, ExporterLimits):
    """Alarms on all queues of a Region, and on the exporter of their metrics.

    Args:
        enabled: Creates alarms if true.
        notify: Email or https:// addresses, or ARNs of existing SNS topics; a list for all severities, or one for each.
        runbooks: Address of the folder with the runbooks, which alarms and dashboards link to.
    """

    enabled: bool = True
    notify: NotifyField = field(default_factory=list)
    runbooks: str = "docs/runbooks"

    @property
    def queue_limits(self) -> AlarmLimits:
        """Return the limits of queues that have none of their own."""
        return AlarmLimits.among(self)

    @property
    def exporter_limits(self) -> ExporterLimits:
        """Return the limits of the exporter."""
        return ExporterLimits.among(self)

    def targets(self, known: list[str]) -> dict[str, list[str]]:
        """Who hears of what, by severity.

        Args:
            known: all severities.
        """
        return self.notify if isinstance(self.notify, dict) else dict.fromkeys(known, self.notify)

    def regional_problems(
        self, region: str, interval_minutes: int, queues: Mapping[str, AlarmLimits]
    ) -> Iterator[Problem]:
        """Yields every mistake.

        Args:
            region: where the alarms are.
            interval_minutes: how often queues are polled.
            queues: the limits of single queues, by their names.
        """
        common, of_exporter = self.queue_limits, self.exporter_limits
        yield from common.problems(interval_minutes)
        yield from of_exporter.problems(interval_minutes)
        yield from check_runbooks(self.runbooks)
        special = [one.over(common) for one in queues.values()]
        if isinstance(self.notify, dict):
            yield from check_notify(self.notify, severities(common, *special, of_exporter))
        lists: dict[Path, list[str]] = (
            {("notify", severity): some for severity, some in self.notify.items()}
            if isinstance(self.notify, dict)
            else {("notify",): self.notify}
        )
        for where, targets in lists.items():
            allowed = "an address of email or https://, or the ARN of a topic of SNS"
            for index, target in enumerate(targets):
                yield from check_text((*where, index), target, _is_target, allowed)
                if is_topic(target) and is_region(region):
                    yield from check_action((*where, index), target, region)
            if len({target for target in targets if is_topic(target)}) >= MOST_ACTIONS:
                yield Problem(where, f"{len(targets)} targets", f"fewer than {MOST_ACTIONS} topics of your own")


def is_topic(target: str) -> bool:
    """Tells whether a target is the ARN of a topic."""
    return _TOPIC.fullmatch(target) is not None


def _is_target(target: str) -> bool:
    return is_topic(target) or is_endpoint(target)
