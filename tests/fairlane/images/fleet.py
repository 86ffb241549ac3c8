"""An app that trains in four Regions, and stacks for it."""

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


def of_type(of: Stack, kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in template_of(of)["Resources"].values() if one["Type"] == kind]


def only(of: Stack, kind: str) -> dict[str, Any]:
    (one,) = of_type(of, kind)
    return one


def warnings_of(scope: App) -> dict[str, str]:
    """By its id, what an app warns of at synth."""
    found = {}
    for artifact in scope.synth().stacks:
        for message in artifact.messages:
            text = str(message.entry.data)
            says, _, acknowledge = text.rpartition(" [ack: ")
            found[acknowledge.removesuffix("]")] = says
    return found
