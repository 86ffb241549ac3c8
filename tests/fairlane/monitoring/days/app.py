"""Deployment of three queues, their exporter and all alarms with default limits."""

from aws_cdk import App, Environment, Stack

from fairlane import (
    FairShare,
    Fifo,
    JobMetrics,
    QuotaManagement,
    QuotaShare,
    Sharing,
    TrainingQueue,
)
from fairlane.capacity import Purchase
from fairlane.cloudwatch.template import template_text
from fairlane.monitoring import QueueAlarms
from fairlane.monitoring.exporter.queue_reader import AnyQueue
from tests.gpu import compute_environment, gpu_queue
from tests.support import recommended_flags, template_of

P4 = "ml.p4d.24xlarge"
TOPIC = "arn:aws:sns:us-east-1:111122223333:oncall"


class Deployment:
    """Deployment of three queues with alarms.

    `p4` has quota shares of 60 and 40 instances, `g5` has fair shares of 144 and 48 vCPUs, half of them Spot Instances,
    and `fifo` has 16 instances.

    Attributes:
        template: Template with all alarms.
        names: Paths of the alarms by logical id.
        composites: Queue (or exporter) and severity of each composite alarm by logical id.
        events: Name of the queue of events in samples.
        dead_letters: Name of the dead-letter queue of events that could not be processed, in samples.
        rule_dead_letters: Name of the dead-letter queue of events that could not be delivered, in samples.
        schedule: Input of the poller by queue name.
    """

    def __init__(self, *, interval_minutes: int = 1) -> None:
        flags = recommended_flags()
        stack = Stack(App(context=flags), "Stack", env=Environment(account="111122223333", region="us-east-1"))
        shares = [
            QuotaShare(name=name, capacity={P4: number}, sharing=Sharing.LEND_AND_BORROW)
            for name, number in (("a", 60), ("b", 40))
        ]
        quotas = TrainingQueue(stack, "P4", queue_name="p4", capacity={P4: 100}, scheduling=QuotaManagement(*shares))
        steady, spot = compute_environment(stack, "Steady"), compute_environment(stack, "Spot", purchase=Purchase.SPOT)
        scheduling = FairShare({"prod": 1.0, "research": 3.0})
        queues: list[AnyQueue] = [
            quotas,
            gpu_queue(stack, steady, spot, name="g5", scheduling=scheduling),
            TrainingQueue(stack, "Fifo", queue_name="fifo", capacity=16, scheduling=Fifo()),
        ]
        metrics = JobMetrics(stack, "Metrics", queues=queues, interval_minutes=interval_minutes)
        alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[TOPIC])
        self.schedule = {name: queue.poll() for name, queue in metrics.queues.items()}
        self.template = template_of(stack)
        self.events = template_text(stack.resolve(metrics.events.queue_name))
        self.dead_letters = template_text(stack.resolve(metrics.dead_letters.queue_name))
        self.rule_dead_letters = template_text(stack.resolve(metrics.rule_dead_letters.queue_name))
        self.names = {
            stack.get_logical_id(alarm): path.removeprefix("Queues/") for path, alarm in alarms.alarms.items()
        }
        self.composites = {
            stack.get_logical_id(alarm): f"{queue}/{severity}" for (queue, severity), alarm in alarms.composites.items()
        } | {
            stack.get_logical_id(alarm): f"Exporter/{severity}"
            for severity, alarm in alarms.exporter_composites.items()
        }
