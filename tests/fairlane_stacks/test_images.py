"""Stacks of images of an environment file."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from fairlane import ConfigurationError
from fairlane.environment import Environment, load_environment
from fairlane_stacks import build_stacks
from tests.cfn_lint import findings
from tests.fairlane.monitoring.alarms.monitored_queues import resources_of_type
from tests.support import REPOSITORY, template_of

FIFO = {"capacity": 4, "scheduling": {"policy": "fifo"}}


def stacks(**changes: Any) -> dict[str, cdk.Stack]:
    image = {"regions": ["us-west-2", "eu-west-1"], "mutable_tags": ["dev-*"]}
    settings = {"region": "us-east-1", "account": "111122223333", "images": {"training/pytorch": image}}
    built = build_stacks(cdk.App(), "prod", Environment.model_validate(settings | changes))
    return {stack.stack_name: stack for stack in built}


def test_stacks_of_replicas_are_deployed_before_the_images() -> None:
    built = stacks(queues={"q": FIFO})
    assert list(built) == [
        "fairlane-prod-training",
        "fairlane-prod-eu-west-1-replicas",
        "fairlane-prod-us-west-2-replicas",
        "fairlane-prod-images",
    ]
    home = built["fairlane-prod-images"]
    assert {stack.stack_name for stack in home.dependencies} == {
        "fairlane-prod-eu-west-1-replicas",
        "fairlane-prod-us-west-2-replicas",
    }
    for region in ("us-west-2", "eu-west-1"):
        stack = built[f"fairlane-prod-{region}-replicas"]
        (template,) = resources_of_type(stack, "ECR::RepositoryCreationTemplate").values()
        assert stack.region == region
        assert (template["Prefix"], template["ImageTagMutability"]) == ("training", "IMMUTABLE_WITH_EXCLUSION")
    assert "ImportValue" not in "".join(json.dumps(template_of(stack)) for stack in built.values())


def test_a_region_without_resources_for_jobs_has_no_training_stack() -> None:
    assert "fairlane-prod-training" not in stacks()
    assert "fairlane-prod-training" in stacks(execution_roles={"search": {}})


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("own", "ECR::ReplicationConfiguration"), ("merge", "::FairlaneRegistryRules"), ("external", None)],
)
def test_image_replication_selects_the_owner_of_the_rules(mode: str, kind: str | None) -> None:
    home = stacks(image_replication=mode)["fairlane-prod-images"]
    types = [resource["Type"] for resource in template_of(home)["Resources"].values()]
    rules = [name for name in types if name.endswith(("ReplicationConfiguration", "RegistryRules"))]
    assert len(rules) == (kind is not None)
    assert kind is None or rules[0].endswith(kind)


def test_regions_can_replicate_to_each_other() -> None:
    other = {"images": {"serving/models": {"regions": ["us-east-1"]}}}
    built = stacks(regions={"us-west-2": other})
    assert {"fairlane-prod-replicas", "fairlane-prod-us-west-2-images"} < set(built)
    cdk.App.of(built["fairlane-prod-replicas"]).synth()  # type: ignore[union-attr]


def test_alarms_on_failed_replications_notify_in_the_destination_region() -> None:
    built = stacks(alarms={"notify": {"Warning": ["gpus@example.com"]}}, job_metrics={}, queues={"q": FIFO})
    (alarm,) = resources_of_type(built["fairlane-prod-eu-west-1-replicas"], "CloudWatch::Alarm").values()
    (topic,) = resources_of_type(built["fairlane-prod-eu-west-1-replicas"], "SNS::Topic")
    assert alarm["AlarmActions"] == [{"Ref": topic}]
    off = stacks(alarms={"enabled": False}, job_metrics={}, queues={"q": FIFO})
    assert resources_of_type(off["fairlane-prod-eu-west-1-replicas"], "CloudWatch::Alarm") == {}


def test_images_without_replication_do_not_change_the_replication_rules() -> None:
    built = stacks(images={"training/pytorch": {}}, image_replication="own")
    types = {resource["Type"] for resource in template_of(built["fairlane-prod-images"])["Resources"].values()}
    assert types == {"AWS::ECR::Repository"}


def topic(region: str, name: str = "alerts") -> str:
    return f"arn:aws:sns:{region}:111122223333:{name}"


def actions(region: str, **changes: Any) -> list[Any]:
    stack = stacks(**changes)[f"fairlane-prod-{region}-replicas"]
    (alarm,) = resources_of_type(stack, "CloudWatch::Alarm").values()
    return alarm.get("AlarmActions", [])  # type: ignore[no-any-return]


def test_an_alarm_uses_no_topic_of_another_region() -> None:
    home = {"notify": [topic("us-east-1"), "gpus@example.com"]}
    (action,) = actions("us-west-2", alarms=home)
    assert list(action) == ["Ref"]
    assert actions("us-west-2", alarms={"notify": [topic("us-east-1")]}) == []


def test_alarm_settings_of_a_region_override_the_settings_of_the_home_region() -> None:
    other = {"us-west-2": {"alarms": {"notify": [topic("us-west-2")]}}}
    home = {"notify": ["gpus@example.com"]}
    assert actions("us-west-2", alarms=home, regions=other) == [topic("us-west-2")]
    assert len(actions("eu-west-1", alarms=home, regions=other)) == 1
    off = stacks(alarms=home, regions={"us-west-2": {"alarms": {"enabled": False}}})
    assert resources_of_type(off["fairlane-prod-us-west-2-replicas"], "CloudWatch::Alarm") == {}
    assert len(resources_of_type(off["fairlane-prod-eu-west-1-replicas"], "CloudWatch::Alarm")) == 1


def test_an_alarm_has_at_most_five_actions_including_the_topic_of_the_addresses() -> None:
    topics = [topic("us-west-2", f"t{n}") for n in range(6)]
    notify = {"Warning": [*topics[:3], "gpus@example.com"], "Critical": topics[3:]}
    all_actions = actions("us-west-2", regions={"us-west-2": {"alarms": {"notify": notify}}})
    assert len(all_actions) == 5
    assert [action for action in all_actions if isinstance(action, dict)] != []


def test_all_validators_accept_the_image_stacks_of_the_example() -> None:
    app = cdk.App()
    built = build_stacks(app, "example", load_environment(REPOSITORY / "environments" / "example.yaml"))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    image_stacks = [stack for stack in built if stack.stack_name.endswith(("-images", "-replicas"))]
    assert sorted(stack.region for stack in image_stacks) == ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"]
    for stack in image_stacks:
        assert findings(template_of(stack)) == []


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        (
            {"training/pytorch": {"regions": ["us-west-2", "us-west-2"]}},
            'images."training/pytorch".regions[1]: us-west-2 is listed twice: list each Region once',
        ),
        (
            {"Training": {"regions": ["us-west-2"]}},
            "images.Training: got 'Training', allowed: 2 to 256 characters of a-z",
        ),
        (
            {"training": {"regions": ["cn-north-1"]}},
            "images.training.regions[0]: got 'cn-north-1', allowed: a Region of partition aws",
        ),
        (
            {f"n{n}/i": {"regions": [f"eu-west-{n + 1}"]} for n in range(11)},
            "images: 11 different sets of destinations need 11 rules",
        ),
        (
            {"training/pytorch": {"mutable_tags": ["*"]}},
            "images.\"training/pytorch\".mutable_tags[0]: got '*', allowed: a pattern that does not match every tag",
        ),
    ],
)
def test_the_loader_reports_mistakes_in_images(tmp_path: Any, images: dict[str, Any], problem: str) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(json.dumps({"region": "us-east-1", "images": images}))
    with pytest.raises(ConfigurationError) as raised:
        load_environment(file)
    assert problem in str(raised.value)


def test_replication_over_two_hops_is_refused(tmp_path: Any) -> None:
    file = tmp_path / "prod.yaml"
    other = {"us-west-2": {"images": {"training/pytorch": {"regions": ["eu-west-1"]}}}}
    home = {"training/pytorch": {"regions": ["us-west-2"]}}
    file.write_text(json.dumps({"region": "us-east-1", "images": home, "regions": other}))
    with pytest.raises(ConfigurationError, match="from us-east-1 to us-west-2 are not replicated further to eu-west-1"):
        load_environment(file)
