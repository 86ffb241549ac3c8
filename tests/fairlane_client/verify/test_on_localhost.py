"""A run against the local AWS, as CI does it."""

import json
from collections.abc import Iterator

import pytest

from fairlane_client.clock import Clock
from fairlane_client.verify.account import Account, open_account
from fairlane_client.verify.facts import FACTS
from fairlane_client.verify.run import verify
from fairlane_local import LocalAws
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock as LocalClock
from fairlane_local.server.access import ACCOUNT_ID, LocalSession
from tests.fairlane_client.faults import client_error

SECRET = "sleep"


@pytest.fixture
def account() -> Iterator[Account]:
    with LocalAws(clock=LocalClock(None), options=JobOptions(throttle=False)) as aws:
        session = LocalSession(aws.port, ACCOUNT_ID, "us-east-1")
        yield open_account(session, Clock(lambda: float(aws.timeline.second), aws.timeline.advance))


def remains(account: Account) -> list[str]:
    """Return the stacks and queues that exist."""
    stacks = [stack["StackName"] for stack in account.cloudformation.describe_stacks()["Stacks"]]
    queues = [queue["jobQueueName"] for queue in account.batch.describe_job_queues()["jobQueues"]]
    environments = account.batch.describe_compute_environments()["computeEnvironments"]
    services = account.batch.describe_service_environments()["serviceEnvironments"]
    messages = account.clients["sqs"].list_queues().get("QueueUrls", [])
    names = [*stacks, *queues, *map(str, environments), *map(str, services), *messages]
    return [name for name in names if "fairlane-verify" in name]


def test_each_fact_that_a_run_can_settle_is_confirmed_and_nothing_is_left(account: Account) -> None:
    report = verify(account, lambda line: None)
    not_confirmed = {
        fact.id: report.findings[fact.id]
        for fact in FACTS.values()
        if not fact.reason and report.findings[fact.id].verdict != "confirmed"
    }
    assert not not_confirmed
    assert report.is_good
    assert not report.failure
    assert not remains(account)
    text = report.json()
    for hidden in (ACCOUNT_ID, SECRET, "busybox", "TrainingImage"):
        assert hidden not in text
    facts = {fact["id"]: fact for fact in json.loads(text)["facts"]}
    assert facts["event-order"]["seen"] == "RUNNABLE, STARTING, RUNNING, SUCCEEDED"
    assert facts["hyperpod"]["verdict"] == "not settled"


@pytest.mark.slow
def test_a_wrong_fact_is_refuted_with_what_was_seen(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlane_local.batch.jobs.container_jobs.check_share", lambda *_, **__: None)
    report = verify(account, lambda line: None)
    assert (report.findings["share-required"].verdict, report.findings["share-required"].seen) == (
        "refuted",
        "accepted",
    )
    assert not report.is_good
    assert not remains(account)


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["submit_job", "submit_service_job", "get_job_queue_snapshot"])
def test_the_account_is_empty_after_a_denied_call(
    account: Account, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    def deny(**_: object) -> None:
        raise client_error("AccessDeniedException", "not authorized", 403, operation)

    monkeypatch.setattr(account.batch, operation, deny)
    report = verify(account, lambda line: None)
    assert report.count("not settled") > sum(bool(fact.reason) for fact in FACTS.values())
    assert not report.is_good
    assert not remains(account)


def test_the_account_is_empty_after_an_interrupt(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(account.batch, "get_job_queue_snapshot", interrupt)
    report = verify(account, lambda line: None)
    assert report.failure == "stopped from the keyboard"
    assert not report.left
    assert not remains(account)
