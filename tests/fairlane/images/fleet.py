"""App and stacks of a fleet that trains in four Regions."""

from typing import Any

from aws_cdk import App, Environment, Stack

from fairlane.images import ReplicatedRepository
from tests.support import recommended_flags, template_of

ACCOUNT, OTHER = "111122223333", "444455556666"
HOME = "us-east-1"
REGIONS = ["us-west-2", "eu-west-1", "eu-central-1"]
DIGEST = "sha256:" + "0123456789abcdef" * 4


def app() -> App:
    return App(context=recommended_flags())


def stack(scope: App, region: str = HOME, account: str = ACCOUNT) -> Stack:
    return Stack(scope, f"Stack-{region}-{account}", env=Environment(account=account, region=region))


def repository(scope: Stack, name: str = "training/pytorch", **arguments: Any) -> ReplicatedRepository:
    return ReplicatedRepository(
        scope, name.replace("/", "-"), repository_name=name, **{"regions": REGIONS, **arguments}
    )


def key(region: str) -> str:
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def resources(stack: Stack, resource_type: str) -> list[dict[str, Any]]:
    """Return the properties of all resources of a type."""
    values = template_of(stack)["Resources"].values()
    return [value["Properties"] for value in values if value["Type"] == resource_type]


def resource(stack: Stack, resource_type: str) -> dict[str, Any]:
    """Return the properties of the only resource of a type."""
    (properties,) = resources(stack, resource_type)
    return properties


def synth_warnings(scope: App) -> dict[str, str]:
    """Return the warnings of a synth by id."""
    warnings = {}
    for artifact in scope.synth().stacks:
        for message in artifact.messages:
            text, _, acknowledge = str(message.entry.data).rpartition(" [ack: ")
            warnings[acknowledge.removesuffix("]")] = text
    return warnings
