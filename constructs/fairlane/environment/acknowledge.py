"""Ids of Fairlane's warnings, and rules of `acknowledge` in an environment file."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from fairlane.errors import Problem

WARNING_IDS: Final = (
    "fairlane:FanOutAlarms.noAction.Critical",
    "fairlane:FanOutAlarms.noAction.Warning",
    "fairlane:GpuComputeEnvironment.defaultSecurityGroup",
    "fairlane:GpuComputeEnvironment.isolatedSubnets",
    "fairlane:GpuComputeEnvironment.minGpus",
    "fairlane:GpuComputeEnvironment.partialInstance",
    "fairlane:GpuComputeEnvironment.publicSubnets",
    "fairlane:GpuComputeEnvironment.unverifiedInstanceType",
    "fairlane:GpuQueue.idleGpus",
    "fairlane:GpuQueue.imageOutOfReach",
    "fairlane:HostVolume.uncheckedFolder",
    "fairlane:HostVolume.unusualFolder",
    "fairlane:HyperPodCluster.efaZones",
    "fairlane:HyperPodCluster.healthChecksWithoutAccelerators",
    "fairlane:HyperPodCluster.noEndpoints",
    "fairlane:HyperPodCluster.noRecovery",
    "fairlane:HyperPodCluster.poolWithoutLimit",
    "fairlane:HyperPodCluster.threadsPerCore",
    "fairlane:HyperPodMonitoring.noAction.Critical",
    "fairlane:HyperPodMonitoring.noAction.Warning",
    "fairlane:JobArchive.noAction",
    "fairlane:MonitoringStack.stacks",
    "fairlane:QueueAlarms.noAction.Critical",
    "fairlane:QueueAlarms.noAction.Warning",
    "fairlane:QueueGrants.combined",
    "fairlane:QueueGrants.notGranted",
    "fairlane:QueueGrants.otherAccount",
    "fairlane:QuotaManagement.quotasAboveCapacity",
    "fairlane:QuotaManagement.quotasBelowCapacity",
    "fairlane:RegionalStack.unknownRegion",
    "fairlane:RegionalStack.unknownRoutes",
    "fairlane:ReplicationAlarm.noAction",
    "fairlane:ServiceEnvironment.unknownInstanceType",
    "fairlane:TaskGovernance.halvedVcpus",
    "fairlane:TaskGovernance.idleRayClusters",
    "fairlane:TeamNamespace.requests",
    "fairlane:TrainingSchedule.noAction",
)
"""Ids of warnings and of information. An id is public: a file or an app acknowledges it."""
WARNING_PREFIXES: Final = (
    "fairlane:RegistryReplication.sibling.",
    "fairlane:ReplicatedRepository.mutableTag.",
    "fairlane:ReplicatedRepository.noTemplate.",
)
"""Starts of ids that end with the name of a repository, tag or Region."""

CLI_PREFIX: Final = "Annotation::"
"""Text before the ids of warnings in the output of the AWS CDK CLI."""

WARNING_ID: Final = re.compile(rf"(?:{CLI_PREFIX})?(?:fairlane:[A-Z]|@[a-z0-9-]+/)\S+")
"""Form of the ids of warnings, of Fairlane or of another library of constructs, for example @aws-cdk/aws-ec2:noZone."""


def acknowledge_problems(acknowledge: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the ids that no warning has, and the reasons without text. Ids of other libraries are unknown."""
    for warning, reason in acknowledge.items():
        field = ("acknowledge", warning)
        name = warning.removeprefix(CLI_PREFIX)
        known = name in WARNING_IDS or any(re.match(f"{re.escape(start)}.", name) for start in WARNING_PREFIXES)
        if not known and (name.startswith("fairlane:") or not WARNING_ID.fullmatch(warning)):
            question = "".join(f" (did you mean {similar}?)" for similar in get_close_matches(name, WARNING_IDS, 1))
            allowed = "the id of a warning, which the synth prints after the warning"
            yield Problem(field, warning, allowed + question)
        if not reason.strip():
            yield Problem(field, reason, "the reason why the warning is acknowledged")
