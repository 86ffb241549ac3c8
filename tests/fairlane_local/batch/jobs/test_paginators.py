"""Each paginator of the boto3 client lists all records, one to a page."""

from typing import Any

from botocore import xform_name

from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.batch.jobs.support import notebook_queue, submit

NAMES = ("first", "second")


def test_each_paginator_lists_all_records(batch: Any) -> None:
    for name in NAMES:
        batch.create_consumable_resource(consumableResourceName=name, totalQuantity=9)
    needs = {"consumableResourceList": [{"consumableResource": "first", "quantity": 1}]}
    queue, _ = [containers.fifo_queue(batch, name=name, consumableResourceProperties=needs) for name in NAMES]
    batch.register_job_definition(
        jobDefinitionName="train", type="container", containerProperties=containers.one_vcpu()
    )
    training = notebook_queue(batch)
    containers_jobs = {containers.submit(batch, queue, jobName=name, jobDefinition="train:1") for name in NAMES}
    service_jobs = {submit(batch, training, name, quotaShareName="QS1") for name in NAMES}
    batch.create_scheduling_policy(name="fair", fairsharePolicy={})
    batch.create_service_environment(
        serviceEnvironmentName="spare",
        serviceEnvironmentType="SAGEMAKER_TRAINING",
        capacityLimits=[{"maxCapacity": 1, "capacityUnit": "NUM_INSTANCES"}],
    )
    requests = {
        "list_jobs": {"jobQueue": queue, "jobStatus": "RUNNABLE"},
        "list_service_jobs": {"jobQueue": training, "jobStatus": "RUNNABLE"},
        "list_jobs_by_consumable_resource": {"consumableResource": "first"},
        "list_quota_shares": {"jobQueue": training},
    }
    numbers: dict[str, int] = {}
    for operation in map(xform_name, batch.meta.service_model.operation_names):
        if not batch.can_paginate(operation):
            continue
        paginator = batch.get_paginator(operation)
        (key,) = [result.expression for result in paginator.result_keys]
        pages = list(paginator.paginate(**requests.get(operation, {}), PaginationConfig={"PageSize": 1}))
        assert [len(page[key]) for page in pages] == [1] * len(pages), operation
        numbers[operation] = len({str(page[key]) for page in pages})
        assert numbers[operation] == len(pages), operation
    assert numbers == {
        "describe_compute_environments": 2,
        "describe_job_definitions": 2,
        "describe_job_queues": 3,
        "describe_service_environments": 2,
        "list_consumable_resources": 2,
        "list_jobs": len(containers_jobs),
        "list_jobs_by_consumable_resource": 2,
        "list_quota_shares": 3,
        "list_scheduling_policies": 2,
        "list_service_jobs": len(service_jobs),
    }
