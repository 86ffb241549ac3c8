"""Images in the local AWS: their stacks at home and where they are replicated to, and the rules of others."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aws_cdk as cdk
import pytest
from moto.ecr.models import ecr_backends

from fairlane.environment import load_environment
from fairlane_local import LocalAws, client, show, tools_environment
from fairlane_stacks import build_stacks
from tests.support import CDK, recommended_flags

ACCOUNT, HOME, THERE = "123456789012", "us-east-1", "us-west-2"
IMAGES, REPLICAS = "fairlane-example-images", f"fairlane-example-{THERE}-replicas"
ENVIRONMENT: Final = """
region: us-east-1
account: "123456789012"
image_replication: MODE
images:
  training/pytorch:
    regions: [us-west-2]
    mutable_tags: [dev-*]
  plain:
    regions: [us-west-2]
"""
OTHERS: Final = [
    {
        "repositoryFilters": [{"filterType": "PREFIX_MATCH", "filter": prefix}],
        "destinations": [{"registryId": ACCOUNT, "region": region}],
        "newer": {"than boto3": True},
    }
    for prefix, region in (("serving/", "eu-west-1"), ("serving/", "eu-west-1"), ("training/", THERE))
]
"""Rules as somebody may have written them: one twice, all with a field that boto3 does not know."""


def synth(text: str, folder: Path) -> Path:
    (folder / "example.yaml").write_text(text)
    app = cdk.App(outdir=str(folder / "out"), context=recommended_flags())
    build_stacks(app, "example", load_environment(folder / "example.yaml"))
    return Path(app.synth().directory)


@cache
def synthesized(mode: str = "merge") -> tuple[dict[str, str], dict[str, bytes]]:
    """The templates of images by stack, and the files of their asset by key."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        out = synth(ENVIRONMENT.replace("MODE", mode), folder)
        code = {
            asset.name.removeprefix("asset.") + ".zip": Path(
                shutil.make_archive(f"{folder}/code", "zip", asset)
            ).read_bytes()
            for asset in out.glob("asset.*")
        }
        return {stack: (out / f"{stack}.template.json").read_text() for stack in (REPLICAS, IMAGES)}, code


def cloudformation(aws: LocalAws, stack: str) -> Any:
    return client("cloudformation", aws.port, ACCOUNT, THERE if stack == REPLICAS else HOME)


