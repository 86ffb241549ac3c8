"""Backfills, which start once for each destination after a request, and which the gate waits for."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from fairlane_lambda.replication_gate import handler
from fairlane_lambda.replication_gate.backfills import BackfillError
from fairlane_lambda.replication_gate.handler import is_complete, on_event
from tests.fairlane_lambda.replication_gate.gate import ACCOUNT, Record, ecr, expect_status_call, status
from tests.fairlane_lambda.replication_gate.test_waiting import PROPERTIES, request, waiting

MODEL = botocore.session.get_session().get_service_model("ecr")
ACTIVE = {"PREPARING", "IN_PROGRESS", "STOPPING"}


class FakeEcr:
    """Fake ECR with backfills. botocore's model checks requests and responses."""

    def __init__(self, page: int = 50) -> None:
        self.backfills: list[Record] = []
        self.started: list[str] = []
        self._page = page

    def begin(self, region: str, state: str = "PREPARING", registry: str = ACCOUNT, **fields: Any) -> Record:
        number = len(self.backfills)
        backfill = {
            "replicationBackfillId": f"00000000-0000-0000-0000-{number:012d}",
            "destination": {"region": region, "registryId": registry},
            "status": state,
            "startedAt": datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number),
        } | fields
        self.backfills.append(backfill)
        return backfill

    def list_replication_backfills(self, **request: Any) -> Record:
        self._check("ListReplicationBackfills", request)
        start = int(request.get("nextToken", 0))
        page = self.backfills[::-1][start : start + self._page]
        more = {"nextToken": str(start + self._page)} if start + self._page < len(self.backfills) else {}
        return self._check("ListReplicationBackfills", request, {"registryId": ACCOUNT, "backfills": page} | more)

    def start_replication_backfill(self, **request: Any) -> Record:
        self._check("StartReplicationBackfill", request)
        region = request["destination"]["region"]
        active = [item["destination"]["region"] for item in self.backfills if item["status"] in ACTIVE]
        if region in active:
            raise self._error("ReplicationBackfillInProgressException")
        if len(active) >= 10:
            raise self._error("LimitExceededException")
        self.started.append(region)
        return self._check(
            "StartReplicationBackfill", request, self.begin(region, registry=request["destination"]["registryId"])
        )

    def _check(self, operation: str, request: Record, response: Record | None = None) -> Record:
        model = MODEL.operation_model(operation)
        validate_parameters(request, model.input_shape)
        if response is not None:
            validate_parameters(response, model.output_shape)
        return response or {}

    def _error(self, code: str) -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": ""}}, "StartReplicationBackfill")


def destination(region: str, registry: str = ACCOUNT) -> Record:
    return {"region": region, "registryId": registry}


def backfill(*regions: str) -> Record:
    return {"Backfill": [destination(region) for region in regions]}


class Gate:
    """Custom resource in the CDK's provider, which passes events as JSON."""

    def __init__(self, ecr: Any, event: Record) -> None:
        self.ecr = ecr
        with patch.object(handler, "_ecr", lambda: ecr):
            self.event = json.loads(json.dumps(waiting(event)))

    def is_complete(self) -> bool:
        with patch.object(handler, "_ecr", lambda: self.ecr):
            return is_complete(self.event, None)["IsComplete"]


def test_each_destination_gets_one_backfill() -> None:
    ecr = FakeEcr()
    gate = Gate(ecr, request(properties=backfill("eu-west-1", "us-west-2")))
    assert [gate.is_complete() for _ in range(3)] == [False, False, False]
    assert ecr.started == ["eu-west-1", "us-west-2"]
    ecr.backfills[0]["status"] = "COMPLETE"
    assert gate.is_complete() is False
    ecr.backfills[1]["status"] = "COMPLETE"
    assert gate.is_complete() is True
    assert len(ecr.backfills) == 2


