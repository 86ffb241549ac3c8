"""The stack of one Region that watches its queues."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from fairlane.environment import RegionModel
from fairlane.monitoring import JobMetrics
from fairlane_stacks._training import TrainingStack


class MonitoringStack(cdk.Stack):
    """What watches the queues of one Region: it knows them by their names, and refers to nothing in another stack.

    Args:
        scope: where it goes.
        construct_id: its id, and the stack's name.
        training: the stack that has the queues.
        model: what the environment file says of the Region.
        env: the account and Region.
        tags: tags for all of it.
        termination_protection: whether the stack refuses to be deleted.

    Attributes:
        job_metrics: the exporter.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        training: TrainingStack,
        model: RegionModel,
        env: cdk.Environment,
        tags: Mapping[str, str],
        termination_protection: bool,
    ) -> None:
        super().__init__(scope, construct_id, env=env, tags=dict(tags), termination_protection=termination_protection)
        assert model.job_metrics is not None
        hints = {name: queue.instance_type for name, queue in model.training_queues.items() if queue.instance_type}
        self.job_metrics = JobMetrics(
            self,
            "JobMetrics",
            queues=[*training.training_queues.values(), *training.gpu_queues.values()],
            instance_types=hints,
            **dict(model.job_metrics),
        )
