"""Numbers, trace and pictures of the scenario of an elastic job that grows at night."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from fairlane.cli import main
from fairlane.rehearsal.hyperpod import ClusterRehearsal, ClusterTrace, rehearse_cluster
from fairlane.rehearsal.report.table import duration
from tests.docs.elastic_pictures import HOURS, days_charts, rehearsals, row
from tests.docs.scenarios import CLUSTER_PAGES
from tests.support import REPOSITORY

(PAGE,) = CLUSTER_PAGES
TEXT = re.sub(r"\s+", " ", PAGE.text)
COMMAND = (
    "fairlane rehearse environments/hyperpod.yaml --cluster training --trace docs/examples/two-nights.csv "
    "--hours 48 --against static"
)
ELASTIC, STATIC = rehearsals()["elastic"], rehearsals()["static"]
START = ELASTIC.span[0]


def comparison() -> Iterator[str]:
    """Yield the rows of the table of the page."""

    def line(label: str, values: list[str]) -> str:
        return f"| {label} | {' | '.join(values)} |"

    both = [STATIC, ELASTIC]
    llama = [each.outcomes[row("llama")] for each in both]
    yield line("", ["static", "elastic"])
    yield "|---|---:|---:|"
    yield line("idle GPU-hours of the cluster", [f"{(each.idle or 0) / 3600:,.1f}" for each in both])
    yield line("GPU-hours that `llama` holds", [f"{_held(each) / 3600:,.1f}" for each in both])
    yield line("tokens, in billions", [f"{(each.tokens or 0) / 1e9:.2f}" for each in llama])
    yield line("changes of the size", [str(each.moves) for each in llama])
    yield line("GPU-hours of saving and restarting", [f"{each.moving / 3600:.1f}" for each in llama])
    yield line("GPU-hours of lost work", [f"{each.lost / 3600:.1f}" for each in llama])
    yield line("`llama` stands still", [duration(each.waited) for each in llama])
    for name in ("urgent", "tuesday"):
        yield line(f"`{name}` waits", [duration(each.outcomes[row(name)].waited) for each in both])


def _held(rehearsal: ClusterRehearsal) -> int:
    return 8 * rehearsal.size_of(row("llama")).integral([rehearsal.span])


def gpus(rehearsal: ClusterRehearsal, hour: float) -> int:
    return 8 * rehearsal.size_of(row("llama")).value_at(START + int(hour * 3600))


def test_the_command_of_the_page_has_the_documented_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    (block,) = re.findall(r"^```console\n\$ (.*?)^```", PAGE.text, re.DOTALL | re.MULTILINE)
    command, *printed = block.splitlines()
    assert command == COMMAND
    assert main(command.split()[1:]) == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == printed


def test_the_table_of_the_page_has_the_numbers_of_the_rehearsals() -> None:
    assert "\n".join(comparison()) + "\n\n" in PAGE.text


def test_the_job_grows_and_shrinks_as_the_page_says() -> None:
    assert [gpus(ELASTIC, hour) for hour in (1, 15, 25, 31, 34, 40)] == [32, 128, 32, 24, 32, 128]
    assert [gpus(STATIC, hour) for hour in (1, 15, 25, 31, 34, 40)] == [32, 32, 32, 0, 32, 32]
    assert "32 → 128 → 32" in TEXT
    assert "24 of its 32 GPUs go on" in TEXT


def test_the_answer_has_the_numbers_of_the_rehearsals() -> None:
    grown, still = (each.outcomes[row("llama")] for each in (ELASTIC, STATIC))
    times = f"{(grown.tokens or 0) / (still.tokens or 1):.1f} times as many tokens"
    assert times in TEXT
    for page in ("docs/scenarios/README.md", "README.md"):
        assert times in re.sub(r"\s+", " ", (REPOSITORY / page).read_text())
    assert (grown.moves, grown.lost, still.lost > 0) == (6, 0, True)
    assert "saves and restarts six times" in TEXT
    assert f"after {ELASTIC.outcomes[row('tuesday')].waited / 60:g} minutes" in TEXT


def test_the_idle_hours_are_those_of_the_page() -> None:
    day, hours, idle = 96 * 24, 96 * 10, (STATIC.idle or 0) / 3600
    assert f"{day:,} idle GPU-hours a day, which is 96 \N{MULTIPLICATION SIGN} 24" in TEXT
    assert f"96 \N{MULTIPLICATION SIGN} 10 = {hours}" in TEXT
    nights = [(START + 3600 * first, START + 3600 * (first + 10)) for first in (14, 38)]
    assert all(256 - STATIC.total.use.value_at(night[0]) == 96 for night in nights)
    unused = 256 * 20 - STATIC.total.use.integral(nights) / 3600
    assert (unused, idle) == (2 * hours, 2 * hours + 24 * 3)
    assert f"two nights of {hours}, and three hours with 24 idle GPUs" in TEXT


def test_the_speeds_are_those_of_the_article_and_a_straight_line() -> None:
    rates = ELASTIC.trace.jobs[row("llama")].rates()
    assert [int(rates[size]) for size in (1, 8)] == [2000, 14_000]
    assert f"{14_000 / 8 / 2000:.1%}" == "87.5%"
    assert "2,000 tokens per second on one instance, and 14,000 on eight, which is 87.5 % of linear" in TEXT
    assert round(14_000 + 8 * (14_000 - 2000) / 7) == rates[16]
    assert f"{int(rates[16]):,} on 16" in TEXT
    assert f"{int(rates[16]) / 16 / 2000:.1%}".replace("%", " %") in TEXT
    assert f"{float(rates[4]):,.0f} on four" in TEXT


def test_larger_steps_stop_the_whole_job() -> None:
    jobs = list(ELASTIC.trace.jobs)
    large = replace(jobs[row("llama")], instances=4, min_instances=4, step=4, static_instances=None)
    large = replace(large, tokens_per_second={4: 7143, 16: 27_714})
    jobs[row("llama")] = large
    result = rehearse_cluster(ELASTIC.setup, ClusterTrace.of(jobs), hours=HOURS)
    assert gpus(result, 15) == 128
    assert gpus(result, 31) == 0
    assert "With `min` and `step` of 4, the job grows in the same way, and `urgent` stops all of it" in TEXT


def test_the_page_is_complete() -> None:
    shown = re.findall(r'(?:src|srcset)="\.\./images/scenarios/(.*?)"', PAGE.text)
    assert shown == [f"{PAGE.name}-dark.png", f"{PAGE.name}.png"]
    for name in shown:
        assert (REPOSITORY / "docs" / "images" / "scenarios" / name).stat().st_size < 80_000
    assert re.search(r'alt="[^"]{40,}"', PAGE.text)
    assert len(PAGE.text.splitlines()) <= 100


def test_the_picture_shows_the_rehearsals() -> None:
    use, sizes = days_charts().values()
    assert use.figure is not None
    assert sizes.figure is not None
    areas = {area["name"]: area["y"] for area in use.figure["data"]}
    assert areas.keys() == ELASTIC.teams.keys()
    totals = [sum(values) for values in zip(*areas.values(), strict=True)]
    assert max(totals) == 256
    lines = {line["name"]: line["y"] for line in sizes.figure["data"]}
    steps = [after for before, after in pairwise([None, *lines["elastic"]]) if after != before]
    assert steps == [8, 32, 128, 32, 24, 32, 128]
    assert {*lines["static"]} == {0, 32}
