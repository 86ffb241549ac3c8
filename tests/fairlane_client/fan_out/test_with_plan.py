"""Client of fan-outs with the function `plan`, and boto3's own clients of S3 and DynamoDB."""

import json
from pathlib import Path
from typing import Any

import pytest

from fairlane.errors import ConfigurationError
from fairlane_client.fan_out import FanOut
from fairlane_client.fan_out.place import Place
from fairlane_client.sweeps import Clock
from fairlane_lambda.fan_out.ledger import key_of
from tests.fairlane_client.fan_out.fake_states import FakeStates
from tests.fairlane_client.fan_out.world import STATE_MACHINE, Client, World
from tests.fairlane_lambda.fan_out.conftest import account as account  # noqa: PLC0414
from tests.fairlane_lambda.fan_out.plan_account import BUCKET, HOME, REGIONS, TABLE, Account, line, manifest


class Session:
    """Session whose state machine calls the function `plan`, and puts the lines of its parts into the ledger."""

    def __init__(self, account: Account) -> None:
        self.account, self.states, self.now = account, FakeStates(STATE_MACHINE), 1_800_000_000.0

    def client(self, service_name: str, *, region_name: str | None = None, **options: Any) -> Any:
        if service_name == "stepfunctions":
            return Client(World(), service_name, self.states)
        return self.account.client(service_name, region_name or HOME)

    def sleep(self, seconds: float) -> None:
        """Run the executions to their ends."""
        self.now += seconds
        for execution in self.states.running():
            state = {**json.loads(execution["input"]), "execution": execution["executionArn"]}
            state = self.account.run(**state)
            while state["status"] == "WAIT":
                state = self.account.run(**state)
            if state["status"] == "PLANNED":
                self._submit(state)
            if state["status"] == "REFUSED":
                execution |= {"status": "FAILED", "error": "Refused", "cause": state["plan"]}
            else:
                execution |= {"status": "SUCCEEDED", "output": json.dumps(state)}

    def _submit(self, state: dict[str, Any]) -> None:
        """Put the lines that the ledger does not have."""
        manifest = state["manifest"]
        for region in [entry["region"] for entry in state["regions"]]:
            for job in self.account.part(state, region):
                if self.account.table.get(key_of(manifest, job["digest"])) is None:
                    self.account.set_state(manifest, job, region, "SUBMITTED")

    def open(self) -> FanOut:
        place = Place("campaigns", HOME, REGIONS, BUCKET, TABLE, STATE_MACHINE, self)
        return FanOut(place, Clock(lambda: self.now, self.sleep))


@pytest.fixture
def session(account: Account) -> Session:
    return Session(account)


def test_a_manifest_is_checked_started_and_edited(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "Drives.jsonl"
    file.write_text(manifest(line("a"), line("b", region="eu-west-1")))
    for verb in (session.open().check, session.open().start):
        plan = verb(file)
        assert (plan.manifest, plan.lines, plan.new, plan.regions) == ("drives", 2, 2, {"eu-west-1": 1, HOME: 1})
        assert [dict(row) for row in plan.placement] == [
            {"id": "a", "region": HOME, "reason": "the only candidate"},
            {"id": "b", "region": "eu-west-1", "reason": "the only candidate"},
        ]
    file.write_text(manifest(line("a"), line("b", region="us-west-2")))
    plan = session.open().check(file)
    assert (plan.new, plan.changed, plan.unchanged, plan.is_template_edited) == (1, 1, 1, False)
    session.account.config["template"] += " "
    assert session.open().check(file).is_template_edited


def test_failed_lines_are_retried(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "drives.jsonl"
    file.write_text(manifest(line("a"), line("b")))
    session.open().start(file)
    items = [*session.account.ledger.lines("drives")]
    session.account.table.update(("drives", items[0]["sk"]), "SET #state = :state", "", {"state": "FAILED"})
    assert session.open().resume("drives", retry_failed=True) == 1
    assert len([*session.account.ledger.lines("drives")]) == 3


def test_problems_have_line_numbers(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "drives.csv"
    file.write_text("id,region,instance_count\na,mars-1,1\nb,us-east-1,15x\n")
    with pytest.raises(ConfigurationError) as caught:
        session.open().start(file)
    first, *rest = str(caught.value).splitlines()
    assert first.startswith(f"{file}: ")
    assert [text.partition(":")[0] for text in rest][:2] == ["  - line 2", "  - line 3"]


def test_the_result_of_the_query_is_started_and_resumed(session: Session) -> None:
    session.account.athena.state = "SUCCEEDED"
    session.account.s3.put_object(
        Bucket=BUCKET, Key="queries/query-1.csv", Body=b"id,region,data,instance_count\na,us-east-1,s3://b/a,2\n"
    )
    assert session.open().check().new == 1
    plan = session.open().start()
    assert (plan.manifest, plan.new) == ("campaigns", 1)
    assert session.open().resume("campaigns", retry_failed=True) == 0
