"""A run: deployment, checks, and a teardown that always happens."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from textwrap import fill
from typing import Final

from fairlane_client.verify.account import Account
from fairlane_client.verify.changes import check_deletion_policies
from fairlane_client.verify.events import check_events
from fairlane_client.verify.findings import Findings, describe_error
from fairlane_client.verify.jobs import Jobs
from fairlane_client.verify.lifecycle import check_lifecycle
from fairlane_client.verify.metrics import check_metrics
from fairlane_client.verify.report import Report
from fairlane_client.verify.stack import Stack, contents
from fairlane_client.verify.submissions import check_listing, check_service_jobs, check_submissions

PRICE_DATE: Final = "2026-11-29"
_WIDTH: Final = 100
COST: Final = (
    "Cost: about 0.10 US dollars, and at most 1. One m5.large instance runs for about ten minutes. Its price is taken "
    "as 0.10 US dollars an hour, and that of its volume and public IPv4 address as 0.01: assumptions for us-east-1 of "
    f"{PRICE_DATE}. Other Regions cost up to twice as much."
)


def describe() -> str:
    """Return what a run creates, and what it costs."""
    resources = "\n".join(f"  {line}" for line in contents())
    text = (
        "This creates one CloudFormation stack, submits about 15 jobs to its own queues, and deletes the stack again. "
        f"It takes 20 to 45 minutes. {COST}"
    )
    roles = "Service-linked roles that AWS creates for AWS Batch, ECS and EC2 Auto Scaling stay. They cost nothing."
    return f"{fill(text, _WIDTH)}\n\nResources of the stack:\n{resources}\n\n{fill(roles, _WIDTH)}"


def verify(account: Account, show: Callable[[str], None]) -> Report:
    """Settle all facts that a run can settle, delete everything, and return the report.

    Args:
        account: Account and Region.
        show: Function that shows a line of progress. Its errors, for example of a closed terminal, do not matter.
    """

    def progress(line: str) -> None:
        with suppress(Exception):
            show(line)

    start = datetime.now(UTC)
    findings, stack = Findings(), Stack(account)
    report = Report(findings, account.region, start, stack.name)
    jobs: list[Jobs] = []
    try:
        progress(f"Stack {stack.name} is being created")
        outputs = stack.deploy()
        jobs.append(Jobs(account, outputs))
        check_deletion_policies(account, stack.name, findings)
        _check(account, jobs[0], outputs["Events"], start, findings, progress)
    except KeyboardInterrupt:
        report.failure = "stopped from the keyboard"
    except Exception as error:  # the report is written in any case
        report.failure = describe_error(error)
    finally:
        _tear_down(stack, jobs, report, progress)
    return report


def _check(
    account: Account, jobs: Jobs, events: str, start: datetime, findings: Findings, progress: Callable[[str], None]
) -> None:
    progress("Submissions are being checked")
    check_submissions(jobs, findings)
    check_listing(jobs, findings)
    check_service_jobs(jobs, findings)
    progress("Two jobs run one after the other, which takes about ten minutes")
    check_lifecycle(jobs, findings)
    jobs.terminate_all()
    progress("Events and metrics are being checked, which takes up to 20 minutes")
    check_events(account, jobs, events, findings)
    check_metrics(account, jobs, start, findings)


def _tear_down(stack: Stack, jobs: list[Jobs], report: Report, progress: Callable[[str], None]) -> None:
    """Delete the stack, also after a first interrupt from the keyboard. The report says what is left."""
    problem = ""
    for question in ("The deletion goes on. To leave the rest undeleted, interrupt again", ""):
        try:
            progress(f"Stack {stack.name} is being deleted, which takes about five minutes")
            for each in jobs:
                each.terminate_all()
            problem = stack.delete()
            break
        except KeyboardInterrupt:
            if question:
                progress(question)
            problem = "the deletion was stopped from the keyboard"
    if problem:
        report.left = [f"stack {stack.name}: {problem}", *stack.left()]
        report.deletion_command = stack.deletion_command
