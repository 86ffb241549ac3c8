"""Faults at every call of a run: everything is deleted, or the report says what is left, and it is complete."""

import json

import pytest

from fairlane_client.verify.facts import FACTS
from fairlane_client.verify.report import Report
from fairlane_client.verify.run import verify
from tests.fairlane_client.verify.fake_account import ACCOUNT_ID, FAULTS, SECRET, FakeAccount

DELETION = {"cloudformation.delete_stack", "cloudformation.describe_stacks"}


def run(account: FakeAccount) -> Report:
    report = verify(account.account(), lambda line: None)
    for text in (report.json(), report.markdown()):
        assert ACCOUNT_ID not in text
        assert SECRET not in text
    facts = json.loads(report.json())["facts"]
    assert [fact["id"] for fact in facts] == [*FACTS]
    assert {fact["verdict"] for fact in facts} <= {"confirmed", "refuted", "not settled"}
    assert all(fact["seen"] for fact in facts)
    return report


def clean_calls() -> list[str]:
    account = FakeAccount()
    assert not run(account).failure
    return account.calls


CALLS = clean_calls()


@pytest.mark.parametrize("fault", FAULTS)
def test_everything_is_deleted_whatever_call_fails(fault: str) -> None:
    for number in range(1, len(CALLS) + 1):
        account = FakeAccount()
        account.fault = number, fault
        report = run(account)
        if account.stacks or report.left:
            assert account.denied & DELETION, CALLS[number - 1]
            assert report.stack in report.deletion_command
            assert report.left


@pytest.mark.parametrize("operation", sorted({*CALLS} - {"cloudformation.create_stack"} - DELETION))
def test_an_operation_that_is_denied_leaves_only_its_facts_open(operation: str) -> None:
    account = FakeAccount()
    account.denied = {operation}
    report = run(account)
    assert not account.stacks
    assert not report.left
    assert not report.failure
    open_facts = [
        fact for fact in FACTS.values() if not fact.reason and report.findings[fact.id].verdict == "not settled"
    ]
    if operation not in ("batch.terminate_service_job",):
        assert any("AccessDenied" in report.findings[fact.id].seen for fact in open_facts)
    assert len(open_facts) < sum(not fact.reason for fact in FACTS.values())


def test_a_denied_creation_creates_nothing_and_says_so() -> None:
    account = FakeAccount()
    account.denied = {"cloudformation.create_stack"}
    report = run(account)
    assert report.failure == "create_stack: AccessDenied"
    assert not account.stacks
    assert "batch.submit_job" not in account.calls


def test_a_stack_that_fails_is_deleted_and_the_reason_is_reported() -> None:
    account = FakeAccount()
    account.creation_fails = True
    report = run(account)
    assert report.failure == "the stack failed: Vpc: too many"
    assert not account.stacks
    assert not report.is_good


def test_a_failed_deletion_is_repeated() -> None:
    account = FakeAccount()
    account.deletion_fails = 2
    assert not run(account).left
    assert not account.stacks


def test_the_report_says_what_a_deletion_left_and_how_to_delete_it() -> None:
    account = FakeAccount()
    account.deletion_fails = 99
    report = run(account)
    assert report.left == [f"stack {report.stack}: DELETE_FAILED", "AWS::EC2::VPC Vpc vpc-1"]
    command = f"aws cloudformation delete-stack --region us-east-1 --stack-name {report.stack}"
    assert report.deletion_command == command
    assert "**Not deleted:**" in report.markdown()
    assert command in report.markdown()
    assert json.loads(report.json())["left"] == report.left


def test_the_first_interrupt_of_the_deletion_does_not_end_it() -> None:
    account = FakeAccount()
    account.fault = CALLS.index("cloudformation.delete_stack") + 1, "interrupted"
    lines: list[str] = []
    report = verify(account.account(), lines.append)
    assert not report.left
    assert not account.stacks
    assert any("interrupt again" in line for line in lines)


def test_the_second_interrupt_ends_the_deletion_and_the_report_names_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    account = FakeAccount()
    monkeypatch.setattr(account, "_delete_stack", interrupt)
    report = run(account)
    assert report.left[0] == f"stack {report.stack}: the deletion was stopped from the keyboard"
    assert report.deletion_command


@pytest.mark.parametrize("error", [OSError("the terminal is closed"), BrokenPipeError()])
def test_everything_is_deleted_if_the_terminal_is_closed(error: Exception) -> None:
    def show(line: str) -> None:
        raise error

    account = FakeAccount()
    report = verify(account.account(), show)
    assert not report.failure
    assert "cloudformation.delete_stack" in account.calls
    assert not account.stacks


def test_the_report_hides_each_account_and_principal_that_a_refusal_quotes() -> None:
    account = FakeAccount()
    account.creation_fails = True
    policy = "arn:aws:organizations::210987654321:policy/o-abc/service_control_policy/p-abc"
    reason = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/Admin/jane is denied by {policy} for account 210987654321"
    event = {"LogicalResourceId": "Vpc", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": reason}
    account._describe_stack_events = lambda StackName: {"StackEvents": [event]}  # type: ignore[method-assign] # noqa: N803
    text = run(account).json()
    assert "Vpc: PRINCIPAL is denied by PRINCIPAL for account ACCOUNT" in text
