"""Command `fairlane verify`: facts about AWS that Fairlane states unverified, compared with a real account."""

import argparse
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane._internal.output_files import open_output
from fairlane.cli import answers
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane_client.verify.account import Account

_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_REFUSED: Final = 2


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "compare unverified facts about AWS with an account: creates resources for about a dollar, and deletes them"
    verify = commands.add_parser("verify", help=text, description=text)
    verify.add_argument("--account", metavar="ID", help="ID of the account, 12 digits (default: asks for it)")
    verify.add_argument("--region", metavar="REGION", help="Region (default: that of AWS_REGION, or of the profile)")
    verify.add_argument("--yes", action="store_true", help="agree to the resources and the cost (default: asks)")
    text = "JSON file to write; the same as a page is beside it, with the ending .md (default: %(default)s)"
    verify.add_argument("--output", type=Path, default=Path("fairlane-verify.json"), metavar="FILE", help=text)
    verify.set_defaults(run=lambda arguments: answers.run(lambda: _run(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    from fairlane_client.clock import Clock
    from fairlane_client.locations import open_session
    from fairlane_client.verify.account import open_account
    from fairlane_client.verify.run import describe

    account = open_account(open_session("checks of facts", arguments.region), Clock())
    print(f"{describe()}\n")
    if not sys.stdin.isatty() and not (arguments.yes and arguments.account):
        print("fairlane: nothing was created: use --yes and --account ID, or run it in a terminal", file=sys.stderr)
        return _REFUSED
    typed = arguments.account or _ask(f"ID of the account to use in {account.region}: ")
    if typed != account.account_id():
        text = f"the credentials are not those of account {typed!r}"
        print(f"fairlane: nothing was created: {text}", file=sys.stderr)
        return _REFUSED
    if not arguments.yes and _ask("Type yes to create these resources: ") != "yes":
        print("fairlane: nothing was created", file=sys.stderr)
        return _REFUSED
    return _verify(account, arguments.output)


def _ask(question: str) -> str:
    """Return the answer to a question. Empty at the end of the input."""
    try:
        return input(question).strip()
    except EOFError:
        print()
        return ""


def _check(arguments: argparse.Namespace) -> None:
    """Check the options before the first call to AWS."""
    problems = []
    if arguments.account is not None and _ACCOUNT.fullmatch(arguments.account) is None:
        problems.append(Problem(("--account",), arguments.account, "an account ID of 12 digits"))
    if arguments.output.suffix != ".json":
        problems.append(Problem(("--output",), str(arguments.output), "a file with the ending .json"))
    if problems:
        raise ConfigurationError("fairlane verify", problems)


def _interrupt_once(number: int, frame: object) -> None:
    """Interrupt the run. The same signal again does not interrupt the deletion: a closed terminal sends several."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _verify(account: "Account", output: Path) -> int:
    from fairlane_client.verify.findings import CONFIRMED, NOT_SETTLED, REFUTED
    from fairlane_client.verify.run import verify

    for name in ("SIGTERM", "SIGHUP"):  # everything is deleted then, too; Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt_once)
    page = output.with_suffix(".md")
    with open_output(output) as json_file, open_output(page) as page_file:  # before anything is created
        report = verify(account, lambda line: print(f"{line} ...", flush=True))
        json_file.write(report.json())
        page_file.write(report.markdown())
    counts = ", ".join(f"{report.count(verdict)} {verdict}" for verdict in (CONFIRMED, REFUTED, NOT_SETTLED))
    print(f"\n{counts}: {output} and {page}")
    if report.failure:
        print(f"fairlane: the run ended early: {report.failure}", file=sys.stderr)
    if report.left:
        lines = "\n".join(f"  {line}" for line in report.left)
        print(f"fairlane: not deleted:\n{lines}\nDelete it: {report.deletion_command}", file=sys.stderr)
    return 0 if report.is_good else 1