def test_an_ended_backfill_from_before_the_request_does_not_count() -> None:
    ecr = FakeEcr()
    ecr.begin("eu-west-1", "COMPLETE")
    ecr.begin("us-west-2", "FAILED")
    gate = Gate(ecr, request(properties=backfill("eu-west-1", "us-west-2")))
    assert gate.is_complete() is False
    assert ecr.started == ["eu-west-1", "us-west-2"]


@pytest.mark.parametrize("ends", ["COMPLETE", "FAILED", "STOPPED"])
def test_a_backfill_active_at_the_request_is_repeated_after_its_end(ends: str) -> None:
    """A backfill replicates by the rules at its own start."""
    ecr = FakeEcr()
    other = ecr.begin("eu-west-1", "IN_PROGRESS")
    gate = Gate(ecr, request(properties=backfill("eu-west-1")))
    assert gate.is_complete() is False
    assert ecr.started == []
    other["status"] = ends
    assert gate.is_complete() is False
    assert ecr.started == ["eu-west-1"]
    ecr.backfills[-1]["status"] = "COMPLETE"
    assert gate.is_complete() is True


def test_a_backfill_started_by_another_program_after_the_request_counts() -> None:
    ecr = FakeEcr()
    gate = Gate(ecr, request(properties=backfill("eu-west-1")))
    ecr.begin("eu-west-1", "COMPLETE")
    assert gate.is_complete() is True
    assert ecr.started == []


@pytest.mark.parametrize(
    ("state", "code", "progress", "result"),
    [
        ("FAILED", "TooManyFailures", None, "FAILED, 0 replications failed: TooManyFailures"),
        ("FAILED", "b", (100, 50, 50, ["c", "a"]), "FAILED, 50 replications failed: a, b, c"),
        ("STOPPED", None, None, "STOPPED, 0 replications failed: no failure code"),
    ],
)
def test_a_failed_backfill_fails_the_deployment(state: str, code: str | None, progress: Any, result: str) -> None:
    ecr = FakeEcr()
    gate = Gate(ecr, request(properties=backfill("eu-west-1")))
    gate.is_complete()
    ecr.backfills[0] |= {"status": state} | ({"failureCode": code} if code else {})
    if progress:
        ecr.backfills[0]["progress"] = count(*progress)
    with pytest.raises(BackfillError, match=rf"^backfill 0[0-9-]+ of eu-west-1 is {result}$"):
        gate.is_complete()


def test_the_log_has_the_failures_of_a_complete_backfill(capsys: pytest.CaptureFixture[str]) -> None:
    ecr = FakeEcr()
    gate = Gate(ecr, request(properties=backfill("eu-west-1")))
    ecr.begin("eu-west-1", "COMPLETE", progress=count(100, 97, 3, ["ImageTooOld"]))
    assert gate.is_complete() is True
    assert "of eu-west-1 is COMPLETE, 3 replications failed: ImageTooOld" in capsys.readouterr().err


def test_the_log_is_empty_without_failures(capsys: pytest.CaptureFixture[str]) -> None:
    ecr = FakeEcr()
    gate = Gate(ecr, request(properties=backfill("eu-west-1")))
    ecr.begin("eu-west-1", "COMPLETE", progress=count(100, 100, 0, []))
    assert gate.is_complete() is True
    assert capsys.readouterr().err == ""


def test_backfills_over_the_limit_of_a_registry_start_later() -> None:
    ecr = FakeEcr()
    for number in range(9):
        ecr.begin(f"ap-south-{number}", "IN_PROGRESS")
    gate = Gate(ecr, request(properties=backfill("eu-west-1", "us-west-2")))
    gate.is_complete()
    assert ecr.started == ["eu-west-1"]
    ecr.backfills[-1]["status"] = "COMPLETE"
    gate.is_complete()
    assert ecr.started == ["eu-west-1", "us-west-2"]


def test_two_registries_in_a_region_get_backfills_in_turn() -> None:
    ecr = FakeEcr()
    both = {"Backfill": [destination("eu-west-1"), destination("eu-west-1", "999999999999")]}
    gate = Gate(ecr, request(properties=both))
    for number in range(2):
        assert gate.is_complete() is False
        assert len(ecr.backfills) == number + 1
        ecr.backfills[-1]["status"] = "COMPLETE"
    assert gate.is_complete() is True


