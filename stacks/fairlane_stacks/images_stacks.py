"""Stacks of image repositories, and of the Regions that the images are replicated to."""

from collections.abc import Sequence
from typing import Unpack

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import AlarmSettings, RegionModel
from fairlane.images import (
    RegistryReplication,
    ReplicatedRepository,
    ReplicaTemplates,
    ReplicationAlarm,
    ReplicationGate,
    ReplicationMode,
)
from fairlane.monitoring import AlarmTopic
from fairlane_stacks.notification_targets import shared_targets
from fairlane_stacks.regional_stack import RegionalStack, StackSettings


class ImagesStack(RegionalStack):
    """Image repositories of one Region, their replication, and the replication gate for pipelines.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        model: Settings of the Region.
        settings: Account, Region, tags and termination protection.

    Attributes:
        repositories: Repositories, by name.
        gate: Replication gate. None if no repository is replicated.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: RegionModel,
        **settings: Unpack[StackSettings],
    ) -> None:
        super().__init__(scope, construct_id, **settings)
        log_key = model.log_encryption_key
        if any(image.regions or image.other_accounts for image in model.images.values()):
            RegistryReplication(
                self, "Replication", mode=ReplicationMode(model.image_replication), log_encryption_key=log_key
            )
        parent = Construct(self, "Repositories")
        self.repositories = {
            name: ReplicatedRepository(parent, name, repository_name=name, **image.settings)
            for name, image in model.images.items()
        }
        replicated = [repository for repository in self.repositories.values() if repository.destinations]
        self.gate = (
            ReplicationGate(self, "Gate", repositories=replicated, log_encryption_key=log_key) if replicated else None
        )
        if self.gate:
            cdk.CfnOutput(self, "GateFunctionName", value=self.gate.function.name)


class ReplicasStack(RegionalStack):
    """Repository creation templates of a Region that images are replicated to, and an alarm on failed replications.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        repositories: Repositories that are replicated to the Region.
        alarms: Settings of the alarm.
        name_prefix: Prefix of the name of the alarm. Default: the name of the stack.
        settings: Account, Region, tags and termination protection.

    Attributes:
        topics: New SNS topics of the alarm.
        alarm: Alarm on failed replications. None if alarms are turned off.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repositories: Sequence[ReplicatedRepository],
        alarms: AlarmSettings,
        name_prefix: str | None = None,
        **settings: Unpack[StackSettings],
    ) -> None:
        super().__init__(scope, construct_id, **settings)
        self.topics: list[AlarmTopic] = []
        self.alarm: ReplicationAlarm | None = None
        ReplicaTemplates(self, "Templates", repositories=repositories)
        if alarms.enabled:
            notify = shared_targets(self, alarms, self.region, self.topics)
            self.alarm = ReplicationAlarm(
                self,
                "Failures",
                repositories=repositories,
                notify=notify,
                runbooks=alarms.runbooks,
                name_prefix=name_prefix,
            )
