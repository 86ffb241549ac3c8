"""Command `fairlane check`: the mistakes of a submission before AWS Batch gets it."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlane.cli import answers
from fairlane.cli.queue_options import add_queue_options, environment_path, open_calls, open_queue, print_json
from fairlane.errors import Advice, ConfigurationError, Problem, dotted

if TYPE_CHECKING:
    from fairlane_client.checks import Findings
    from fairlane_client.queues.calls import Calls
    from fairlane_client.queues.queue import Queue


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "check a submission against AWS Batch, SageMaker and the queue, without submitting it"
    parser = commands.add_parser("check", help=text, description=text)
    text = "JSON file with the request of SubmitServiceJob or SubmitJob, or the payload of CreateTrainingJob"
    parser.add_argument("file", type=Path, metavar="FILE", help=text)
    add_queue_options(parser)
    parser.add_argument("--share", default="", metavar="SHARE", help="share of the job (default: that of the request)")
    text = "scheduling priority of the job (default: that of the request)"
    parser.add_argument("--priority", type=int, metavar="NUMBER", help=text)
    parser.set_defaults(run=lambda arguments: answers.run(lambda: _run(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    from fairlane_client.checks.findings import Findings, Mistake, Stage, find_mistakes
    from fairlane_client.checks.submissions import read_submission

    submission = read_submission(arguments.file)
    calls = open_calls() if arguments.context is None else None
    queue = open_queue(arguments, calls)
    options: dict[str, Any] = {"share": arguments.share, "priority": arguments.priority}
    try:
        definition = _definition(arguments, calls, submission.get("jobDefinition"), queue)
        if isinstance(definition, Mapping):
            options["job_definition"] = definition
        findings = find_mistakes(submission, queue, **options)
    except ConfigurationError as error:
        raise ConfigurationError(str(arguments.file), error.problems) from None
    if isinstance(definition, Problem):
        findings = Findings((Mistake(Stage.SUBMISSION, definition), *findings.mistakes), findings.warnings)
    elif isinstance(definition, Advice):
        findings = Findings(findings.mistakes, (*findings.warnings, definition))
    if arguments.json:
        print_json(_plain(findings))
    else:
        _print(str(arguments.file), queue.name, findings)
    return 1 if findings.mistakes else 0


def _definition(
    arguments: argparse.Namespace, calls: "Calls | None", reference: object, queue: "Queue"
) -> "Mapping[str, Any] | Advice | Problem | None":
    """Return the job definition of a request of SubmitJob. None for other requests."""
    from fairlane_client.checks.definitions import definition_of_environment, read_definition

    if not isinstance(reference, str) or queue.kind != "gpu":
        return None
    if calls is None:
        return definition_of_environment(environment_path(arguments), queue.name, reference)
    return read_definition(calls, reference)


def _plain(findings: "Findings") -> dict[str, Any]:
    problems = [
        {"stage": mistake.stage, "field": dotted(mistake.problem.field), "text": _text(mistake.problem)}
        for mistake in findings.mistakes
    ]
    return {"problems": problems, "warnings": [{"id": each.id, "text": each.message} for each in findings.warnings]}


def _text(problem: Problem) -> str:
    return str(replace(problem, field=()))


def _print(name: str, queue: str, findings: "Findings") -> None:
    """Print the warnings, and the mistakes by the moment at which each would show."""
    from fairlane_client.checks.findings import Stage

    headings = {
        Stage.SUBMISSION: "AWS Batch refuses the submission",
        Stage.TRAINING: "SageMaker refuses the training job when it starts",
        Stage.NEVER: f"the job cannot start in {queue}",
    }
    count = len(findings.mistakes)
    verdict = f"{count} problem{'s' if count != 1 else ''}" if count else f"no problems: {queue} can run the job"
    print(f"{name}: {verdict}", file=sys.stderr if count else sys.stdout)
    for stage, heading in headings.items():
        problems = [mistake.problem for mistake in findings.mistakes if mistake.stage == stage]
        if problems:
            print("\n".join([f"{heading}:", *(f"  - {problem}" for problem in problems)]), file=sys.stderr)
    for warning in findings.warnings:
        print(f"warning ({warning.id}): {warning.message}", file=sys.stderr)