@given(st.lists(st.sampled_from(["eu-west-1", "us-west-2"]), max_size=9), st.integers(1, 4))
def test_the_newest_backfill_is_found_on_any_page(regions: list[str], page: int) -> None:
    ecr = FakeEcr(page)
    for region in regions:
        ecr.begin(region, "FAILED")
    gate = Gate(ecr, request(properties=backfill("eu-west-1")))
    gate.is_complete()
    for _ in range(3):
        ecr.begin("ap-south-1", "FAILED")
    ecr.backfills[len(regions)]["status"] = "COMPLETE"
    assert gate.is_complete() is True


def test_the_order_of_the_list_does_not_matter() -> None:
    ecr = FakeEcr()
    gate = Gate(ecr, request(properties=backfill("eu-west-1")))
    ecr.begin("eu-west-1", "STOPPED")
    ecr.begin("eu-west-1", "COMPLETE")
    ecr.backfills.reverse()
    assert gate.is_complete() is True


def test_an_update_starts_backfills_of_new_destinations_only() -> None:
    ecr = FakeEcr()
    old = backfill("eu-west-1")
    gate = Gate(ecr, request("Update", backfill("eu-west-1", "us-west-2"), OldResourceProperties=old))
    gate.is_complete()
    assert ecr.started == ["us-west-2"]


@pytest.mark.parametrize("old", [backfill("eu-west-1", "us-west-2"), backfill("eu-west-1")])
def test_a_rollback_starts_no_backfill(old: Record) -> None:
    gate = Gate(FakeEcr(), request("Update", backfill("eu-west-1"), OldResourceProperties=old))
    assert gate.is_complete() is True


@pytest.mark.parametrize("old", [{}, {"Backfill": "wrong"}])
def test_an_update_of_a_resource_without_backfills(old: Record) -> None:
    gate = Gate(FakeEcr(), request("Update", backfill("eu-west-1"), OldResourceProperties=old))
    assert gate.is_complete() is False


def test_the_gate_waits_for_the_backfill_and_then_for_the_image() -> None:
    with ecr() as stub:
        listed = {"backfills": [FakeEcr().begin("eu-west-1", "COMPLETE")]}
        stub.add_response("list_replication_backfills", {"backfills": []}, {})
        stub.add_response("list_replication_backfills", {"backfills": []}, {})
        stub.add_response("start_replication_backfill", {}, {"destination": destination("eu-west-1")})
        stub.add_response("list_replication_backfills", listed, {})
        expect_status_call(stub, status("eu-west-1"), status("us-west-2"))
        event = waiting(request(properties=PROPERTIES | backfill("eu-west-1")))
        assert is_complete(event, None) == {"IsComplete": False}
        assert is_complete(event, None) == {"IsComplete": True}


def test_a_refused_backfill_fails_the_deployment() -> None:
    with ecr() as stub:
        stub.add_response("list_replication_backfills", {"backfills": []}, {})
        stub.add_response("list_replication_backfills", {"backfills": []}, {})
        stub.add_client_error("start_replication_backfill", "ValidationException")
        event = waiting(request(properties=backfill("eu-west-1")))
        with pytest.raises(ClientError, match="ValidationException"):
            is_complete(event, None)


def test_a_boto3_without_backfills_is_an_error() -> None:
    with (
        patch.object(handler, "_ecr", object),
        pytest.raises(RuntimeError, match="has no replication backfills: use a newer version of boto3"),
    ):
        on_event(request(properties=backfill("eu-west-1")), None)


def count(total: int, completed: int, failed: int, codes: list[str]) -> Record:
    return {
        "totalReplicationCount": total,
        "completedReplicationCount": completed,
        "failedReplicationCount": failed,
        "failureCodes": codes,
    }
