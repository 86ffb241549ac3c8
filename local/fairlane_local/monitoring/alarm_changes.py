"""Changes of the states of alarms: history, events and actions."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from moto.cloudwatch import models
from moto.cloudwatch.models import Alarm

from fairlane_local.reactions import targets
from fairlane_local.simulation import current_simulation

_ACTIONS: Final = {
    "OK": "ok_actions",
    "ALARM": "alarm_actions",
    "INSUFFICIENT_DATA": "insufficient_data_actions",
}
_MAX_HISTORY: Final = 1_000


def install() -> None:
    """Make moto's alarms record and announce the changes of their states, at the local time."""
    models.utcnow = now  # type: ignore[attr-defined]
    Alarm.update_state = _update_state  # type: ignore[method-assign]


def now() -> datetime:
    """Return the local time in UTC without a time zone, as moto keeps times."""
    return datetime.fromtimestamp(current_simulation().timeline.milliseconds / 1000, UTC).replace(tzinfo=None)


def record(alarm: Alarm, kind: str, summary: str, data: Any = None) -> None:
    """Add an item to the history of an alarm."""
    item = {
        "AlarmName": alarm.name,
        "AlarmType": "MetricAlarm" if alarm.rule is None else "CompositeAlarm",
        "Timestamp": now(),
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps(data or {}),
    }
    alarm.history.append(item)
    del alarm.history[:-_MAX_HISTORY]


def _update_state(self: Alarm, reason: str, reason_data: str | None, state_value: str) -> None:
    old = _state(self)
    is_changed = self.state_value != state_value
    self.state_value, self.state_reason, self.state_reason_data = state_value, reason, reason_data or "{}"
    self.state_updated_timestamp = now()
    if not is_changed:
        return
    new = _state(self)
    summary = f"Alarm updated from {old['value']} to {new['value']}"
    record(self, "StateUpdate", summary, {"version": "1.0", "oldState": old, "newState": new})
    account_id, region = location(self)
    detail = {"alarmName": self.name, "state": new, "previousState": old, "configuration": _configuration(self)}
    event = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [self.alarm_arn],
        "Detail": json.dumps(detail),
    }
    targets.send(account_id, region, {"Arn": f"arn:aws:events:{region}:{account_id}:event-bus/default"}, event)
    for arn in getattr(self, _ACTIONS[state_value]) if self.actions_enabled else ():
        record(self, "Action", f"Successfully executed action {arn}", {"actionState": "Succeeded"})
        if ":lambda:" in arn:
            targets.send(account_id, region, {"Arn": arn}, _function_event(self, detail))
        else:
            subject = f'{state_value}: "{self.name}" in {region}'[:100]
            targets.send(account_id, region, {"Arn": arn, "Subject": subject}, _message(self, old["value"]))


def location(alarm: Alarm) -> tuple[str, str]:
    """Return the account and Region of an alarm."""
    _, _, _, region, account_id, *_ = alarm.alarm_arn.split(":")
    return account_id, region


def _state(alarm: Alarm) -> dict[str, str]:
    return {
        "value": alarm.state_value,
        "reason": alarm.state_reason,
        "reasonData": alarm.state_reason_data,
        "timestamp": f"{alarm.state_updated_timestamp.isoformat(timespec='milliseconds')}+0000",
    }


def _configuration(alarm: Alarm) -> dict[str, Any]:
    if alarm.rule is not None:
        return {"alarmRule": alarm.rule, "description": alarm.description}
    queries: list[dict[str, Any]] = []
    for query in alarm.metric_data_queries:
        item: dict[str, Any] = {"id": query.id, "returnData": query.return_data not in (False, "false")}
        if query.metric_stat:
            item["metricStat"] = {
                "metric": _metric(query.metric_stat.metric),
                "period": query.metric_stat.period,
                "stat": query.metric_stat.stat,
            }
        else:
            item["expression"] = query.expression
        queries.append(item)
    stat = {"metric": _metric(alarm), "period": alarm.period, "stat": alarm.statistic or alarm.extended_statistic}
    metrics = queries or [{"id": "m1", "returnData": True, "metricStat": stat}]
    return {"description": alarm.description, "metrics": metrics}


def _metric(metric: Any) -> dict[str, Any]:
    dimensions = {dimension.name: dimension.value for dimension in metric.dimensions}
    return {"namespace": metric.namespace, "name": metric.metric_name, "dimensions": dimensions}


def _function_event(alarm: Alarm, detail: dict[str, Any]) -> dict[str, Any]:
    account_id, region = location(alarm)
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.alarm_arn,
        "accountId": account_id,
        "time": detail["state"]["timestamp"],
        "region": region,
        "alarmData": detail,
    }


def _message(alarm: Alarm, old_state: str) -> dict[str, Any]:
    """Return the message of an alarm to a topic."""
    account_id, region = location(alarm)
    trigger: dict[str, Any] = {}
    if alarm.rule is None:
        trigger = {
            "Period": alarm.period,
            "EvaluationPeriods": alarm.evaluation_periods,
            "DatapointsToAlarm": alarm.datapoints_to_alarm,
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": alarm.threshold,
            "TreatMissingData": alarm.treat_missing_data or "missing",
            "Metrics": _configuration(alarm)["metrics"],
        }
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account_id,
        "AlarmConfigurationUpdatedTimestamp": f"{alarm.configuration_updated_timestamp.isoformat()}+0000",
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _state(alarm)["timestamp"],
        "Region": region,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": old_state,
        **({"Trigger": trigger} if trigger else {"AlarmRule": alarm.rule}),
    }
