"""Events of Step Functions on the default event bus of the local AWS."""

import json
from datetime import datetime
from typing import Any, Final

from moto.events.models import events_backends

from fairlane_local.simulation import current_simulation

_DATA: Final = {"included": True}


def send_status(execution: Any) -> None:
    """Send the status of an execution, as Step Functions does at its start and end."""
    detail = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": _milliseconds(execution.start_date),
        "stopDate": _milliseconds(execution.stop_date),
        "input": execution.execution_input,
        "output": execution.output,
        "inputDetails": _DATA,
        "outputDetails": None if execution.output is None else _DATA,
        "error": execution.error,
        "cause": execution.cause,
    }
    timeline = current_simulation().timeline
    entry = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Resources": [execution.exec_arn],
        "Detail": json.dumps(detail),
        "Time": timeline.milliseconds // 1000,
    }
    with timeline.lock:
        events_backends[execution.account_id][execution.region_name].put_events([entry])


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
