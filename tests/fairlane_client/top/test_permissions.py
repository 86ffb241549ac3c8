"""Every request of the view is one that `queue.grants.observe` allows."""

from aws_cdk import Stack

from fairlane import GpuQueue, TrainingQueue
from fairlane_client.top.reading import TopReader
from tests.fairlane_client.top.fake_batch import P4, FakeBatch, reader
from tests.grants import role
from tests.iam.roles import Deployment
from tests.iam_evaluator import Request, allowed

_OF_QUEUE = ("get_job_queue_snapshot", "list_quota_shares")


def test_observers_of_a_queue_may_send_all_requests(stack: Stack) -> None:
    TrainingQueue.from_job_queue_name(stack, "Training", "quota-00").grants.observe(role(stack, "Scientist"))
    GpuQueue.from_job_queue_name(stack, "Gpu", "gpu-02").grants.observe(role(stack, "Engineer"))
    deployment = Deployment.of(stack)
    for logical_id, queue in (("Scientist", "quota-00"), ("Engineer", "gpu-02")):
        batch = FakeBatch(waiting=2000)
        view: TopReader = reader(batch, queue)
        (top,) = view.refresh()
        view.jobs(queue, top.shares[0].name, P4)
        assert len({*batch.requests}) >= 5
        requests = [Request(_action(name), _resource(name, queue)) for name in {*batch.requests}]
        assert all(allowed(deployment.statements(logical_id), requests)), requests
        others = [Request(_action(name), _resource(name, "fair-01")) for name in _OF_QUEUE]
        assert not any(allowed(deployment.statements(logical_id), others))


def _action(operation: str) -> str:
    return "batch:" + "".join(word.capitalize() for word in operation.split("_"))


def _resource(operation: str, queue: str) -> str:
    return f"arn:aws:batch:us-east-1:111122223333:job-queue/{queue}" if operation in _OF_QUEUE else "*"