def status(aws: LocalAws, stack: str) -> str:
    return str(cloudformation(aws, stack).describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def reasons(aws: LocalAws, stack: str) -> str:
    events = cloudformation(aws, stack).describe_stack_events(StackName=stack)["StackEvents"]
    return "\n".join(event.get("ResourceStatusReason", "") for event in events)


def deploy(aws: LocalAws, mode: str = "merge") -> None:
    """Creates the stacks of images."""
    templates, code = synthesized(mode)
    client("ssm", aws.port, ACCOUNT, HOME).get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    for key, body in code.items():
        bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{HOME}"
        client("s3", aws.port, ACCOUNT, HOME).put_object(Bucket=bucket, Key=key, Body=body)
    for stack, template in templates.items():
        cloudformation(aws, stack).create_stack(StackName=stack, TemplateBody=template)
        assert status(aws, stack) == "CREATE_COMPLETE", reasons(aws, stack)


def edited(stack: str, kind: str, mode: str = "merge", **properties: Any) -> str:
    """A template in which every resource of a type has other properties."""
    template = json.loads(synthesized(mode)[0][stack])
    for resource in template["Resources"].values():
        if resource["Type"] == kind:
            resource["Properties"] |= properties
    return json.dumps(template)


def rules(text: str = "") -> Any:
    """The rules that the registry at home has, whose text is in them, as bytes would have them."""
    found = ecr_backends[ACCOUNT][HOME].replication_config["rules"]
    return [json.dumps(rule) for rule in found if text in json.dumps(rule)]


def test_merged_rules_leave_those_of_others_as_they_were(aws: LocalAws) -> None:
    ecr_backends[ACCOUNT][HOME].put_replication_configuration({"rules": OTHERS})
    before = rules()
    deploy(aws)
    (mine,) = rules("fairlane-rules/")
    assert rules() == [*before, mine]
    assert f'"region": "{THERE}"' in mine
    for name in ("plain", "training/pytorch"):
        assert f'"filter": "{name}"' in mine

    another = [{"destinations": [{"region": "eu-west-1", "registryId": ACCOUNT}]}]
    another[0]["repositoryFilters"] = [{"filter": "other/", "filterType": "PREFIX_MATCH"}]
    changed = edited(IMAGES, "Custom::FairlaneRegistryRules", Rules=another)
    cloudformation(aws, IMAGES).update_stack(StackName=IMAGES, TemplateBody=changed)
    assert status(aws, IMAGES) == "UPDATE_COMPLETE"
    (mine,) = rules("fairlane-rules/")
    assert rules() == [*before, mine]
    assert '"filter": "other/"' in mine

    cloudformation(aws, IMAGES).delete_stack(StackName=IMAGES)
    assert rules() == before


def test_merged_rules_that_do_not_fit_are_rolled_back_with_the_reason(aws: LocalAws) -> None:
    ecr_backends[ACCOUNT][HOME].put_replication_configuration({"rules": OTHERS})
    deploy(aws)
    before = rules()
    many = [
        {
            "destinations": [{"region": "eu-west-1", "registryId": ACCOUNT}],
            "repositoryFilters": [{"filter": f"other{number}", "filterType": "PREFIX_MATCH"}],
        }
        for number in range(8)
    ]
    broken = edited(IMAGES, "Custom::FairlaneRegistryRules", Rules=many)
    cloudformation(aws, IMAGES).update_stack(StackName=IMAGES, TemplateBody=broken)
    assert status(aws, IMAGES) == "UPDATE_ROLLBACK_COMPLETE"
    assert "11 rules, 8 of them of this resource, where ECR allows 10" in reasons(aws, IMAGES)
    assert rules() == before


def test_repositories_stand_as_they_were_asked_for_and_stay(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws, "own")
    shown = """
Images replicated
Repository        Home Region  Replicated to  Immutable tags
────────────────────────────────────────────────────────────
plain             us-east-1    us-west-2      all
training/pytorch  us-east-1    us-west-2      all but dev-*
"""
    monkeypatch.setenv("COLUMNS", "80")
    show(aws.port)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == shown.splitlines()
    for stack in (IMAGES, REPLICAS):
        cloudformation(aws, stack).delete_stack(StackName=stack)
    for region, names in ((HOME, {"plain", "training/pytorch"}), (THERE, {"plain"})):
        described = client("ecr", aws.port, ACCOUNT, region).describe_repositories()["repositories"]
        assert {one["repositoryName"] for one in described} == names
        assert all(one["imageScanningConfiguration"] == {"scanOnPush": True} for one in described)
        assert all(one["encryptionConfiguration"] == {"encryptionType": "AES256"} for one in described)


def test_a_document_of_rules_is_written_whole_and_deleted_whole(aws: LocalAws) -> None:
    ecr_backends[ACCOUNT][HOME].put_replication_configuration({"rules": OTHERS})
    deploy(aws, "own")
    assert [rule for rule in rules() if "serving/" in rule] == []
    (mine,) = client("ecr", aws.port, ACCOUNT, HOME).describe_registry()["replicationConfiguration"]["rules"]
    assert mine["destinations"] == [{"region": THERE, "registryId": ACCOUNT}]
    assert [one["filter"] for one in mine["repositoryFilters"]] == ["plain", "training/pytorch"]
    kind = "AWS::ECR::ReplicationConfiguration"
    for region, status_ in ((HOME, "UPDATE_ROLLBACK_COMPLETE"), ("eu-west-1", "UPDATE_COMPLETE")):
        to = [{"Region": region, "RegistryId": ACCOUNT}]
        changed = edited(IMAGES, kind, "own", ReplicationConfiguration={"Rules": [{"Destinations": to}]})
        cloudformation(aws, IMAGES).update_stack(StackName=IMAGES, TemplateBody=changed)
        assert status(aws, IMAGES) == status_
        assert ("eu-west-1" in str(rules())) is (status_ == "UPDATE_COMPLETE")
    cloudformation(aws, IMAGES).delete_stack(StackName=IMAGES)
    assert rules() == []


@pytest.mark.slow
def test_both_regions_are_deployed_by_the_cdk_cli_and_destroyed(aws: LocalAws, tmp_path: Path) -> None:
    out = synth(ENVIRONMENT.replace("MODE", "merge"), tmp_path)
    ecr_backends[ACCOUNT][HOME].put_replication_configuration({"rules": OTHERS})
    before = rules()

    def run(*command: str) -> str:
        done = subprocess.run(
            [CDK, *command, "--all", "--app", out],
            env=tools_environment(aws.endpoint_url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("deploy", "--require-approval", "never")
    assert status(aws, IMAGES) == status(aws, REPLICAS) == "CREATE_COMPLETE"
    assert rules()[:-1] == before
    assert run("deploy", "--require-approval", "never").count("(no changes)") == 2
    run("destroy", "--force")
    assert rules() == before
