"""Functions of tests, and what they wrote."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from fairlane_local import LocalAws, client
from fairlane_local.clock import Clock

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
MIDNIGHT: Final = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
"""Start of the clock: a Monday."""
PRINT: Final = """
import json
def handler(event, context):
    print("event", json.dumps(event, sort_keys=True))
"""


def manual_aws(start: int = MIDNIGHT) -> LocalAws:
    """Return a local AWS with a manual clock that starts at a time."""
    clock = Clock(None)
    clock.start = start
    return LocalAws(clock=clock)


def service(aws: LocalAws, name: str, region: str = REGION) -> Any:
    """Return a client."""
    return client(name, aws.port, ACCOUNT, region)


def deploy_function(aws: LocalAws, code: str = PRINT, name: str = "f", **settings: Any) -> str:
    """Deploy a function with one file, and return its ARN."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", code)
    iam = service(aws, "iam")
    if not any(role["RoleName"] == "r" for role in iam.list_roles()["Roles"]):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    defaults: dict[str, Any] = {"Runtime": "python3.14", "Handler": "index.handler", "Timeout": 60}
    request = defaults | {"Code": {"ZipFile": package.getvalue()}, "Role": f"arn:aws:iam::{ACCOUNT}:role/r"} | settings
    created = service(aws, "lambda").create_function(FunctionName=name, **request)
    return str(created["FunctionArn"])


def log_lines(aws: LocalAws, group: str = "/aws/lambda/f") -> list[str]:
    """Return the lines of a log group, without those of Lambda itself, in the order of time."""
    logs = service(aws, "logs")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    events = logs.filter_log_events(logGroupName=group)["events"]
    lines = [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]
    return [line for line in lines if not line.startswith(("START ", "END ", "REPORT "))]


def events(aws: LocalAws, group: str = "/aws/lambda/f") -> Iterator[Any]:
    """Yield the events that a function printed."""
    for line in log_lines(aws, group):
        if line.startswith("event "):
            yield json.loads(line.removeprefix("event "))


def new_queue(aws: LocalAws, name: str, **attributes: str) -> tuple[str, str]:
    """Create a queue, and return its URL and its ARN."""
    url = service(aws, "sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return str(url), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def received(aws: LocalAws, url: str) -> list[Any]:
    """Return the bodies of the messages of a queue."""
    request = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0, "VisibilityTimeout": 0}
    messages = service(aws, "sqs").receive_message(**request).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def put_rule(aws: LocalAws, *targets: str, region: str = REGION, **settings: Any) -> None:
    """Create a rule for events of the source `us`, or with other settings."""
    bus = service(aws, "events", region)
    bus.put_rule(Name="rule", **(settings or {"EventPattern": json.dumps({"source": ["us"]})}))
    bus.put_targets(Rule="rule", Targets=[{"Id": str(number), "Arn": arn} for number, arn in enumerate(targets)])


def put_event(aws: LocalAws, region: str = REGION, **detail: Any) -> None:
    """Send an event of the source `us`."""
    entry = {"Source": "us", "DetailType": "kind", "Detail": json.dumps(detail), "Resources": ["arn:own"]}
    assert service(aws, "events", region).put_events(Entries=[entry])["FailedEntryCount"] == 0
