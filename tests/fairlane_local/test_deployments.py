"""Deployments to the local AWS: with the CDK CLI as people do it, and template by template where that is enough."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from botocore.exceptions import ClientError
from moto.cloudformation.parsing import get_model_map

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing, TrainingQueue
from fairlane.environment import load_environment
from fairlane_local import LocalAws, client, standing_queues, tools_environment
from fairlane_stacks import build_stacks
from tests.support import CDK, REPOSITORY, recommended_flags, template_of

EXAMPLE = (REPOSITORY / "environments" / "example.yaml").read_text()
P4 = "ml.p4d.24xlarge"
SECOND_SHARE = f"""        ProdExp2:
          capacity:
            {P4}: 40
          sharing: LEND_AND_BORROW
          in_share_preemption: true
"""


def replaced(old: str, new: str) -> str:
    assert EXAMPLE.count(old) == 1, old
    return EXAMPLE.replace(old, new)


@pytest.fixture
def cdk_cli(aws: LocalAws, tmp_path: Path) -> Callable[..., str]:
    """Runs the pinned CDK CLI on the example environment as changed."""

    def run(command: str, text: str, *options: str, fails: bool = False) -> str:
        (tmp_path / "example.yaml").write_text(text)
        app = cdk.App(outdir=str(tmp_path / "out"), context=recommended_flags())
        build_stacks(app, "example", load_environment(tmp_path / "example.yaml"))
        app.synth()
        if command == "deploy":
            options += ("--require-approval", "never")
        done = subprocess.run(
            [CDK, command, "--all", "--app", tmp_path / "out", *options],
            env=tools_environment(aws.endpoint_url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout
        return done.stdout

    return run


def standing(batch: Any) -> dict[str, list[str] | int]:
    """The shares and quotas of every queue, or the capacity of one without."""
    return {
        queue.name: [f"{share.name} {next(iter(share.capacity.values()))}" for share in queue.scheduling.shares]
        if isinstance(queue.scheduling, QuotaManagement)
        else sum(queue.capacity.values())
        for queue in standing_queues(batch)
    }


FIRST = {
    "training-p4": ["ProdExp1 60", "ProdExp2 40"],
    "training-p5": ["ProdExp1 12", "ProdExp2 8"],
    "training-g6": 16,
    "cpu": 10,
}


def test_the_example_through_its_life(cdk_cli: Callable[..., str], batch: Any) -> None:
    cdk_cli("deploy", EXAMPLE)
    assert standing(batch) == FIRST
    assert "(no changes)" in cdk_cli("deploy", EXAMPLE)
    cdk_cli("deploy", replaced(f"{P4}: 60", f"{P4}: 50"))
    assert standing(batch) == FIRST | {"training-p4": ["ProdExp1 50", "ProdExp2 40"]}
    cdk_cli("deploy", replaced("  training-p5:", "  training-h100:"))
    renamed = {name.replace("p5", "h100"): shares for name, shares in FIRST.items()}
    assert standing(batch) == renamed
    cdk_cli("deploy", replaced(SECOND_SHARE, ""))
    assert standing(batch) == FIRST | {"training-p4": ["ProdExp1 60"]}
    cdk_cli("destroy", EXAMPLE, "--force")
    assert standing(batch) == {}
    assert batch.describe_service_environments()["serviceEnvironments"] == []
    assert batch.list_scheduling_policies()["schedulingPolicies"] == []


def test_what_aws_refuses_is_told_with_the_resource_and_rolled_back(cdk_cli: Callable[..., str], batch: Any) -> None:
    cdk_cli("deploy", EXAMPLE)
    fair_share = "policy: fair-share\n      weight_factors:\n        team: 1"
    said = cdk_cli("deploy", replaced("policy: fifo", fair_share).replace(f"{P4}: 60", f"{P4}: 50"), fails=True)
    assert "QueuescpuFBC0A2FF" in said
    assert "cannot be given one" in said
    assert standing(batch) == FIRST
    cdk_cli("deploy", replaced(f"{P4}: 60", f"{P4}: 50"), "--method", "direct")
    assert standing(batch)["training-p4"] == ["ProdExp1 50", "ProdExp2 40"]


@pytest.fixture
def cloudformation(aws: LocalAws) -> Any:
    return client("cloudformation", aws.port, "123456789012", "us-east-1")


def template(**queue: Any) -> str:
    stack = cdk.Stack(cdk.App(), "Stack", synthesizer=cdk.BootstraplessSynthesizer())
    TrainingQueue(stack, "Queue", **queue)
    return json.dumps(template_of(stack))


def quotas(**shares: int) -> QuotaManagement:
    return QuotaManagement(
        *(QuotaShare(name=name, capacity={P4: number}, sharing=Sharing.LEND) for name, number in shares.items())
    )


def test_another_queue_name_replaces_queue_environment_and_shares(cloudformation: Any, batch: Any) -> None:
    rest = {"capacity": {P4: 10}, "scheduling": quotas(a=6, b=4)}
    cloudformation.create_stack(StackName="s", TemplateBody=template(queue_name="old", **rest))
    cloudformation.update_stack(StackName="s", TemplateBody=template(queue_name="new", **rest))
    assert standing(batch) == {"new": ["a 6", "b 4"]}
    names = [one["serviceEnvironmentName"] for one in batch.describe_service_environments()["serviceEnvironments"]]
    assert names == ["new"]


def test_a_failed_creation_leaves_nothing_and_says_why(cloudformation: Any, batch: Any) -> None:
    broken = json.loads(template(queue_name="q", capacity={P4: 10}, scheduling=quotas(a=6)))
    (share,) = (one for one in broken["Resources"].values() if one["Type"] == "AWS::Batch::QuotaShare")
    share["Properties"]["CapacityLimits"] = []
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(broken))
    (stack,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reasons = [
        event.get("ResourceStatusReason")
        for event in cloudformation.describe_stack_events(StackName="s")["StackEvents"]
    ]
    assert 'Resource handler returned message: "Capacitylimits are required."' in reasons
    assert batch.describe_service_environments()["serviceEnvironments"] == []


def test_a_property_that_the_api_does_not_have_is_refused(cloudformation: Any) -> None:
    broken = json.loads(template(queue_name="q", capacity=1, scheduling=Fifo()))
    (queue,) = (one for one in broken["Resources"].values() if one["Type"] == "AWS::Batch::JobQueue")
    queue["Properties"]["Prioritty"] = 1
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(broken))
    assert "extraneous key [prioritty] is not permitted" in json.dumps(
        cloudformation.describe_stack_events(StackName="s"), default=str
    )


def test_a_failed_deletion_keeps_the_stack(cloudformation: Any, batch: Any) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(queue_name="q", capacity=4, scheduling=Fifo()))
    order = [{"order": 1, "serviceEnvironment": "q"}]
    request = {"jobQueueType": "SAGEMAKER_TRAINING", "priority": 1, "serviceEnvironmentOrder": order}
    batch.create_job_queue(jobQueueName="by-hand", **request)
    cloudformation.delete_stack(StackName="s")
    assert cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == "DELETE_FAILED"
    batch.update_job_queue(jobQueue="by-hand", state="DISABLED")
    batch.delete_job_queue(jobQueue="by-hand")
    cloudformation.delete_stack(StackName="s")
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="s")
    assert batch.describe_service_environments()["serviceEnvironments"] == []


def test_a_protected_stack_is_not_deleted(cloudformation: Any, batch: Any) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template(queue_name="q", capacity=4, scheduling=Fifo()))
    cloudformation.update_termination_protection(StackName="s", EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="cannot be deleted while TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName="s")
    assert standing(batch) == {"q": 4}
    cloudformation.update_termination_protection(StackName="s", EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName="s")
    assert standing(batch) == {}


def test_weights_decay_and_reservation_update_in_place(cloudformation: Any, batch: Any) -> None:
    before = FairShare({"a": 1, "b": 2}, share_decay_seconds=600, compute_reservation=10)
    after = FairShare({"a": 1, "b": 4, "c": 1}, share_decay_seconds=1200, compute_reservation=20)
    cloudformation.create_stack(StackName="s", TemplateBody=template(queue_name="q", capacity=4, scheduling=before))
    arns = batch.list_scheduling_policies()["schedulingPolicies"]
    cloudformation.update_stack(StackName="s", TemplateBody=template(queue_name="q", capacity=8, scheduling=after))
    (queue,) = standing_queues(batch)
    assert (queue.scheduling, queue.capacity) == (after, {"NUM_INSTANCES": 8})
    assert batch.list_scheduling_policies()["schedulingPolicies"] == arns


def test_every_resource_of_the_example_is_known_here() -> None:
    app = cdk.App()
    (stack,) = build_stacks(app, "example", load_environment(REPOSITORY / "environments" / "example.yaml"))
    types = {resource["Type"] for resource in template_of(stack)["Resources"].values()}
    assert types <= get_model_map().keys()
