from typing import Any

from fairlane.scheduling import FairShare, Fifo, QuotaManagement
from fairlane_local import deployed_queues
from tests.fairlane_local.batch.support import (
    P4,
    compute_environment,
    container_queue,
    fair_policy,
    limits,
    quota_queue,
    quota_share,
    service_environment,
    training_queue,
)


def test_deployed_queues_have_their_capacity_and_scheduling_policies(batch: Any) -> None:
    quota_share(batch, quota_queue(batch))
    instances = service_environment(batch, "counted", capacityLimits=limits(4, "NUM_INSTANCES"))
    weights = [{"shareIdentifier": "a", "weightFactor": 2.0}, {"shareIdentifier": "b"}]
    training_queue(batch, instances, "fair", schedulingPolicyArn=fair_policy(batch, shareDistribution=weights))
    training_queue(batch, instances, "fifo")
    managed = compute_environment(batch)
    container_queue(batch, managed)
    quotas, fair_share, fifo, containers = deployed_queues(batch)
    assert isinstance(quotas.scheduling, QuotaManagement)
    assert quotas.scheduling.entitlements(quotas.capacity) == {"team": {P4: 5}}
    assert fair_share.scheduling == FairShare({"a": 2.0, "b": 1.0})
    assert (fifo.scheduling, fifo.capacity) == (Fifo(), {"NUM_INSTANCES": 4})
    assert (containers.scheduling, containers.capacity) == (Fifo(), {"vCPUs": 64})


def test_unmanaged_environments_have_the_vcpus_of_their_description(batch: Any) -> None:
    batch.create_compute_environment(
        computeEnvironmentName="own", type="UNMANAGED", unmanagedvCpus=8, serviceRole="role"
    )
    container_queue(batch, compute_environment(batch), "own")
    (queue,) = deployed_queues(batch)
    assert queue.capacity == {"vCPUs": 72}
