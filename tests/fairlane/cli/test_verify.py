"""Command `fairlane verify`: consent, account, options and exit codes."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from fairlane.cli import answers, main
from fairlane_client.queues.calls import Throttled
from fairlane_client.verify import account as account_module
from tests.fairlane_client.verify.fake_account import ACCOUNT_ID, FakeAccount


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAccount:
    fake = FakeAccount()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(account_module, "open_account", lambda session, clock: fake.account())
    monkeypatch.setattr(FakeAccount, "_get_caller_identity", lambda self: {"Account": ACCOUNT_ID}, raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    return fake


def answer(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Let a terminal give answers."""
    left = iter(answers)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: next(left))


def test_the_command_states_the_cost_and_the_resources_before_it_creates_them(
    fake: FakeAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["verify", "--yes", "--account", ACCOUNT_ID])
    out = capsys.readouterr().out
    before = out.partition("is being created")[0]
    assert "Cost: about 0.10 US dollars, and at most 1." in before
    assert "1 x AWS::Batch::ComputeEnvironment" in before
    assert not fake.stacks
    report = json.loads(Path("fairlane-verify.json").read_text())
    assert report["region"] == "us-east-1"
    assert Path("fairlane-verify.md").read_text().startswith("# Report of fairlane verify")


@pytest.mark.parametrize("options", [[], ["--yes"], ["--account", ACCOUNT_ID]])
def test_without_a_terminal_both_options_are_needed(
    fake: FakeAccount, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert main(["verify", *options]) == 2
    assert "nothing was created: use --yes and --account ID" in capsys.readouterr().err
    assert not fake.calls
    assert not Path("fairlane-verify.json").exists()


def test_another_account_is_refused(fake: FakeAccount, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--yes", "--account", "111122223333"]) == 2
    error = capsys.readouterr().err
    assert error == "fairlane: nothing was created: the credentials are not those of account '111122223333'\n"
    assert ACCOUNT_ID not in error
    assert fake.calls == ["sts.get_caller_identity"]


def test_a_terminal_asks_for_the_account_and_for_consent(
    fake: FakeAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, ACCOUNT_ID, "yes")
    assert main(["verify"]) == 1  # the fake account confirms only some facts
    assert "cloudformation.create_stack" in fake.calls
    assert "confirmed" in capsys.readouterr().out


@pytest.mark.parametrize("answers", [("",), ("1234",), (ACCOUNT_ID, ""), (ACCOUNT_ID, "y"), (ACCOUNT_ID, "no")])
def test_other_answers_create_nothing(
    fake: FakeAccount, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...]
) -> None:
    answer(monkeypatch, *answers)
    assert main(["verify"]) == 2
    assert fake.calls == ["sts.get_caller_identity"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--account", "123"], "--account: got '123', allowed: an account ID of 12 digits"),
        (["--account", "12345678901"], "an account ID of 12 digits"),
        (["--output", "report.txt"], "--output: got 'report.txt', allowed: a file with the ending .json"),
        (["--output", "missing/report.json"], "there is no folder missing"),
    ],
)
def test_wrong_options_create_nothing(
    fake: FakeAccount, capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    assert main(["verify", "--yes", "--account", ACCOUNT_ID, *options]) == 2
    assert text in capsys.readouterr().err
    assert "cloudformation.create_stack" not in fake.calls


def test_what_is_left_is_printed_with_the_command_that_deletes_it(
    fake: FakeAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.deletion_fails = 99
    assert main(["verify", "--yes", "--account", ACCOUNT_ID]) == 1
    error = capsys.readouterr().err
    assert "AWS::EC2::VPC Vpc vpc-1" in error
    assert "Delete it: aws cloudformation delete-stack --region us-east-1 --stack-name fairlane-verify-" in error


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_stops_the_run_once(fake: FakeAccount, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A closed terminal sends several signals, and the second interrupt would end the deletion."""
    handlers: dict[int, Any] = {}
    number = getattr(signal, name)
    monkeypatch.setattr("signal.signal", handlers.__setitem__)

    def submit(**_: Any) -> Any:
        handlers[number](number, None)

    monkeypatch.setattr(fake, "_submit_job", submit)
    assert main(["verify", "--yes", "--account", ACCOUNT_ID]) == 1
    assert handlers[number] == signal.SIG_IGN
    assert not fake.stacks


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_an_empty_region_is_no_region(
    fake: FakeAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    for each in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv(variable, "")
    assert main(["verify", "--yes", "--account", ACCOUNT_ID]) == 1
    assert capsys.readouterr().err == "fairlane: no Region: set AWS_REGION, for example AWS_REGION=us-east-1\n"
    assert not fake.calls


def test_denied_credentials_are_an_error_without_a_traceback(
    fake: FakeAccount, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.denied = {"sts.get_caller_identity"}
    arguments: Any = ["verify", "--yes", "--account", ACCOUNT_ID]
    assert main(arguments) == 1
    assert "AccessDenied" in capsys.readouterr().err
    assert fake.calls == ["sts.get_caller_identity"]


def test_a_call_that_stays_throttled_is_an_error_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise Throttled("batch:ListJobs failed 6 times")

    assert answers.run(fail) == 1
    assert capsys.readouterr().err == "fairlane: batch:ListJobs failed 6 times\n"
