"""The submissions of the documentation and of the tests have no mistakes."""

import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from ruamel.yaml import YAML

from fairlane_client.checks import check
from fairlane_client.queues.queue import Queue, queue_of_environment
from tests.support import REPOSITORY

EXAMPLE = REPOSITORY / "environments" / "example.yaml"
ROLE = "arn:aws:iam::123456789012:role/training"


def _page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text()


SUBMIT, *OTHERS = re.findall(r"```py\n(.*?)```", _page("for-scientists.md"), re.DOTALL)
SNIPPETS = ["", *(code for code in OTHERS if code.startswith("training_job"))]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_requests_of_the_page_for_scientists(monkeypatch: pytest.MonkeyPatch, snippet: str) -> None:
    requests: list[dict[str, Any]] = []

    class Batch:
        def submit_service_job(self, **request: Any) -> dict[str, str]:
            requests.append(request)
            return {"jobId": "1"}

    monkeypatch.setattr(boto3, "client", lambda service, **settings: Batch())
    exec(SUBMIT.replace("batch = boto3", f"{snippet}\nbatch = boto3"), {})
    assert check(requests[0], queue_of_environment(EXAMPLE, "training-g6")) == ()


def test_the_request_of_the_first_week(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (code,) = [
        code for code in re.findall(r"```py\n(.*?)```", _page("first-week.md"), re.DOTALL) if '"RoleArn"' in code
    ]
    requests: list[dict[str, Any]] = []

    class Batch:
        def submit_service_job(self, **request: Any) -> dict[str, Any]:
            requests.append(request)
            return request

    outputs = (
        f'{{"fairlane-dev-training": {{"trainingExecutionRoleArn": "{ROLE}", "trainingQueueName": "training-g6"}}}}'
    )
    (tmp_path / "outputs.json").write_text(outputs)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(boto3, "client", lambda service: Batch())
    exec(code, {})
    assert check({**requests[0], "shareIdentifier": "MIDPRI"}, queue_of_environment(EXAMPLE, "training-g6")) == ()


def test_the_payload_of_a_sweep() -> None:
    (text,) = re.findall(r"```yml\n(id: vit-lr.*?)```", _page("sweeps.md"), re.DOTALL)
    sweep = YAML(typ="safe").load(text)
    warnings = check(sweep["payload"], queue_of_environment(EXAMPLE, sweep["queue"]), share=sweep["quota_share"])
    assert [warning.id for warning in warnings] == ["no-checkpoint"]


def test_the_payload_of_a_schedule(all_queues: dict[str, Queue]) -> None:
    (text,) = re.findall(r"```yaml\n(.*?payload:.*?)```", _page("schedules.md"), re.DOTALL)
    schedules = YAML(typ="safe").load(text)["schedules"]
    payload = schedules["nightly"]["payload"]
    assert check({"RoleArn": ROLE, **payload}, all_queues["fair"], share="a") == ()
