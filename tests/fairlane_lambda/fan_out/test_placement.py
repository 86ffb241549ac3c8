"""Placement against a brute-force model, on random tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane_lambda.fan_out.config import Config
from fairlane_lambda.fan_out.lines import Candidate, Line
from fairlane_lambda.fan_out.locations import is_access_point
from fairlane_lambda.fan_out.placement import (
    CapacityRow,
    Choice,
    Copy,
    Idle,
    Placer,
    Refusal,
    read_capacity,
)
from fairlane_lambda.fan_out.residency import is_allowed
from fairlane_lambda.fan_out.steps import Placement, Step

REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
TYPES = ("ml.p4d.24xlarge", "ml.g5.xlarge")
BUCKETS = {"us": "us-east-1", "eu": "eu-west-1", "in": "ap-south-1"}
PRICES = {"us-east-1": 0.02, "eu-west-1": 0.02, "ap-south-1": 0.086}


def config(placement: Sequence[str] = tuple(Step), residency: Mapping[str, Sequence[str]] | None = None) -> Config:
    return Config(
        name="campaigns",
        home="us-east-1",
        template="{}",
        query=None,
        regions=dict.fromkeys(REGIONS, ("training", "other")),
        placement=tuple(placement),
        residency={prefix: tuple(regions) for prefix, regions in (residency or {}).items()},
    )


def line(*candidates: Candidate, **fields: Any) -> Line:
    names = ("queue", "share", "priority", "image", "template", "hours", "data_gb")
    values = {"instance_type": TYPES[0], "instance_count": 1, **dict.fromkeys(names), **fields}
    return Line(number=1, id="a", candidates=candidates, parameters={}, fields={}, **values)


def placer(capacity: Mapping[tuple[str, str], CapacityRow], **settings: Any) -> Placer:
    return Placer(config(**settings), capacity, lambda bucket: BUCKETS.get(bucket, ""))


def rows(**members: Mapping[str, Any]) -> dict[tuple[str, str], CapacityRow]:
    return {(region.replace("_", "-"), TYPES[0]): CapacityRow(**row) for region, row in members.items()}


US, EU, IN = (Candidate(region) for region in REGIONS)


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        ({"free_reserved": 15}, {"free_reserved": 14}, "reserved: 15 free, us-east-1: 14 free"),
        ({"idle": {"training": Idle(15)}}, {"idle": {"other": Idle(99)}}, "idle: 15 free, us-east-1: unknown"),
        ({"spot_score": 2}, {"spot_score": 1}, "spot-score: 2, us-east-1: 1"),
        ({"on_demand_price": 2.0}, {"on_demand_price": 2.5}, "price: $60.00, us-east-1: $75.00"),
        ({"on_demand_price": 2.0}, {}, "price: $60.00, us-east-1: unknown"),
    ],
)
def test_each_step_decides(better: Mapping[str, Any], worse: Mapping[str, Any], reason: str) -> None:
    choice = placer(rows(us_east_1=worse, eu_west_1=better)).place(line(US, EU, instance_count=15, hours=2))
    assert choice == Choice("eu-west-1", None, reason)


def test_a_step_decides_only_between_candidates_that_are_equal_before_it() -> None:
    capacity = rows(us_east_1={"spot_score": 9, "on_demand_price": 9}, eu_west_1={"on_demand_price": 1})
    assert placer(capacity, placement=["spot-score", "price"]).place(line(EU, US)).region == "us-east-1"  # type: ignore[union-attr]
    assert placer(capacity, placement=["price", "spot-score"]).place(line(US, EU)).region == "eu-west-1"  # type: ignore[union-attr]


def test_equal_candidates_keep_their_order() -> None:
    assert placer({}).place(line(EU, US)) == Choice("eu-west-1", None, "first of equal candidates")
    assert placer({}, placement=[]).place(line(IN, US)) == Choice("ap-south-1", None, "first of equal candidates")


def test_a_line_takes_capacity_from_the_lines_after_it() -> None:
    free = {"free_reserved": 2, "on_demand_price": 1}
    lines = placer(rows(us_east_1=free, eu_west_1={"free_reserved": 1, "on_demand_price": 2}))
    assert [lines.place(line(US, EU)).region for _ in range(5)] == [*["us-east-1"] * 2, "eu-west-1", *["us-east-1"] * 2]  # type: ignore[union-attr]


def test_instance_types_share_the_idle_capacity_of_a_unit() -> None:
    idle = CapacityRow(idle={"training": Idle(1, "NUM_INSTANCES")})
    lines = placer({("eu-west-1", kind): idle for kind in TYPES})
    assert lines.place(line(US, EU)).region == "eu-west-1"  # type: ignore[union-attr]
    assert lines.place(line(US, EU, instance_type=TYPES[1])).region == "us-east-1"  # type: ignore[union-attr]


def test_transfer_counts_in_the_price() -> None:
    capacity = rows(us_east_1={"on_demand_price": 10}, ap_south_1={"on_demand_price": 12})
    here, there = Candidate("ap-south-1", "s3://in/a/"), Candidate("us-east-1", "s3://in/a/")
    assert placer(capacity).place(line(there, here, hours=1, data_gb=10)).region == "us-east-1"  # type: ignore[union-attr]
    choice = placer(capacity).place(line(there, here, hours=1, data_gb=100))
    assert choice == Choice("ap-south-1", "s3://in/a/", "price: $12.00, us-east-1: $18.60")


def test_the_cost_of_a_copy_counts_for_the_first_line_that_needs_it() -> None:
    capacity = rows(us_east_1={"on_demand_price": 10}, ap_south_1={"on_demand_price": 12})
    candidates = (Candidate("us-east-1", "s3://in/a/", "s3://us/"), Candidate("ap-south-1", "s3://in/a/"))
    copy = Copy("s3://in/a/", "s3://us/a/", "us-east-1", 100, 8.85)
    lines = placer(capacity)
    assert lines.place(line(*candidates, hours=1, data_gb=100)).region == "ap-south-1"  # type: ignore[union-attr]
    chosen = Choice("us-east-1", "s3://us/a/", "price: $108.85, ap-south-1: $120.00; data copied, $8.85", copy)
    assert lines.place(line(*candidates, hours=10, data_gb=100)) == chosen
    chosen = Choice("us-east-1", "s3://us/a/", "price: $10.00, ap-south-1: $12.00; data copied, $8.85", copy)
    assert lines.place(line(*candidates, hours=1, data_gb=100)) == chosen


@pytest.mark.parametrize(
    ("candidate", "problem"),
    [
        (Candidate("us-east-1", "s3://eu/a"), "residency forbids the data there"),
        (Candidate("us-east-1", "s3://eu/a", "s3://us/a"), "residency forbids the data there"),
        (Candidate("us-east-1", "s3://in/a", "s3://eu/a"), "residency forbids the copy there"),
        (Candidate("us-east-1", "s3://us/a", "s3://in/a"), "the bucket of copy_to is in ap-south-1"),
        (Candidate("us-east-1", None, "s3://us/a"), "copy_to needs data in Amazon S3"),
        (Candidate("us-east-1", "/mnt/fsx", "s3://us/a"), "copy_to needs data in Amazon S3"),
    ],
)
def test_candidates_are_dropped(candidate: Candidate, problem: str) -> None:
    settings = {"residency": {"s3://eu/": ["eu-west-1"]}}
    assert placer({}, **settings).place(line(candidate)) == Refusal(f"no candidate left: us-east-1: {problem}")
    choice = placer({}, **settings).place(line(candidate, EU))
    assert choice == Choice("eu-west-1", None, f"the only one left (us-east-1: {problem})")


@pytest.mark.parametrize(
    "location",
    [
        "s3://drives/eu/a",
        "s3://drives/eu",
        "s3://drives/e",
        "s3://drives/",
        "S3://drives/eu/a",
        "arn:aws:s3:::drives/eu/a",
        "https://drives.s3.eu-west-1.amazonaws.com/eu/a",
        "https://drives.s3.amazonaws.com/e%75/a",
        "https://s3.eu-west-1.amazonaws.com/drives/eu/a",
        "s3://drives",
        "arn:aws:s3:us-west-2:123456789012:accesspoint/x/object/eu/a",
        "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/x/eu/a",
        "https://x-123456789012.s3-accesspoint.us-west-2.amazonaws.com/eu/a",
        "s3://x-abcdefghijklmnop-s3alias/eu/a",
        "https://DRIVES.S3-eu-west-1.amazonaws.com/eu/a",
    ],
)
def test_residency_knows_every_way_to_write_a_location(location: str) -> None:
    residency = {"s3://drives/eu/": ["eu-west-1"]}
    assert is_allowed(location, "eu-west-1", residency) is not is_access_point(location)
    assert is_allowed(location, "us-east-1", {})
    assert not is_allowed(location, "us-east-1", residency)


def test_residency_of_other_locations_is_free() -> None:
    for location in (
        None,
        "s3://drives/us/a",
        "s3://drives-eu/eu/a",
        "s3://drive",
        "https://example.com/drives/eu/a",
        "https://[",
        "/mnt/eu/a",
    ):
        assert is_allowed(location, "us-east-1", {"s3://drives/eu/": ["eu-west-1"]})


def test_nested_prefixes_both_count() -> None:
    residency = {"s3://drives/": ["us-east-1", "eu-west-1"], "s3://drives/eu/": ["eu-west-1", "ap-south-1"]}
    allowed = [region for region in REGIONS if is_allowed("s3://drives/eu/a", region, residency)]
    assert allowed == ["eu-west-1"]


@pytest.mark.parametrize(
    ("names", "message"),
    [(["cost"], r"placement\[0\]: cost is unknown"), (["price", "price"], r"\[1\]: price is list")],
)
def test_placement_refuses_steps(names: Sequence[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Placement.parse(names)


class FakeS3:
    class exceptions:  # noqa: N801
        NoSuchKey = KeyError

    def __init__(self, **objects: str) -> None:
        self.objects = {f"capacity/{region.replace('_', '-')}.jsonl": text for region, text in objects.items()}

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        text = self.objects[Key]
        return {"Body": type("Body", (), {"read": lambda self: text.encode()})()}


def test_capacity_is_read_by_region_and_type() -> None:
    def row(queue: str, idle: int | None) -> str:
        members = {"on_demand_price": 1.5, "spot_price": None, "spot_score": 3, "free_reserved": None}
        return json.dumps({"instance_type": TYPES[0], **members, "queue": queue, "idle": idle, "idle_unit": "X"})

    s3 = FakeS3(us_east_1=f"{row('training', 2)}\n{row('other', None)}\n")
    idle = {"training": Idle(2, "X"), "other": Idle(None, "X")}
    expected = {("us-east-1", TYPES[0]): CapacityRow(1.5, None, 3, None, idle)}
    assert read_capacity(s3, "bucket", REGIONS) == expected


# The model: candidates are narrowed step by step, and capacity is recounted from all earlier choices.

few = st.integers(0, 3)
idles = st.builds(Idle, st.none() | few, st.sampled_from(["NUM_INSTANCES", "own"]))
capacity_rows = st.builds(
    CapacityRow,
    on_demand_price=st.none() | st.sampled_from([0.5, 1.0, 2.0]),
    spot_score=st.none() | few,
    free_reserved=st.none() | few,
    idle=st.dictionaries(st.sampled_from(["training", "other"]), idles),
)
tables = st.dictionaries(st.tuples(st.sampled_from(REGIONS), st.sampled_from(TYPES)), capacity_rows)
locations = st.none() | st.sampled_from(["s3://us/a/", "s3://eu/a/", "s3://in/b/", "s3://else/c", "/mnt"])
targets = st.none() | st.sampled_from(["s3://us/", "s3://eu/copy/", "s3://in/copy/"])
candidate_lists = st.lists(
    st.builds(Candidate, st.sampled_from(REGIONS), locations, targets), min_size=1, unique_by=lambda one: one.region
)
manifests = st.lists(
    st.builds(
        lambda candidates, **fields: line(*candidates, **fields),
        candidate_lists,
        instance_type=st.none() | st.sampled_from(TYPES),
        instance_count=st.none() | st.integers(1, 3),
        queue=st.none() | st.sampled_from(["training", "other"]),
        hours=st.none() | st.sampled_from([0.5, 4.0]),
        data_gb=st.none() | st.sampled_from([1.0, 100.0]),
    ),
    max_size=8,
)
residencies = st.dictionaries(
    st.sampled_from(["s3://us/", "s3://eu/a/", "s3://in/copy/", "s3://e"]),
    st.sets(st.sampled_from(REGIONS)),
    max_size=3,
)


def forbidden(location: str | None, region: str, residency: Mapping[str, Any]) -> bool:
    return location is not None and any(
        (location.startswith(prefix) or prefix.startswith(location)) and region not in regions
        for prefix, regions in residency.items()
    )


def target(candidate: Candidate) -> str:
    key = (candidate.data or "").removeprefix("s3://").partition("/")[2]
    return f"{candidate.copy_to}{key}"


def place_by_brute_force(
    lines: Sequence[Line], table: Mapping[tuple[str, str], CapacityRow], steps: Sequence[str], residency: Any
) -> list[tuple[str, str | None] | None]:
    used: list[tuple[str, ...]] = []  # a token for each instance taken
    copied: list[tuple[str | None, str]] = []
    chosen: list[tuple[str, str | None] | None] = []
    for one in lines:
        need = one.instance_count or 1

        def row(candidate: Candidate, kind: str | None = one.instance_type) -> CapacityRow:
            return table.get((candidate.region, kind or ""), CapacityRow())

        def pools(candidate: Candidate, one: Line = one) -> dict[str, tuple[int | None, tuple[str, ...]]]:
            queue = one.queue or "training"
            free, unit = row(candidate).idle.get(queue, Idle())
            return {
                "reserved": (row(candidate).free_reserved, ("R", candidate.region, one.instance_type or "")),
                "idle": (free, ("I", candidate.region, queue, unit)),
            }

        def fits(candidate: Candidate, pool: str, need: int = need, used: Any = used) -> bool:
            free, key = pools(candidate)[pool]
            return free is not None and free - used.count(key) >= need

        def is_copied(candidate: Candidate) -> bool:
            return candidate.copy_to is not None and target(candidate) != candidate.data

        def cost(candidate: Candidate, one: Line = one, need: int = need) -> float | None:
            price = row(candidate).on_demand_price
            if price is None:
                return None
            total = price * need * (one.hours or 1)
            source = BUCKETS.get((candidate.data or "").removeprefix("s3://").split("/")[0], "")
            moved = 0.0 if source in ("", candidate.region) else PRICES[source] * (one.data_gb or 0)
            if not is_copied(candidate):
                return total + moved
            return total + (0 if (candidate.data, candidate.copy_to) in copied else round(moved + 0.25, 2))

        left = [
            candidate
            for candidate in one.candidates
            if not forbidden(candidate.data, candidate.region, residency)
            and not (
                candidate.copy_to is not None
                and (
                    not (candidate.data or "").startswith("s3://")
                    or forbidden(target(candidate), candidate.region, residency)
                    or BUCKETS[(candidate.copy_to or "").split("/")[2]] != candidate.region
                )
            )
        ]
        if not left:
            chosen.append(None)
            continue
        for step in steps:
            if step in ("reserved", "idle"):
                best = [candidate for candidate in left if fits(candidate, step)]
            elif step == "spot-score":
                scores = [score for candidate in left if (score := row(candidate).spot_score) is not None]
                best = [candidate for candidate in left if scores and row(candidate).spot_score == max(scores)]
            else:
                costs = [price for candidate in left if (price := cost(candidate)) is not None]
                best = [candidate for candidate in left if costs and cost(candidate) == min(costs)]
            left = best or left
        winner = left[0]
        for pool in ("reserved", "idle"):
            if fits(winner, pool):
                used.extend([pools(winner)[pool][1]] * need)
        if is_copied(winner):
            copied.append((winner.data, str(winner.copy_to)))
        chosen.append((winner.region, target(winner) if is_copied(winner) else winner.data))
    return chosen


@given(manifests, tables, st.permutations(tuple(Step)), st.integers(0, 4), residencies)
def test_placement_equals_brute_force(
    lines: list[Line], table: Any, order: Sequence[str], number: int, residency: Any
) -> None:
    steps = order[:number]
    placed = placer(table, placement=steps, residency=residency)
    choices = [placed.place(one) for one in lines]
    found = [None if isinstance(choice, Refusal) else (choice.region, choice.data) for choice in choices]
    assert found == place_by_brute_force(lines, table, steps, residency)


@given(manifests, tables, residencies)
def test_residency_is_never_broken(lines: list[Line], table: Any, residency: Any) -> None:
    placed = placer(table, residency=residency)
    for one in lines:
        choice = placed.place(one)
        if isinstance(choice, Choice):
            candidate = next(each for each in one.candidates if each.region == choice.region)
            assert not forbidden(candidate.data, choice.region, residency)
            assert not forbidden(choice.data, choice.region, residency)
            assert choice.copy is None or choice.copy.region == BUCKETS[choice.copy.target.split("/")[2]]
        else:
            assert choice.text.startswith("no candidate left: ")
