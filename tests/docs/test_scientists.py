"""The guide for scientists: requests that boto3 accepts, and payloads that SageMaker's model accepts."""

import json
import re
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "for-scientists.md").read_text()
SUBMIT, *OTHERS = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
SNIPPETS = [code for code in OTHERS if code.startswith("training_job")]


def mistakes(service: str, operation: str, parameters: dict[str, Any]) -> str:
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    return str(ParamValidator().validate(parameters, model.input_shape).generate_report())


class Batch:
    """Client that checks each request against the API model instead of sending it."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def submit_service_job(self, **request: Any) -> dict[str, str]:
        assert mistakes("batch", "SubmitServiceJob", request) == ""
        self.requests.append(request)
        return {"jobId": "11111111-2222-3333-4444-555555555555"}


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Batch:
    client = Batch()
    monkeypatch.setattr(boto3, "client", lambda service, **settings: client)
    return client


def payload(request: dict[str, Any]) -> dict[str, Any]:
    body = json.loads(request["serviceRequestPayload"])
    assert len(request["serviceRequestPayload"]) <= 10 * 1024
    assert mistakes("sagemaker", "CreateTrainingJob", body | {"TrainingJobName": "named-by-batch"}) == ""
    return dict(body)


def test_the_request_is_complete(batch: Batch) -> None:
    exec(SUBMIT, {})
    (request,) = batch.requests
    assert payload(request)["ResourceConfig"]["InstanceType"] == "ml.g6.12xlarge"


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_each_change_of_the_payload_is_one_that_sagemaker_knows(batch: Batch, snippet: str) -> None:
    exec(SUBMIT.replace("batch = boto3", f"{snippet}\nbatch = boto3"), {})
    assert payload(batch.requests[0])["ResourceConfig"]["InstanceType" if "Plan" in snippet else "InstancePreferences"]


def test_preemption_can_be_limited(batch: Batch) -> None:
    assert "preemptionConfiguration={" in PAGE
    exec(
        SUBMIT.replace(
            "batch.submit_service_job(",
            'batch.submit_service_job(preemptionConfiguration={"preemptionRetriesBeforeTermination": 3},',
        ),
        {},
    )
    assert batch.requests[0]["preemptionConfiguration"]
