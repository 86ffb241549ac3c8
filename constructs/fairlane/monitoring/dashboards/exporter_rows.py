"""The rows of a dashboard that are of all queues of an exporter: GPUs of SageMaker, and how the exporter is."""

from collections.abc import Collection, Iterator

from fairlane.monitoring.dashboards.widgets import Widget, graph, text
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.series import exported, of_function, of_queue, search

_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


def console(region: str, service: str) -> str:
    """The address of a service in the AWS console."""
    host = next((host for start, host in _CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
    return f"https://{host}/{service}/home?region={region}"


def exporter_rows(
    metrics: JobMetrics, queues: Collection[str], *, region: str, same_stack: bool
) -> Iterator[list[Widget]]:
    """The rows of an exporter, if it has any of some queues.

    Args:
        metrics: the exporter.
        queues: the names of those to show.
        region: where it is.
        same_stack: whether its functions and queues of events can be referred to.
    """
    names = [name for name in metrics.queues if name in queues]
    if not names:
        return
    if any(metrics.queues[name].service for name in names):
        found = search("GPUUtilization", ["Host"], namespace="/aws/sagemaker/TrainingJobs", statistic="Average")
        every = [{"expression": found, "id": "hosts", "label": "${PROP('Dim.Host')}"}]
        title = "GPU utilization of each SageMaker training instance (100 for each GPU)"
        yield [text(f"## SageMaker training jobs · {region}")]
        yield [graph(title, [every], region=region, unit="%", width=24)]
    logs = f"{console(region, 'cloudwatch')}#logsV2:log-groups/log-group"
    functions = {"events": metrics.events_function, "polls": metrics.poller_function}
    links = " · ".join(f"[logs of {name}]({logs}/{one.log_group_name})" for name, one in functions.items())
    yield [text(f"## The exporter of these metrics · {region}" + (f"\n{links}" if same_stack else ""), height=2)]
    of_polls = {
        "Polls, by queue": (["RunnableJobs"], "SampleCount", "polls in 5 minutes"),
        "Calls that failed, and truncated polls": (["PollErrors", "Truncated"], "Sum", "in 5 minutes"),
        "How long polls took": (["PollSeconds"], "Maximum", "s"),
    }
    yield [
        graph(
            title,
            [
                exported(metrics.namespace, name, queue)
                .by(statistic)
                .in_graph(label=queue if len(some) == 1 else f"{queue} {name}")
                for queue in names
                for name in some
            ],
            region=region,
            unit=unit,
        )
        for title, (some, statistic, unit) in of_polls.items()
    ]
    if same_stack:
        dead = {"could not be used": metrics.dead_letters, "could not be delivered": metrics.rule_dead_letters}
        visible = "ApproximateNumberOfMessagesVisible"
        age = of_queue("ApproximateAgeOfOldestMessage", metrics.events.queue_name, "Maximum")
        yield [
            graph("Events that wait to be counted", [age.in_graph(label="oldest event")], region=region, unit="s"),
            graph(
                "Events in dead-letter queues",
                [of_queue(visible, one.queue_name, "Maximum").in_graph(label=label) for label, one in dead.items()],
                region=region,
                unit="events",
            ),
            graph(
                "Failed invocations of the exporter's functions",
                [of_function("Errors", one.name, "Sum").in_graph(label=name) for name, one in functions.items()],
                region=region,
                unit="invocations",
            ),
        ]
