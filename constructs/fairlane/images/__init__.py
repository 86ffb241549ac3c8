"""Images where the jobs are: repositories that are replicated to every Region that trains."""

from fairlane.images._registry_replication import RegistryReplication, ReplicationMode
from fairlane.images._replica_templates import ReplicaTemplates
from fairlane.images._replicated_repository import ReplicatedRepository
from fairlane.images._replication_alarm import ReplicationAlarm
from fairlane.images._replication_gate import ReplicationGate

__all__ = [
    "RegistryReplication",
    "ReplicaTemplates",
    "ReplicatedRepository",
    "ReplicationAlarm",
    "ReplicationGate",
    "ReplicationMode",
]
