"""The stacks of images of an environment file."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from fairlane import ConfigurationError
from fairlane.environment import Environment, load_environment
from fairlane_stacks import build_stacks
from tests.cfn_lint import findings
from tests.fairlane.monitoring.alarms.watching import of_type
from tests.support import REPOSITORY, template_of

FIFO = {"capacity": 4, "scheduling": {"policy": "fifo"}}


def stacks(**changes: Any) -> dict[str, cdk.Stack]:
    image = {"regions": ["us-west-2", "eu-west-1"], "mutable_tags": ["dev-*"]}
    settings = {"region": "us-east-1", "account": "111122223333", "images": {"training/pytorch": image}}
    made = build_stacks(cdk.App(), "prod", Environment.model_validate(settings | changes))
    return {stack.stack_name: stack for stack in made}


def test_other_regions_have_stacks_by_themselves_that_are_deployed_first() -> None:
    made = stacks()
    assert list(made) == [
        "fairlane-prod-training",
        "fairlane-prod-eu-west-1-replicas",
        "fairlane-prod-us-west-2-replicas",
        "fairlane-prod-images",
    ]
    home = made["fairlane-prod-images"]
    assert {stack.stack_name for stack in home.dependencies} == {
        "fairlane-prod-eu-west-1-replicas",
        "fairlane-prod-us-west-2-replicas",
    }
    for region in ("us-west-2", "eu-west-1"):
        stack = made[f"fairlane-prod-{region}-replicas"]
        (template,) = of_type(stack, "ECR::RepositoryCreationTemplate").values()
        assert stack.region == region
        assert (template["Prefix"], template["ImageTagMutability"]) == ("training", "IMMUTABLE_WITH_EXCLUSION")
    assert "ImportValue" not in "".join(json.dumps(template_of(stack)) for stack in made.values())


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("own", "ECR::ReplicationConfiguration"), ("merge", "::FairlaneRegistryRules"), ("external", None)],
)
def test_whose_the_rules_are_is_said_in_the_file(mode: str, kind: str | None) -> None:
    home = stacks(image_replication=mode)["fairlane-prod-images"]
    types = [one["Type"] for one in template_of(home)["Resources"].values()]
    rules = [one for one in types if one.endswith(("ReplicationConfiguration", "RegistryRules"))]
    assert len(rules) == (kind is not None)
    assert kind is None or rules[0].endswith(kind)


def test_regions_may_replicate_to_each_other() -> None:
    away = {"images": {"serving/models": {"regions": ["us-east-1"]}}}
    made = stacks(regions={"us-west-2": away})
    assert {"fairlane-prod-replicas", "fairlane-prod-us-west-2-images"} < set(made)
    cdk.App.of(made["fairlane-prod-replicas"]).synth()  # type: ignore[union-attr]


def test_failed_replications_tell_who_hears_of_alarms_in_the_region_where_they_occur() -> None:
    made = stacks(alarms={"notify": {"Warning": ["gpus@example.com"]}}, job_metrics={}, queues={"q": FIFO})
    (alarm,) = of_type(made["fairlane-prod-eu-west-1-replicas"], "CloudWatch::Alarm").values()
    (topic,) = of_type(made["fairlane-prod-eu-west-1-replicas"], "SNS::Topic")
    assert alarm["AlarmActions"] == [{"Ref": topic}]
    off = stacks(alarms={"enabled": False}, job_metrics={}, queues={"q": FIFO})
    assert of_type(off["fairlane-prod-eu-west-1-replicas"], "CloudWatch::Alarm") == {}


def test_what_is_not_replicated_leaves_the_rules_of_others_alone() -> None:
    made = stacks(images={"training/pytorch": {}}, image_replication="own")
    types = {one["Type"] for one in template_of(made["fairlane-prod-images"])["Resources"].values()}
    assert types == {"AWS::ECR::Repository"}


def topic(region: str, name: str = "alerts") -> str:
    return f"arn:aws:sns:{region}:111122223333:{name}"


def actions(region: str, **changes: Any) -> list[Any]:
    stack = stacks(**changes)[f"fairlane-prod-{region}-replicas"]
    (alarm,) = of_type(stack, "CloudWatch::Alarm").values()
    return alarm.get("AlarmActions", [])  # type: ignore[no-any-return]


def test_an_alarm_calls_no_topic_of_another_region() -> None:
    home = {"notify": [topic("us-east-1"), "gpus@example.com"]}
    (action,) = actions("us-west-2", alarms=home)
    assert list(action) == ["Ref"]
    assert actions("us-west-2", alarms={"notify": [topic("us-east-1")]}) == []


def test_a_region_with_alarms_of_its_own_tells_who_they_name() -> None:
    away = {"us-west-2": {"alarms": {"notify": [topic("us-west-2")]}}}
    home = {"notify": ["gpus@example.com"]}
    assert actions("us-west-2", alarms=home, regions=away) == [topic("us-west-2")]
    assert len(actions("eu-west-1", alarms=home, regions=away)) == 1
    off = stacks(alarms=home, regions={"us-west-2": {"alarms": {"enabled": False}}})
    assert of_type(off["fairlane-prod-us-west-2-replicas"], "CloudWatch::Alarm") == {}
    assert len(of_type(off["fairlane-prod-eu-west-1-replicas"], "CloudWatch::Alarm")) == 1


def test_an_alarm_calls_no_more_than_it_may_and_addresses_always() -> None:
    some = [topic("us-west-2", f"t{n}") for n in range(6)]
    notify = {"Warning": [*some[:3], "gpus@example.com"], "Critical": some[3:]}
    called = actions("us-west-2", regions={"us-west-2": {"alarms": {"notify": notify}}})
    assert len(called) == 5
    assert [one for one in called if isinstance(one, dict)] != []


def test_of_the_example_every_judge_lets_all_regions_through() -> None:
    app = cdk.App()
    made = build_stacks(app, "example", load_environment(REPOSITORY / "environments" / "example.yaml"))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    of_images = [stack for stack in made if stack.stack_name.endswith(("-images", "-replicas"))]
    assert sorted(stack.region for stack in of_images) == ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"]
    for stack in of_images:
        assert findings(template_of(stack)) == []


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        (
            {"training/pytorch": {"regions": ["us-west-2", "us-west-2"]}},
            "images.\"training/pytorch\".regions[1]: got 'us-west-2', allowed: each Region once",
        ),
        ({"Training": {"regions": ["us-west-2"]}}, "images.Training: got 'Training', allowed: 2 to 256 of a-z"),
        (
            {"training": {"regions": ["cn-north-1"]}},
            "images.training.regions[0]: got 'cn-north-1', allowed: Regions of the partition aws",
        ),
        (
            {f"n{n}/i": {"regions": [f"eu-west-{n + 1}"]} for n in range(11)},
            "images: got '11 rules', allowed: at most 10 in a registry",
        ),
        (
            {"training/pytorch": {"mutable_tags": ["*"]}},
            "images.\"training/pytorch\".mutable_tags[0]: got '*', allowed: not every tag",
        ),
    ],
)
def test_mistakes_are_found_by_the_loader(tmp_path: Any, images: dict[str, Any], problem: str) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(json.dumps({"region": "us-east-1", "images": images}))
    with pytest.raises(ConfigurationError) as raised:
        load_environment(file)
    assert problem in str(raised.value)


def test_what_is_replicated_twice_in_a_row_does_not_arrive(tmp_path: Any) -> None:
    file = tmp_path / "prod.yaml"
    away = {"us-west-2": {"images": {"training/pytorch": {"regions": ["eu-west-1"]}}}}
    home = {"training/pytorch": {"regions": ["us-west-2"]}}
    file.write_text(json.dumps({"region": "us-east-1", "images": home, "regions": away}))
    with pytest.raises(ConfigurationError, match="got 'us-east-1 to us-west-2 to eu-west-1', allowed: one hop"):
        load_environment(file)
