"""Scope of a plan: what the lines of a manifest are checked against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from fairlane_lambda.fan_out.config import Config
from fairlane_lambda.fan_out.placement import Choice, Placer
from fairlane_lambda.fan_out.plan.images import Images
from fairlane_lambda.fan_out.plan.queues import Account, Queue
from fairlane_lambda.fan_out.rendering import Template


@dataclass(frozen=True, slots=True)
class Scope:
    """Configuration, account and template that the lines of a plan are checked against.

    Attributes:
        config: Configuration of the fan-out.
        manifest: Name of the manifest.
        retry: True to submit failed lines as a further attempt, and no others.
        is_csv: True if the manifest is CSV.
        account: ID of the account.
        roles: ARNs of the execution roles, by key. The first one is `${role}`.
        template: Function that returns a template by name, the one of the fan-out for None.
        queues: Queues of the account.
        images: Images of the account.
        placer: Rules of the placement.
        bucket_region: Function that returns the Region of a bucket. Empty if it is unknown.
        store: Bucket of the sweep store. Empty for none.
    """

    config: Config
    manifest: str
    retry: bool
    is_csv: bool
    account: str
    roles: Mapping[str, str]
    template: Callable[[str | None], Template | None]
    queues: Account
    images: Images
    placer: Placer
    bucket_region: Callable[[str], str]
    store: str


class Place(NamedTuple):
    """Place of the job of a line."""

    digest: str
    choice: Choice
    queue: Queue
