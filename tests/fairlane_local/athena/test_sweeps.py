"""Queries of the results and failures of a sweep, against Python."""

import json
import random
import re
from collections import Counter
from typing import Any

import pytest

from fairlane.sweeps.named_queries import NAMED_QUERIES, PLACEHOLDER
from tests.fairlane_local.athena.support import Store
from tests.support import REPOSITORY

QUERIES = {query.name: query.sql.replace(PLACEHOLDER, "resnet-lr").replace("GPUS", "4") for query in NAMED_QUERIES}


@pytest.fixture(scope="module")
def records(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Results and failures of 48 points, beside a half-written result and those of another sweep."""
    choice = random.Random(19)
    found: dict[str, list[dict[str, Any]]] = {"results": [], "failures": []}
    for index in range(48):
        point = {"LEARNING_RATE": choice.choice([1e-3, 5e-4, 1e-5]), "model_name": f"réseau-{index}"}
        record = {
            "index": index,
            "parameters": {name: str(value) for name, value in point.items()},
            "point": json.dumps(point),
            "started_at": 1_790_000_000 + choice.randrange(10**6) / 1000,
            "seconds": choice.randrange(10**6) / 1000,
            "job": f"job:{index}",
            "attempt": 1,
        }
        if index % 3 == 0:
            found["failures"].append(record | {"state": "FAILED", "reason": "exit code 137"})
        if index % 4:
            value = choice.randrange(20) / 20
            state = "STOPPED" if index % 7 == 0 else "SUCCEEDED"
            metrics = {"val_accuracy": value, "train_loss": choice.random() / 1e4}
            found["results"].append(record | {"state": state, "value": value, "metrics": metrics, "step": None})
    for name, group in found.items():
        for record in group:
            suffix = f"-job-{record['attempt']}" if name == "failures" else ""
            store.put(f"{name}/sweep=resnet-lr/{record['index']}{suffix}.json", record)
            store.put(f"{name}/sweep=resnet-lr-2/{record['index']}{suffix}.json", record | {"value": 9})
    store.put("results/sweep=resnet-lr/99.json", b'{"index": 99, "value": 1')
    return found


def texts(value: str) -> dict[str, str]:
    """Return the map of a text like `{a=1, b=2}`."""
    return dict(item.split("=", 1) for item in value[1:-1].split(", "))


@pytest.mark.parametrize(("name", "sign"), [("leaderboard", -1), ("leaderboard-minimize", 1)])
def test_the_leaderboard_is_a_sort_by_value(
    name: str, sign: int, store: Store, records: dict[str, list[dict[str, Any]]]
) -> None:
    rows = store.rows(QUERIES[name])
    expected = sorted(records["results"], key=lambda record: (sign * record["value"], record["index"]))
    assert [(int(row[0] or ""), float(row[1] or "")) for row in rows] == [(r["index"], r["value"]) for r in expected]
    assert [texts(row[3] or "") for row in rows] == [record["parameters"] for record in expected]
    metrics = [{name: float(text) for name, text in texts(row[4] or "").items()} for row in rows]
    assert metrics == [record["metrics"] for record in expected]


def test_failures_say_if_the_point_has_a_result(store: Store, records: dict[str, list[dict[str, Any]]]) -> None:
    finished = {record["index"] for record in records["results"]}
    expected = sorted(records["failures"], key=lambda record: (-record["started_at"], record["index"]))
    rows = store.rows(QUERIES["failures"])
    assert [[*row[:3], row[6]] for row in rows] == [
        [str(r["index"]), "1", "exit code 137", str(r["index"] in finished).lower()] for r in expected
    ]


def test_gpu_hours_are_sums_by_state(store: Store, records: dict[str, list[dict[str, Any]]]) -> None:
    seconds: Counter[str] = Counter()
    attempts: Counter[str] = Counter()
    for record in records["results"] + records["failures"]:
        seconds[record["state"]] += record["seconds"]
        attempts[record["state"]] += 1
    rows = store.rows(QUERIES["gpu-hours"])
    assert [(state, int(count or "")) for state, count, _ in rows] == sorted(attempts.items())
    assert [float(hours or "") for *_, hours in rows] == pytest.approx(
        [seconds[state] * 4 / 3600 for state in sorted(attempts)]
    )


def test_the_queries_on_the_pages_answer(store: Store, records: dict[str, list[dict[str, Any]]]) -> None:
    by_model, best = (
        query
        for name in ("sweeps.md", "sweep-store.md")
        for query in re.findall(r"```sql\n(.*?)```", (REPOSITORY / "docs" / name).read_text(), re.DOTALL)
    )
    ranked = sorted(records["results"], key=lambda record: (-record["value"], record["index"]))
    assert [[row[0], float(row[1] or "")] for row in store.rows(best)] == [
        [str(record["index"]), record["value"]] for record in ranked[:10]
    ]
    models = {record["parameters"]["model_name"]: record for record in records["results"]}
    rows = store.rows(by_model)
    assert {row[0]: row[1] for row in rows} == dict.fromkeys(models, "1")
    assert {row[0]: float(row[2] or "") for row in rows} == {name: record["value"] for name, record in models.items()}
    hours = {row[0]: float(row[3] or "") for row in rows}
    assert hours == pytest.approx({name: record["seconds"] / 3600 for name, record in models.items()})
    values = [float(row[2] or "") for row in rows]
    assert values == sorted(values, reverse=True)


def test_only_the_objects_of_the_sweep_are_read(store: Store, records: dict[str, list[dict[str, Any]]]) -> None:
    scanned = store.wait(store.start("SELECT count(*) FROM failures WHERE sweep = 'resnet-lr'"))["Statistics"]
    prefix = "failures/sweep=resnet-lr/"
    listed = store.s3.list_objects_v2(Bucket="store", Prefix=prefix)["Contents"]
    assert scanned["DataScannedInBytes"] == sum(item["Size"] for item in listed)
    assert store.rows("SELECT count(*) FROM failures WHERE sweep = 'none'") == [["0"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM results",
        "SELECT * FROM results WHERE sweep > 'a'",
        "SELECT * FROM results WHERE sweep IN (SELECT 'resnet-lr')",
        "SELECT * FROM results WHERE sweep = 'resnet-lr' OR \"index\" = 1",
        "SELECT a.value FROM results AS a LEFT JOIN results AS b ON a.sweep = 'x' WHERE b.sweep = 'resnet-lr'",
        "SELECT * FROM results WHERE sweep = 'x' UNION ALL SELECT * FROM results",
    ],
)
def test_a_query_names_the_sweep_by_literals(sql: str, store: Store) -> None:
    state, reason = store.failure(sql)
    assert (state, reason.split(":")[0]) == ("FAILED", "CONSTRAINT_VIOLATION")
    assert "Injected projected partition column sweep" in reason


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM results WHERE sweep IN ('resnet-lr', 'x')",
        "SELECT count(*) FROM AwsDataCatalog.STORE.Results AS r WHERE 'resnet-lr' = r.Sweep AND 1 = 1",
        "SELECT count(*) FROM results WHERE (sweep = 'resnet-lr' OR sweep = 'x')",
        "WITH mine AS (SELECT * FROM results) SELECT count(*) FROM mine WHERE sweep = 'resnet-lr'",
        "SELECT count(*) FROM (VALUES 1) AS one LEFT JOIN results ON sweep = 'resnet-lr'",
        "SELECT sum(n) FROM (SELECT count(*) AS n, sweep FROM results GROUP BY sweep) WHERE sweep = 'resnet-lr'",
    ],
)
def test_other_forms_of_the_condition(sql: str, store: Store, records: dict[str, list[dict[str, Any]]]) -> None:
    assert store.rows(sql) == [[str(len(records["results"]) + 1)]]
