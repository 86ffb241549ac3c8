"""Facts about AWS that Fairlane states unverified. docs/verify.md maps each unverified statement to them."""

from typing import Final

from fairlane_client.verify.fact import Fact
from fairlane_client.verify.open_facts import OPEN_FACTS

_SWEEPS: Final = "docs/sweeps.md"
_METRICS: Final = "docs/job-metrics.md"
_POLICY: Final = "docs/choosing-a-policy.md"
_POLLER: Final = "lambda/fairlane_lambda/queue_poller/handler.py"
_LOCAL: Final = "docs/aws-on-localhost.md"
_EXPORTER: Final = "constructs/fairlane/monitoring/exporter/job_metrics.py"
_FAIR_SHARE: Final = "constructs/fairlane/scheduling/fair_share.py"
_UPDATES: Final = "docs/updating-without-killing-jobs.md"

_SUBMISSIONS: Final = (
    Fact(
        "share-required",
        "SubmitJob to a fair-share queue is refused without a share identifier.",
        (_LOCAL, _FAIR_SHARE),
        "a submission without it",
    ),
    Fact(
        "share-fifo",
        "SubmitJob to a FIFO queue is refused with a share identifier.",
        (_LOCAL,),
        "a submission with one",
    ),
    Fact(
        "share-unlisted",
        "A share identifier that the policy does not list is accepted.",
        (_LOCAL, _FAIR_SHARE),
        "a submission with `other`",
    ),
    Fact(
        "share-prefix",
        "A share identifier that starts with the prefix of the policy is accepted.",
        (_LOCAL, _FAIR_SHARE),
        "a submission with `lab1`; the policy has `lab*`",
    ),
    Fact(
        "share-asterisk",
        "A job cannot have the prefix itself as its share identifier.",
        (_LOCAL,),
        "a submission with `lab*`",
    ),
    Fact(
        "share-characters",
        "Share identifiers of jobs can have hyphens and underscores.",
        (_LOCAL, _FAIR_SHARE),
        "a submission with `team-b_1`",
    ),
    Fact(
        "priority-required",
        "SubmitJob to a fair-share queue is refused if neither job nor job definition has a priority.",
        (_LOCAL,),
        "a submission without a priority",
    ),
    Fact(
        "priority-without-share",
        "SubmitJob to a FIFO queue is accepted with a scheduling priority.",
        (_LOCAL,),
        "a submission with a priority",
    ),
    Fact(
        "listing-delay",
        "A new job is in ListJobs within 60 seconds.",
        (_SWEEPS, "client/fairlane_client/sweeps/submission.py"),
        "ListJobs with the name of a new job, each second",
    ),
    Fact(
        "array-usage",
        "The `capacityUsage` of an array job in ListJobs is that of each child.",
        (_POLLER,),
        "ListJobs of an array job with two children that wait",
    ),
)
_SERVICE_JOBS: Final = (
    Fact(
        "service-listing-delay",
        "A new service job is in ListServiceJobs within 60 seconds.",
        (_SWEEPS, "client/fairlane_client/sweeps/submission.py"),
        "ListServiceJobs with the name of a new job, each second",
    ),
    Fact(
        "service-token",
        "A second SubmitServiceJob with the same client token and payload is refused.",
        (_LOCAL,),
        "the same submission twice",
    ),
    Fact(
        "service-usage",
        "Service jobs in state RUNNABLE have a `capacityUsage`.",
        (_POLLER,),
        "ListServiceJobs of a job that waits",
    ),
    Fact(
        "service-fair-share-unit",
        "The capacity of service jobs in fair-share queues is counted in instances, not in vCPUs.",
        (_POLLER, _FAIR_SHARE),
        "unit of a job that waits in such a queue",
    ),
    Fact(
        "service-event-shape",
        "Events of service jobs have the job's queue, name and status, and neither tags nor payload.",
        (_METRICS, _EXPORTER),
        "events of jobs that wait and are terminated",
    ),
    Fact(
        "service-event-share",
        "Events of service jobs have the quota share or share identifier and the priority.",
        (_METRICS, _EXPORTER),
        "events of jobs that wait and are terminated",
    ),
)
_LIFECYCLE: Final = (
    Fact(
        "event-shape",
        "Events of jobs have the ID, name, queue, status and time of creation of the job, and no `jobStatus`.",
        (_METRICS, _EXPORTER),
        "events of jobs that run and are terminated",
    ),
    Fact(
        "event-share",
        "Events of jobs in a fair-share queue have the share identifier and the priority.",
        (_METRICS, _EXPORTER),
        "events of jobs in such a queue",
    ),
    Fact(
        "event-order",
        "A job that runs has the events RUNNABLE, STARTING, RUNNING and SUCCEEDED, whose times never decrease.",
        (_METRICS, _EXPORTER),
        "events of a job that succeeds",
    ),
    Fact(
        "event-submission",
        "No event reports the submission of a job.",
        (_METRICS,),
        "events of all jobs",
    ),
    Fact(
        "event-milliseconds",
        "Times in events are milliseconds since the epoch.",
        (_EXPORTER,),
        "times in the events of a job that succeeds",
    ),
    Fact(
        "same-priority",
        "Jobs of a share with the same priority keep the order of submission, behind those with a higher one.",
        (_POLICY, _LOCAL),
        "front of a queue in GetJobQueueSnapshot",
    ),
    Fact(
        "snapshot-front",
        "The snapshot of a queue has its RUNNABLE jobs, each with the time at its position.",
        (_METRICS, _EXPORTER),
        "GetJobQueueSnapshot while jobs wait",
    ),
    Fact(
        "snapshot-usage",
        "The snapshot of a queue has the vCPUs in use, in all and of each share, and no GPUs.",
        (_METRICS, _EXPORTER),
        "GetJobQueueSnapshot while a job runs",
    ),
    Fact(
        "disabled-queue",
        "Jobs that wait in a queue start after the queue is disabled.",
        (_UPDATES,),
        "a queue that is disabled while a job waits",
    ),
)
_CHANGES: Final = (
    Fact(
        "deletion-policy-update",
        "CloudFormation accepts an update that changes deletion policies only.",
        (_UPDATES,),
        "a change set of the stack, which is not executed",
    ),
)
_NATIVE_METRICS: Final = (
    Fact(
        "metric-names",
        "AWS Batch publishes the metrics of a queue by its name in `AWS/Batch`, in the documented names.",
        (_METRICS, "constructs/fairlane/queues/native_metrics.py"),
        "GetMetricStatistics of each metric that the jobs of the run cause",
    ),
    Fact(
        "metric-units",
        "Durations in `AWS/Batch` are in milliseconds, and the other metrics are counts.",
        (_METRICS, "constructs/fairlane/queues/native_metrics.py"),
        "units of the same metrics",
    ),
)

FACTS: Final = {
    fact.id: fact for fact in (*_SUBMISSIONS, *_SERVICE_JOBS, *_LIFECYCLE, *_CHANGES, *_NATIVE_METRICS, *OPEN_FACTS)
}
"""All facts by ID, those that a run can settle first."""
