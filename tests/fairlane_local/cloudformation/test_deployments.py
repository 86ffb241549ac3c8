"""Deployments to the local AWS: with the CDK CLI, and with single templates."""

import json
import re
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
from fairlane_local import LocalAws, client, deployed_queues, tools_environment
from fairlane_stacks import build_stacks
from tests.fairlane_local.batch.jobs.support import status, submit
from tests.support import CDK, REPOSITORY, recommended_flags, template_of

pytestmark = pytest.mark.slow

EXAMPLE = re.sub(
    r"^(alarms|dashboard):\n(  .*\n)+",
    "",
    (REPOSITORY / "environments" / "example.yaml").read_text(),
    flags=re.MULTILINE,
)
"""Example environment without alarms and dashboard, which name queues outside their own sections."""
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
    """Return a function that runs the pinned CDK CLI with a changed example environment."""

    def run(command: str, text: str, *options: str, fails: bool = False) -> str:
        (tmp_path / "example.yaml").write_text(text)
        app = cdk.App(outdir=str(tmp_path / "out"), context=recommended_flags())
        build_stacks(app, "example", load_environment(tmp_path / "example.yaml"))
        app.synth()
        if command == "deploy":
            options += ("--require-approval", "never")
        process = subprocess.run(
            [CDK, command, "--all", "--app", tmp_path / "out", *options],
            env=tools_environment(aws.endpoint_url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (process.returncode != 0) is fails, process.stdout
        return process.stdout

    return run


def deployed(batch: Any) -> dict[str, list[str] | int]:
    """Return the shares and quotas of every queue, or the total capacity of a queue without quota shares."""
    return {
        queue.name: [f"{share.name} {next(iter(share.capacity.values()))}" for share in queue.scheduling.shares]
        if isinstance(queue.scheduling, QuotaManagement)
        else sum(queue.capacity.values())
        for queue in deployed_queues(batch)
    }


FIRST = {
    "training-p4": ["ProdExp1 60", "ProdExp2 40"],
    "training-p5": ["ProdExp1 12", "ProdExp2 8"],
    "training-g6": 16,
    "cpu": 10,
    "gpu-g5": 1152,
    "gpu-p5": 768,
}


def polled_queues(aws: LocalAws) -> list[str]:
    """Return the names of the queues in the schedules of the exporter of job metrics."""
    scheduler = client("scheduler", aws.port, "123456789012", "us-east-1")
    names = [schedule["Name"] for schedule in scheduler.list_schedules()["Schedules"]]
    inputs = [json.loads(scheduler.get_schedule(Name=name)["Target"]["Input"]) for name in names]
    return [queue["name"] for schedule_input in inputs for queue in schedule_input["queues"]]


@pytest.mark.slow
def test_the_example_is_deployed_updated_and_destroyed(cdk_cli: Callable[..., str], batch: Any, aws: LocalAws) -> None:
    cdk_cli("deploy", EXAMPLE)
    assert deployed(batch) == FIRST
    assert set(polled_queues(aws)) == set(FIRST)
    assert "(no changes)" in cdk_cli("deploy", EXAMPLE)
    cdk_cli("deploy", replaced(f"{P4}: 60", f"{P4}: 50"))
    assert deployed(batch) == FIRST | {"training-p4": ["ProdExp1 50", "ProdExp2 40"]}
    cdk_cli("deploy", replaced("  training-p5:", "  training-h100:"))
    renamed = {name.replace("training-p5", "training-h100"): shares for name, shares in FIRST.items()}
    assert deployed(batch) == renamed
    assert set(polled_queues(aws)) == set(renamed)
    cdk_cli("deploy", replaced(SECOND_SHARE, ""))
    assert deployed(batch) == FIRST | {"training-p4": ["ProdExp1 60"]}
    cdk_cli("destroy", EXAMPLE, "--force")
    assert deployed(batch) == {}
    assert polled_queues(aws) == []
    assert batch.describe_service_environments()["serviceEnvironments"] == []
    assert batch.list_scheduling_policies()["schedulingPolicies"] == []


def without_monitoring(text: str) -> str:
    """Remove the monitoring stack, which other tests cover."""
    return text.replace("job_metrics: {}", "")


@pytest.mark.slow
def test_a_refused_update_names_the_resource_and_is_rolled_back(cdk_cli: Callable[..., str], batch: Any) -> None:
    cdk_cli("deploy", without_monitoring(EXAMPLE))
    fifo, fair_share = (
        "    priority: 2\n    scheduling:\n      policy: ",
        "fair-share\n      weight_factors:\n        team: 1",
    )
    output = cdk_cli(
        "deploy",
        without_monitoring(replaced(f"{fifo}fifo", f"{fifo}{fair_share}").replace(f"{P4}: 60", f"{P4}: 50")),
        fails=True,
    )
    assert "QueuescpuFBC0A2FF" in output
    assert "cannot be added" in output
    assert deployed(batch) == FIRST
    cdk_cli("deploy", without_monitoring(replaced(f"{P4}: 60", f"{P4}: 50")), "--method", "direct")
    assert deployed(batch)["training-p4"] == ["ProdExp1 50", "ProdExp2 40"]


@pytest.mark.slow
def test_a_protected_queue_is_removed_with_the_cdk_cli_only_after_it_drains(
    cdk_cli: Callable[..., str], batch: Any
) -> None:
    queue = "  {}: {{capacity: 1, {}scheduling: {{policy: fifo}}}}\n"
    file = 'region: us-east-1\naccount: "123456789012"\ntermination_protection: true\nqueues:\n'
    file += queue.format("other", "")
    cdk_cli("deploy", file + queue.format("cpu", ""))
    jobs = [submit(batch, "cpu", run=3600) for _ in range(2)]
    assert re.search(r"AWS::Batch::JobQueue .*cpu.* orphan", cdk_cli("diff", file))
    cdk_cli("deploy", file)
    assert not {status(batch, job) for job in jobs} & {"SUCCEEDED", "FAILED"}
    assert "already exists" in cdk_cli("deploy", file + queue.format("cpu", ""), fails=True)
    cdk_cli("deploy", file + queue.format("gpu", ""))
    cdk_cli("deploy", file + queue.format("gpu", "state: draining, "))
    assert re.search(r"AWS::Batch::JobQueue .*gpu.* destroy", cdk_cli("diff", file))
    cdk_cli("deploy", file)
    assert set(deployed(batch)) == {"cpu", "other"}
    assert "TerminationProtection is enabled" in cdk_cli("destroy", file, "--force", fails=True)


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


def test_a_new_queue_name_replaces_queue_environment_and_shares(cloudformation: Any, batch: Any) -> None:
    rest = {"capacity": {P4: 10}, "scheduling": quotas(a=6, b=4)}
    cloudformation.create_stack(StackName="s", TemplateBody=template(queue_name="old", **rest))
    cloudformation.update_stack(StackName="s", TemplateBody=template(queue_name="new", **rest))
    assert deployed(batch) == {"new": ["a 6", "b 4"]}
    environments = batch.describe_service_environments()["serviceEnvironments"]
    assert [environment["serviceEnvironmentName"] for environment in environments] == ["new"]


def test_a_failed_creation_is_rolled_back_with_its_reason(cloudformation: Any, batch: Any) -> None:
    broken = json.loads(template(queue_name="q", capacity={P4: 10}, scheduling=quotas(a=6)))
    (share,) = (resource for resource in broken["Resources"].values() if resource["Type"] == "AWS::Batch::QuotaShare")
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
    (queue,) = (resource for resource in broken["Resources"].values() if resource["Type"] == "AWS::Batch::JobQueue")
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
    assert deployed(batch) == {"q": 4}
    cloudformation.update_termination_protection(StackName="s", EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName="s")
    assert deployed(batch) == {}


def test_weights_decay_and_reservation_update_in_place(cloudformation: Any, batch: Any) -> None:
    before = FairShare({"a": 1, "b": 2}, share_decay_seconds=600, compute_reservation=10)
    after = FairShare({"a": 1, "b": 4, "c": 1}, share_decay_seconds=1200, compute_reservation=20)
    cloudformation.create_stack(StackName="s", TemplateBody=template(queue_name="q", capacity=4, scheduling=before))
    arns = batch.list_scheduling_policies()["schedulingPolicies"]
    cloudformation.update_stack(StackName="s", TemplateBody=template(queue_name="q", capacity=8, scheduling=after))
    (queue,) = deployed_queues(batch)
    assert (queue.scheduling, queue.capacity) == (after, {"NUM_INSTANCES": 8})
    assert batch.list_scheduling_policies()["schedulingPolicies"] == arns


@pytest.mark.usefixtures("aws")
def test_the_local_aws_supports_every_resource_type_of_the_example() -> None:
    app = cdk.App()
    stacks = build_stacks(app, "example", load_environment(REPOSITORY / "environments" / "example.yaml"))
    types = {resource["Type"] for stack in stacks for resource in template_of(stack)["Resources"].values()}
    assert {name for name in types if not name.startswith("Custom::")} <= get_model_map().keys()


def stack_status(cloudformation: Any, name: str = "s") -> str:
    return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def edited(text: str, resource_type: str, **properties: Any) -> str:
    """Return a template with changed properties of all resources of a type."""
    template = json.loads(text)
    for resource in template["Resources"].values():
        if resource["Type"] == resource_type:
            resource["Properties"] |= properties
    return json.dumps(template)


QUEUE = "AWS::Batch::JobQueue"


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..CDK..Metadata:UserWarning")
@pytest.mark.parametrize("change_set", [True, False])
def test_a_stack_without_an_environment_deploys(aws: LocalAws, tmp_path: Path, batch: Any, change_set: bool) -> None:
    app = cdk.App(
        outdir=str(tmp_path / "out"), context={"aws:cdk:enable-path-metadata": True}, analytics_reporting=True
    )
    stack = cdk.Stack(app, "Anywhere")
    cdk.CfnParameter(stack, "Unused", default="5")
    TrainingQueue(stack, "Queue", queue_name="q", capacity=4, scheduling=Fifo())
    cdk.CfnOutput(stack, "Name", value="q")
    app.synth()
    options = ["--method", "change-set" if change_set else "direct"]
    process = subprocess.run(
        [CDK, "deploy", "--all", "--app", tmp_path / "out", "--require-approval", "never", *options],
        env=tools_environment(aws.endpoint_url) | {"AWS_REGION": "us-east-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout
    assert "Anywhere.Name = q" in process.stdout
    assert deployed(batch) == {"q": 4}


def test_change_sets_of_the_same_name_belong_to_their_stacks(cloudformation: Any, batch: Any) -> None:
    for name in ("one", "two"):
        cloudformation.create_change_set(
            StackName=name,
            ChangeSetName="deploy",
            ChangeSetType="CREATE",
            TemplateBody=template(queue_name=name, capacity=1, scheduling=Fifo()),
        )
    assert cloudformation.describe_change_set(StackName="two", ChangeSetName="deploy")["StackName"] == "two"
    cloudformation.execute_change_set(StackName="two", ChangeSetName="deploy")
    assert deployed(batch) == {"two": 1}
    cloudformation.delete_change_set(StackName="two", ChangeSetName="deploy")
    assert cloudformation.describe_change_set(StackName="one", ChangeSetName="deploy")["StackName"] == "one"
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_change_set(StackName="two", ChangeSetName="deploy")


def test_the_change_sets_of_a_deleted_stack_are_gone(cloudformation: Any, batch: Any) -> None:
    body = template(queue_name="q", capacity=1, scheduling=Fifo())
    change_set = {"StackName": "s", "ChangeSetName": "deploy"}
    for _ in range(2):
        cloudformation.create_change_set(**change_set, ChangeSetType="CREATE", TemplateBody=body)
        cloudformation.execute_change_set(**change_set)
        assert deployed(batch) == {"q": 1}
        cloudformation.delete_stack(StackName="s")
        with pytest.raises(ClientError, match="does not exist"):
            cloudformation.describe_change_set(**change_set)


def test_a_failure_after_a_replacement_is_rolled_back(cloudformation: Any, batch: Any) -> None:
    rest = {"capacity": {P4: 10}, "scheduling": quotas(a=6, b=4)}
    cloudformation.create_stack(StackName="s", TemplateBody=template(queue_name="old", **rest))
    broken = edited(template(queue_name="new", **rest), "AWS::Batch::QuotaShare", CapacityLimits=[])
    cloudformation.update_stack(StackName="s", TemplateBody=broken)
    assert stack_status(cloudformation) == "UPDATE_ROLLBACK_COMPLETE"
    assert deployed(batch) == {"old": ["a 6", "b 4"]}
    cloudformation.update_stack(StackName="s", TemplateBody=template(queue_name="new", **rest))
    assert deployed(batch) == {"new": ["a 6", "b 4"]}
    cloudformation.delete_stack(StackName="s")
    assert batch.describe_service_environments()["serviceEnvironments"] == []


def test_a_failure_after_an_update_in_place_is_rolled_back(cloudformation: Any, batch: Any) -> None:
    before = template(queue_name="q", capacity=4, scheduling=Fifo())
    cloudformation.create_stack(StackName="s", TemplateBody=before)
    more = template(queue_name="q", capacity=9, scheduling=Fifo())
    cloudformation.update_stack(StackName="s", TemplateBody=edited(more, QUEUE, Priority=5000))
    assert stack_status(cloudformation) == "UPDATE_ROLLBACK_COMPLETE"
    assert deployed(batch) == {"q": 4}


def test_a_changed_parameter_mapping_or_condition_updates_resources(cloudformation: Any, batch: Any) -> None:
    def body(maximum: int, **more: Any) -> str:
        template_ = json.loads(template(queue_name="q", capacity=4, scheduling=Fifo()))
        template_ |= {
            "Parameters": {
                "Priority": {"Type": "Number", "Default": 1},
                "Enabled": {"Type": "String", "Default": "yes"},
            },
            "Mappings": {"Limits": {"here": {"maximum": maximum}}},
            "Conditions": {"IsEnabled": {"Fn::Equals": [{"Ref": "Enabled"}, "yes"]}},
        }
        for resource in template_["Resources"].values():
            if resource["Type"] == QUEUE:
                resource["Condition"] = "IsEnabled"
                resource["Properties"]["Priority"] = {"Ref": "Priority"}
            else:
                limit = {"Fn::FindInMap": ["Limits", "here", "maximum"]}
                resource["Properties"]["CapacityLimits"][0]["MaxCapacity"] = limit
        return json.dumps(template_)

    def update(maximum: int, **parameters: str) -> None:
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        cloudformation.update_stack(StackName="s", TemplateBody=body(maximum), Parameters=given)

    cloudformation.create_stack(StackName="s", TemplateBody=body(4))
    assert deployed(batch) == {"q": 4}
    update(4, Priority="7")
    assert batch.describe_job_queues()["jobQueues"][0]["priority"] == 7
    update(9, Priority="7")
    assert deployed(batch) == {"q": 9}
    update(9, Enabled="no")
    assert deployed(batch) == {}


def test_tags_and_time_limits_update_in_place(cloudformation: Any, batch: Any) -> None:
    plain = template(queue_name="q", capacity=4, scheduling=Fifo())
    limit = {"Action": "TERMINATE", "MaxTimeSeconds": 600, "State": "RUNNABLE"}
    limits = [limit | {"Reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"}]
    full = edited(plain, QUEUE, Tags={"team": "search"}, JobStateTimeLimitActions=limits)
    cloudformation.create_stack(StackName="s", TemplateBody=full)
    (queue,) = batch.describe_job_queues()["jobQueues"]
    assert (queue["tags"], len(queue["jobStateTimeLimitActions"])) == ({"team": "search"}, 1)
    cloudformation.update_stack(StackName="s", TemplateBody=edited(plain, QUEUE, Tags={"team": "ads"}))
    (queue,) = batch.describe_job_queues()["jobQueues"]
    assert (queue["tags"], queue["jobStateTimeLimitActions"]) == ({"team": "ads"}, [])
    batch.tag_resource(resourceArn=queue["jobQueueArn"], tags={"owner": "me"})
    batch.untag_resource(resourceArn=queue["jobQueueArn"], tagKeys=["team"])
    assert batch.list_tags_for_resource(resourceArn=queue["jobQueueArn"])["tags"] == {"owner": "me"}


def test_a_resource_in_fn_sub_is_created_first(cloudformation: Any, batch: Any) -> None:
    body = json.loads(template(queue_name="q", capacity=4, scheduling=Fifo()))
    (environment,) = (name for name, resource in body["Resources"].items() if resource["Type"] != QUEUE)
    (queue,) = (resource for resource in body["Resources"].values() if resource["Type"] == QUEUE)
    queue["Properties"]["ServiceEnvironmentOrder"][0]["ServiceEnvironment"] = {"Fn::Sub": f"${{{environment}}}"}
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(body))
    assert deployed(batch) == {"q": 4}
    cloudformation.delete_stack(StackName="s")
    assert batch.describe_service_environments()["serviceEnvironments"] == []


def test_circular_references_are_refused(cloudformation: Any) -> None:
    body = json.loads(template(queue_name="q", capacity=4, scheduling=Fifo()))
    first, second = body["Resources"]
    body["Resources"][first]["DependsOn"], body["Resources"][second]["DependsOn"] = second, first
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(body))
    assert stack_status(cloudformation) == "ROLLBACK_COMPLETE"
    assert "Circular dependency" in json.dumps(cloudformation.describe_stack_events(StackName="s"), default=str)


def test_retained_resources_are_kept(cloudformation: Any, batch: Any) -> None:
    def body(name: str) -> str:
        text = json.loads(template(queue_name=name, capacity=4, scheduling=Fifo()))
        for resource in text["Resources"].values():
            resource |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        return json.dumps(text)

    cloudformation.create_stack(StackName="s", TemplateBody=body("one"))
    cloudformation.update_stack(StackName="s", TemplateBody=body("two"))
    assert set(deployed(batch)) == {"one", "two"}
    cloudformation.delete_stack(StackName="s")
    assert set(deployed(batch)) == {"one", "two"}


def test_a_resource_that_an_update_cannot_delete_remains(cloudformation: Any, batch: Any) -> None:
    rest = {"capacity": 4, "scheduling": Fifo()}
    cloudformation.create_stack(StackName="s", TemplateBody=template(queue_name="old", **rest))
    order = [{"order": 1, "serviceEnvironment": "old"}]
    request = {"jobQueueType": "SAGEMAKER_TRAINING", "priority": 1, "serviceEnvironmentOrder": order}
    batch.create_job_queue(jobQueueName="by-hand", **request)
    cloudformation.update_stack(StackName="s", TemplateBody=template(queue_name="new", **rest))
    assert stack_status(cloudformation) == "UPDATE_COMPLETE"
    assert set(deployed(batch)) == {"new", "by-hand"}
    assert "found existing JobQueue relationship" in json.dumps(
        cloudformation.describe_stack_events(StackName="s"), default=str
    )
