"""Warnings about grants that add up: where they are, what they say, and grants that do not cause them."""

import aws_cdk as cdk
import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from fairlane import FairShare, TrainingQueue
from fairlane.queues.combined_grants import SubmitGrant, excesses
from tests.gpu import gpu_queue
from tests.grants import gpu_job, grant_warnings, role, training_queue
from tests.iam.roles import Deployment

COMBINED = "fairlane:QueueGrants.combined"


def arn(resource: str) -> str:
    return f"arn:aws:batch:us-east-1:111122223333:{resource}"


def submit(stack: Stack, grantee: iam.IGrantable, *names: str) -> None:
    """Grant the identifier `vision` on fair-share queues."""
    for name in names:
        training_queue(stack, name).grants.submit(grantee, share_identifiers=["vision"])


def test_the_warning_names_the_jobs_and_is_on_the_grantee(stack: Stack) -> None:
    person = role(stack)
    training_queue(stack, "fair").grants.submit(person, share_identifiers=["vision"])
    training_queue(stack, "fair-2").grants.submit(person, share_identifiers=["audio"])
    advice = (
        ", which no grant alone allows, because IAM binds neither a share identifier nor a job definition to a queue: "
        f"use a role for each grant [ack: {COMBINED}]"
    )
    start = "the grants of this principal add up: it can submit jobs with the share identifier"
    assert grant_warnings(stack) == [
        ("/Stack/Role", f"{start} 'audio' to the queue fair{advice}"),
        ("/Stack/Role", f"{start} 'vision' to the queue fair-2{advice}"),
    ]


def test_the_warning_can_be_acknowledged(stack: Stack) -> None:
    person = role(stack)
    queues = [training_queue(stack, name) for name in ("fair", "fair-2", "imported-fair")]
    queues[0].grants.submit(person, share_identifiers=["language"])
    queues[1].grants.submit(person, share_identifiers=["audio"])
    cdk.Annotations.of(person).acknowledge_warning(COMBINED, "one team owns both queues")
    queues[2].grants.submit(person)
    assert grant_warnings(stack) == []


def test_equal_grants_and_grants_of_other_principals_queues_and_regions_do_not_warn(stack: Stack) -> None:
    submit(stack, role(stack), "fair", "fair-2", "imported-fair")
    elsewhere = TrainingQueue.from_job_queue_arn(
        stack, "Elsewhere", arn("job-queue/elsewhere").replace("us-east-1", "eu-west-1")
    )
    elsewhere.grants.submit(stack.node.find_child("Role"), share_identifiers=["audio"])  # type: ignore[arg-type]
    training_queue(stack, "fifo").grants.submit(role(stack, "Other"))
    training_queue(stack, "quotas").grants.submit(role(stack, "Third"), quota_shares=["a"])
    assert grant_warnings(stack) == []


def test_an_imported_role_and_the_role_of_a_function_are_one_principal_each(stack: Stack) -> None:
    fair, other = (training_queue(stack, name) for name in ("fair", "fair-2"))
    for name, queue, share in (("First", fair, "vision"), ("Second", other, "audio")):
        imported = iam.Role.from_role_arn(stack, name, "arn:aws:iam::111122223333:role/imported")
        queue.grants.submit(imported, share_identifiers=[share])
    function = lambda_.Function(
        stack,
        "Function",
        code=lambda_.Code.from_inline("x"),
        handler="index.x",
        runtime=lambda_.Runtime.PYTHON_3_13,
    )
    fair.grants.submit(function, share_identifiers=["vision"])
    other.grants.submit(function.role, share_identifiers=["audio"])  # type: ignore[arg-type]
    assert sorted({path for path, _ in grant_warnings(stack, "combined")}) == [
        "/Stack/Function/ServiceRole",
        "/Stack/Second",
    ]


@pytest.mark.parametrize(
    ("identifiers", "found"),
    [
        ([("a-*",), ("a-b",)], ["q1 a-*"]),
        ([("a-*",), ("a-b*", "a-*")], []),
        ([("*",), ("a",)], ["q1 *"]),
        ([("", "*"), ("",)], []),
    ],
)
def test_a_prefix_includes_its_identifiers(identifiers: list[tuple[str, ...]], found: list[str]) -> None:
    grants = [SubmitGrant(f"q{number}", names) for number, names in enumerate(identifiers)]
    assert [f"{excess.queue} {excess.identifier}" for excess in excesses(grants)] == found


def test_the_queue_and_the_job_definition_have_the_condition_on_the_share_identifier(stack: Stack) -> None:
    """IAM evaluates it where it knows the condition key. The simulator knows it for jobs only."""
    gpu_queue(stack, scheduling=FairShare({"a": 1.0, "b": 1.0})).grants.submit(
        role(stack), job_definitions=[gpu_job(stack, "one")], share_identifiers=["a"]
    )
    training_queue(stack, "fair").grants.submit(role(stack, "Trainer"), share_identifiers=["vision"])
    conditions = {str(item["Resource"]): item["Condition"] for item in Deployment.of(stack).statements()}
    (containers,) = (found for resource, found in conditions.items() if "job-definition/one" in resource)
    assert containers == {"StringLikeIfExists": {"batch:ShareIdentifier": ["a"]}}
    assert conditions[arn("job-queue/fair")] == {"StringLikeIfExists": {"batch:ShareIdentifier": ["vision"]}}
