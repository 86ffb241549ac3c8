"""The stacks of images: repositories at home, and what other Regions need before their replicas come."""

from collections.abc import Sequence
from typing import Unpack

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import AlarmSettings, RegionModel
from fairlane.environment.alarms import is_topic
from fairlane.images import (
    RegistryReplication,
    ReplicatedRepository,
    ReplicaTemplates,
    ReplicationAlarm,
    ReplicationGate,
    ReplicationMode,
)
from fairlane.monitoring import AlarmTopic
from fairlane.monitoring.alarms.actions import MOST_ACTIONS
from fairlane_stacks.notification_targets import targets_of
from fairlane_stacks.regional_stack import RegionalStack, StackSettings


class ImagesStack(RegionalStack):
    """The repositories of one Region, their replication, and the function that tells how far an image is.

    Args:
        scope: where it goes.
        construct_id: its id, and the stack's name.
        model: what the environment file says of the Region.
        settings: Account, Region, tags and termination protection.

    Attributes:
        repositories: by name.
        gate: for pipelines, if anything is replicated.
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
        if any(image.regions or image.other_accounts for image in model.images.values()):
            RegistryReplication(self, "Replication", mode=ReplicationMode(model.image_replication))
        inside = Construct(self, "Repositories")
        self.repositories = {
            name: ReplicatedRepository(inside, name, repository_name=name, **image.settings)
            for name, image in model.images.items()
        }
        replicated = [one for one in self.repositories.values() if one.destinations]
        self.gate = ReplicationGate(self, "Gate", repositories=replicated) if replicated else None
        if self.gate:
            cdk.CfnOutput(self, "GateFunctionName", value=self.gate.function.name)


class ReplicasStack(RegionalStack):
    """What a Region needs before images are replicated to it, and an alarm on replications that fail there.

    Args:
        scope: where it goes.
        construct_id: its id, and the stack's name.
        repositories: those that are replicated there.
        alarms: who hears of the alarm.
        settings: Account, Region, tags and termination protection.

    Attributes:
        topics: that are made for the alarm.
        alarm: on replications that fail, if alarms are on.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repositories: Sequence[ReplicatedRepository],
        alarms: AlarmSettings,
        **settings: Unpack[StackSettings],
    ) -> None:
        super().__init__(scope, construct_id, **settings)
        self.topics: list[AlarmTopic] = []
        self.alarm: ReplicationAlarm | None = None
        ReplicaTemplates(self, "Templates", repositories=repositories)
        if alarms.enabled:
            every = dict.fromkeys(target for some in alarms.targets([""]).values() for target in some)
            told = [one for one in every if not is_topic(one) or one.split(":")[3] == self.region]
            notify = targets_of(self, "AlarmTopic", told, self.topics)[-MOST_ACTIONS:]
            self.alarm = ReplicationAlarm(
                self, "Failures", repositories=repositories, notify=notify, runbooks=alarms.runbooks
            )
