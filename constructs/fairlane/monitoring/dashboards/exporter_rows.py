"""Dashboard rows of an exporter: GPU utilization of SageMaker training jobs, and the exporter's health."""

from collections.abc import Collection, Iterator

from fairlane.monitoring.dashboards.widgets import Widget, graph, text
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.series import exported_metric, lambda_metric, search_expression, sqs_metric

_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


def console(region: str, service: str) -> str:
    """Return the address of a service in the AWS console."""
    host = next((host for start, host in _CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
    return f"https://{host}/{service}/home?region={region}"


def exporter_rows(
    metrics: JobMetrics, queues: Collection[str], *, region: str, same_stack: bool
) -> Iterator[list[Widget]]:
    """Yield the rows of an exporter, if it monitors any of the queues.

    Args:
        metrics: Exporter.
        queues: Names of the queues on the dashboard.
        region: Region of the exporter.
        same_stack: True if the dashboard is in the exporter's stack, so that it can refer to functions and SQS queues.
    """
    names = [name for name in metrics.queues if name in queues]
    if not names:
        return
    if any(metrics.queues[name].service for name in names):
        hosts = search_expression(
            "GPUUtilization", ["Host"], namespace="/aws/sagemaker/TrainingJobs", statistic="Average"
        )
        lines = [{"expression": hosts, "id": "hosts", "label": "${PROP('Dim.Host')}"}]
        title = "GPU utilization of each SageMaker training instance (100 % per GPU)"
        yield [text(f"## SageMaker training jobs · {region}")]
        yield [graph(title, [lines], region=region, unit="%", width=24)]
    logs = f"{console(region, 'cloudwatch')}#logsV2:log-groups/log-group"
    functions = {"events": metrics.events_function, "polls": metrics.poller_function}
    links = " · ".join(f"[logs of {name}]({logs}/{function.log_group_name})" for name, function in functions.items())
    yield [text(f"## Exporter of job metrics · {region}" + (f"\n{links}" if same_stack else ""), height=2)]
    poll_graphs = {
        "Polls, by queue": (["RunnableJobs"], "SampleCount", "polls in 5 minutes"),
        "Failed calls and truncated polls": (["PollErrors", "Truncated"], "Sum", "in 5 minutes"),
        "Duration of polls": (["PollSeconds"], "Maximum", "s"),
    }
    yield [
        graph(
            title,
            [
                exported_metric(metrics.namespace, name, queue)
                .with_statistic(statistic)
                .graph_row(label=queue if len(metric_names) == 1 else f"{queue} {name}")
                for queue in names
                for name in metric_names
            ],
            region=region,
            unit=unit,
        )
        for title, (metric_names, statistic, unit) in poll_graphs.items()
    ]
    if same_stack:
        dead_letters = {"not processed": metrics.dead_letters, "not delivered": metrics.rule_dead_letters}
        visible = "ApproximateNumberOfMessagesVisible"
        age = sqs_metric("ApproximateAgeOfOldestMessage", metrics.events.queue_name, "Maximum")
        yield [
            graph("Age of the oldest uncounted event", [age.graph_row(label="oldest event")], region=region, unit="s"),
            graph(
                "Events in dead-letter queues",
                [
                    sqs_metric(visible, queue.queue_name, "Maximum").graph_row(label=label)
                    for label, queue in dead_letters.items()
                ],
                region=region,
                unit="events",
            ),
            graph(
                "Failed invocations of the exporter's functions",
                [
                    lambda_metric("Errors", function.name, "Sum").graph_row(label=name)
                    for name, function in functions.items()
                ],
                region=region,
                unit="invocations",
            ),
        ]
