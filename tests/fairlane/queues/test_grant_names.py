"""Names of shares in grants, which must not widen a resource or a condition."""

from functools import partial

import aws_cdk as cdk
import pytest
from aws_cdk import Stack

from fairlane import FairShare, GpuJobDefinition, GpuQueue, TrainingQueue
from fairlane.queues import TrainingQueueBase
from tests.grants import role
from tests.support import problems_of

NAME = "1 to 128 characters of A-Z, a-z, 0-9, - and _"
IDENTIFIER = "a share identifier: 1 to 255 characters of A-Z, a-z, 0-9, - and _, optionally with * at the end"


def imported(stack: Stack) -> TrainingQueueBase:
    return TrainingQueue.from_job_queue_name(stack, "imported", "imported")


@pytest.mark.parametrize("name", ["*", "a*", "a?", "", "${aws:username}", "a/b", "a:b"])
def test_a_quota_share_of_an_imported_queue_is_a_name(stack: Stack, name: str) -> None:
    queue, person = imported(stack), role(stack)
    first, second = (f"quota_shares[{index}]: got {name!r}, allowed: {NAME}" for index in range(2))
    assert problems_of(lambda: queue.grants.submit(person, quota_shares=["a", name])) == [second]
    assert problems_of(lambda: queue.submit_policy("Policy", quota_shares=[name, name])) == [first, second]


@pytest.mark.parametrize("name", ["*", "a*b", "a?", "", "${aws:username}", "team-${aws:username}", "a**"])
def test_a_share_identifier_has_a_wildcard_only_at_its_end(stack: Stack, name: str) -> None:
    policy = FairShare({"team-*": 1.0, "vision": 1.0})
    own = TrainingQueue(stack, "own", queue_name="own", capacity=1, scheduling=policy)
    person = role(stack)
    first, second = (f"share_identifiers[{index}]: got {name!r}, allowed: {IDENTIFIER}" for index in range(2))
    for grants in (own.grants, imported(stack).grants):
        assert problems_of(partial(grants.submit, person, share_identifiers=["vision", name])) == [second]
    containers = GpuQueue.from_job_queue_name(stack, "Containers", "containers")
    job = GpuJobDefinition(stack, "Job", job_definition_name="job", image="i@sha256:0", instance_type="g5.xlarge")
    assert problems_of(lambda: containers.grants.submit(person, job_definitions=[job], share_identifiers=[name])) == [
        first
    ]


def test_names_with_wildcards_beside_a_token_are_refused(stack: Stack) -> None:
    token = cdk.Token.as_string({"Ref": "Share"})
    queue, person = imported(stack), role(stack)
    assert len(problems_of(lambda: queue.grants.submit(person, quota_shares=[token, f"{token}*"]))) == 1
    assert len(problems_of(lambda: queue.grants.submit(person, share_identifiers=[f"*{token}", f"{token}*"]))) == 1


def test_an_imported_queue_has_share_identifiers_or_quota_shares(stack: Stack) -> None:
    queue = imported(stack)
    (problem,) = problems_of(lambda: queue.submit_policy("Policy", share_identifiers=["a"], quota_shares=["b"]))
    assert problem == (
        "share_identifiers: a queue has either share identifiers or quota shares: remove share_identifiers or quota_shares"
    )


@pytest.mark.parametrize("name", ["*", "q?", "${aws:username}"])
@pytest.mark.parametrize("kind", [TrainingQueue, GpuQueue])
def test_an_imported_arn_is_the_arn_of_one_queue(
    stack: Stack, kind: type[TrainingQueue] | type[GpuQueue], name: str
) -> None:
    arn = f"arn:aws:batch:us-east-1:111122223333:job-queue/{name}"
    (problem,) = problems_of(lambda: kind.from_job_queue_arn(stack, "All", arn))
    assert problem == f"job_queue_arn: got {arn!r}, allowed: the ARN of one queue"
