"""Command `fairlane usage`: outputs, options and mistakes."""

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fairlane.cli import main, usage
from fairlane_client.usage import Usage
from fairlane_client.usage import usage as use
from fairlane_client.usage.report import CSV_COLUMNS
from tests.fairlane.cli.unwritable import UNWRITABLE
from tests.fairlane_client.usage.test_sources import FILE, write_archive

P4 = "ml.p4d.24xlarge"
MARCH = 1_772_323_200_000
HOUR = 3_600_000
PERIOD = ["--from", "2026-03-01", "--to", "2026-03-03"]
COMMAND = ["usage", "--queue", "training", "-c", "environment=team"]
PRICES = {
    "product": {"attributes": {"usagetype": f"USE1-Train:{P4}", "regionCode": "us-east-1"}},
    "terms": {
        "OnDemand": {
            "a": {
                "effectiveDate": "2026-01-01T00:00:00Z",
                "priceDimensions": {"b": {"unit": "Hrs", "pricePerUnit": {"USD": "25"}}},
            }
        }
    },
}


def record(number: int, share: str, amount: int, start: int, *ends: int) -> dict[str, Any]:
    """Return a job that ran from an hour of March on. Each end but the last one is a preemption."""
    starts = [start, *ends[:-1]]
    attempts = [
        {
            "outcome": "SUCCEEDED" if end == ends[-1] else "PREEMPTED",
            "started_at": MARCH + since * HOUR,
            "stopped_at": MARCH + end * HOUR,
        }
        for since, end in zip(starts, ends, strict=True)
    ]
    job = {"job_id": str(number), "job_name": "x", "queue": "training", "kind": "training", "status": "SUCCEEDED"}
    held = {"share": share, "unit": P4, "amount": amount, "gpus": 8 * amount}
    times = {"created_at": MARCH, "started_at": attempts[-1]["started_at"], "stopped_at": attempts[-1]["stopped_at"]}
    return {**job, **held, **times, "attempts": attempts}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("environments").mkdir()
    Path("environments/team.yaml").write_text(FILE)
    Path("prices.json").write_text(json.dumps({"PriceList": [PRICES]}))
    jobs = (record(1, "a", 4, 0, 10), record(2, "b", 6, 0, 5, 20), record(3, "<b>[bold]", 1, 20, 30))
    return write_archive(tmp_path / "archive", *jobs)


def test_the_table_is_readable_in_80_columns(
    archive: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "_FILE_WIDTH", 80)
    assert main([*COMMAND, *PERIOD, "--archive", archive, "--prices", "prices.json"]) == 0
    out = capsys.readouterr().out
    rows = {
        line.split()[0]: line.split()[1:] for line in out.partition("Instance-hours")[2].splitlines() if line.strip()
    }
    assert rows["a"] == ["40.00", "202.00", "242.00", "46.00", "1,000.00"]
    assert rows["b"] == ["60.00", "30.00", "30.00", "108.00", "228.00", "4.00", "3,000.00"]
    assert max(len(line.rstrip()) for line in out.partition("Sources")[0].splitlines()) <= 80
    assert "Sum 480.00 h = 10 ml.p4d.24xlarge x 48.00 h, exact to the millisecond" in out
    assert "<b>[bold]" in out


def test_the_progress_leaves_the_line_empty(
    archive: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def listing(*arguments: Any, progress: Callable[[int], None], **options: Any) -> Usage:
        progress(1_234)
        return use(*arguments, **options)

    monkeypatch.setattr("fairlane_client.usage.usage", listing)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main([*COMMAND, *PERIOD, "--archive", archive]) == 0
    shown = capsys.readouterr().err
    assert "jobs read: 1,234" in shown
    assert shown.endswith("\x1b[2K")


def test_csv_json_and_page_have_the_same_rows(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = ["--csv", "use.csv", "--html", "use.html", "--json"]
    assert main([*COMMAND, *PERIOD, "--archive", archive, "--prices", "prices.json", *outputs]) == 0
    answer = json.loads(capsys.readouterr().out)
    with Path("use.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["share"] for row in rows] == [row["share"] for row in answer["rows"]] == ["a", "b", "<b>[bold]"]
    assert sum(Decimal(row["total_unit_seconds"]) for row in rows) == 10 * 48 * 3600
    assert float(rows[1]["lost_gpu_hours"]) == 8 * 30
    assert answer["is_complete"]
    page = Path("use.html").read_text()
    assert "&lt;b&gt;[bold]" in page
    assert "<td>1,000.00</td>" in page
    assert "https://" not in page.partition("<script>")[0]


def test_without_prices_the_cost_is_a_dash_and_with_them_a_missing_one_is_named(
    archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*COMMAND, *PERIOD, "--archive", archive])
    assert "- " in capsys.readouterr().out
    Path("prices.json").write_text(json.dumps({"PriceList": []}))
    main([*COMMAND, *PERIOD, "--archive", archive, "--prices", "prices.json"])
    assert f"a price is unknown, of SageMaker training in one Region: {P4}" in capsys.readouterr().out


def test_all_instance_types_without_a_price_are_named(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = record(9, "b", 1, 40, 41)
    other["attempts"][0]["instance_type"] = "ml.p9.48xlarge"
    write_archive(Path(archive), other)
    Path("prices.json").write_text(json.dumps({"PriceList": []}))
    main([*COMMAND, *PERIOD, "--archive", archive, "--prices", "prices.json"])
    assert f"in one Region: {P4}, ml.p9.48xlarge" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "yesterday", "--to", "2026-13-01"], "--from: got 'yesterday', allowed: a date such as 2026-03-01"),
        (["--from", "yesterday", "--to", "2026-13-01"], "--to: got '2026-13-01', allowed: a date such as 2026-03-01"),
        (["--from", "0001-01-01T00:00+14:00"], "--from: got '0001-01-01T00:00+14:00', allowed: a date"),
        (["--from", "2026-03-03", "--to", "2026-03-01"], "not after its start"),
        (["--from", "2999-03-01", "--to", "2999-03-02"], "in the future"),
        ([*PERIOD, "--archive", "absent"], "archive"),
        ([*PERIOD, "--prices", "absent.json"], "absent.json"),
        ([*PERIOD, "--queue", "other"], "other"),
    ],
)
def test_a_mistake_is_one_error(
    archive: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*COMMAND, "--archive", archive, *options]) == 2
    assert message in capsys.readouterr().err


def test_an_environment_file_requires_an_archive(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, *PERIOD]) == 2
    assert "name an archive with --archive" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--csv", "--html"])
@pytest.mark.parametrize(("name", "sentence"), UNWRITABLE)
def test_an_output_that_cannot_be_written_is_an_error_before_the_work(
    archive: str,
    option: str,
    name: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(usage, "open_queue", lambda *arguments: pytest.fail("the work has begun"))
    assert main([*COMMAND, *PERIOD, "--archive", archive, option, name]) == 2
    assert sentence in capsys.readouterr().err


def test_a_failed_run_leaves_the_old_output(archive: str) -> None:
    Path("use.csv").write_text("old")
    assert main([*COMMAND, *PERIOD, "--archive", "absent", "--csv", "use.csv", "--html", "new.html"]) == 2
    assert Path("use.csv").read_text() == "old"
    assert not Path("new.html").exists()
