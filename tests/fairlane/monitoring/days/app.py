"""Three queues, their exporter and all alarms, with the limits that they have by default."""

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
from fairlane.cloudwatch.template import plain
from fairlane.monitoring import QueueAlarms
from fairlane.monitoring.exporter.queue_reader import AnyQueue
from tests.gpu import gpu_queue, machines
from tests.support import recommended_flags, template_of

P4 = "ml.p4d.24xlarge"
TOPIC = "arn:aws:sns:us-east-1:111122223333:oncall"


class Deployed:
    """The alarms of `p4`, with quota shares of 60 and 40 instances; of `g5`, with fair shares of 144 and 48 vCPUs, a
    half of them Spot; and of `fifo`, with 16 instances.

    Attributes:
        template: with all alarms in it.
        names: of every alarm, by logical id, by their paths.
        composites: queue (or exporter) and severity of every composite, by logical id.
        events: the queue of events, as samples know it.
        dead_letters: the queue of events that could not be used, as samples know it.
        rule_dead_letters: the queue of events that could not be delivered, as samples know it.
        schedule: what the poller is told of each queue, by its name.
    """

    def __init__(self, *, interval_minutes: int = 1) -> None:
        flags = recommended_flags()
        stack = Stack(App(context=flags), "Stack", env=Environment(account="111122223333", region="us-east-1"))
        shares = [
            QuotaShare(name=name, capacity={P4: number}, sharing=Sharing.LEND_AND_BORROW)
            for name, number in (("a", 60), ("b", 40))
        ]
        quotas = TrainingQueue(stack, "P4", queue_name="p4", capacity={P4: 100}, scheduling=QuotaManagement(*shares))
        steady, spot = machines(stack, "Steady"), machines(stack, "Spot", purchase=Purchase.SPOT)
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
        self.events = plain(stack.resolve(metrics.events.queue_name))
        self.dead_letters = plain(stack.resolve(metrics.dead_letters.queue_name))
        self.rule_dead_letters = plain(stack.resolve(metrics.rule_dead_letters.queue_name))
        self.names = {
            stack.get_logical_id(alarm): path.removeprefix("Queues/") for path, alarm in alarms.alarms.items()
        }
        self.composites = {
            stack.get_logical_id(alarm): f"{queue}/{severity}" for (queue, severity), alarm in alarms.composites.items()
        } | {
            stack.get_logical_id(alarm): f"Exporter/{severity}"
            for severity, alarm in alarms.exporter_composites.items()
        }
