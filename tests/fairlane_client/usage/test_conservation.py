"""Use by share of random histories, against a model that looks at each millisecond."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fairlane_client.queues.archive_records import ArchivedAttempt, ArchivedJob, latest
from fairlane_client.usage.holds import Gap, Hold, archived_use, holds
from fairlane_client.usage.ledger import SCALE, Amounts, RowKind, divide, unit_rows

END = 60
SHARES = ("a", "b", "guest")
P4 = "ml.p4d.24xlarge"


@st.composite
def jobs(draw: st.DrawFn) -> ArchivedJob:
    """Return a job: single, child of an array or with several nodes; it succeeded, was retried, or was preempted."""
    created = time = draw(st.integers(-20, END))
    attempts = []
    for _ in range(draw(st.integers(0, 4))):
        scheduled = time + draw(st.integers(0, 9))
        started = scheduled + draw(st.integers(0, 3))
        time = started + draw(st.integers(0, 20))
        known = draw(st.sampled_from([scheduled, None]))
        outcome = draw(st.sampled_from(["SUCCEEDED", "FAILED", "PREEMPTED"]))
        attempts.append(ArchivedAttempt(outcome=outcome, scheduled_at=known, started_at=started, stopped_at=time))
    nodes = draw(st.integers(1, 3))
    index = draw(st.none() | st.integers(0, 9))
    return ArchivedJob(
        job_id=str(draw(st.integers(0, 10**9))),
        job_name="job",
        queue="queue",
        share=draw(st.sampled_from(SHARES)),
        kind="training",
        status="FAILED",
        unit=P4,
        amount=nodes,
        gpus=8 * nodes,
        created_at=created,
        stopped_at=time,
        array_index=index,
        nodes=nodes,
        attempts=tuple(attempts),
    )


periods = st.tuples(st.integers(0, END), st.integers(0, END)).map(sorted)


@given(
    history=st.lists(jobs(), max_size=12, unique_by=lambda job: job.job_id),
    doubled=st.lists(st.integers(0, 11)),
    others=st.lists(st.tuples(st.integers(1, 3), periods), max_size=3),
    gaps=st.lists(periods, max_size=2),
    capacity=st.integers(0, 8),
    entitlements=st.fixed_dictionaries({"a": st.integers(0, 6000), "b": st.integers(0, 6000)}),
    period=periods,
)
def test_rows_add_up_to_capacity_times_time_and_agree_with_a_model(
    history: list[ArchivedJob],
    doubled: list[int],
    others: list[tuple[int, list[int]]],
    gaps: list[list[int]],
    capacity: int,
    entitlements: dict[str, int],
    period: list[int],
) -> None:
    start, end = period
    records = [*history, *(history[number] for number in doubled if number < len(history))]
    found = [part for part in holds(archived_use(job) for job in latest(records)) if isinstance(part, Hold)]
    foreign = [Hold(share="x", unit=P4, amount=amount, start=since, end=until) for amount, (since, until) in others]
    unknown = [Gap(since, until, "lost") for since, until in gaps]
    rows = unit_rows(P4, capacity * SCALE, entitlements, found, foreign, unknown, start, end)
    assert sum(row.amounts.total for row in rows) == capacity * SCALE * (end - start)

    shares, rest = _model(history, foreign, gaps, capacity * SCALE, entitlements, range(start, end))
    for row in rows:
        amounts = row.amounts
        if row.kind == RowKind.SHARE:
            expected = shares[row.share]
            assert (amounts.own, amounts.borrowed, amounts.lost) == (
                expected.own,
                expected.borrowed,
                expected.lost,
            )
            assert amounts.gpus == expected.gpus
            assert amounts.idle + amounts.lent <= expected.idle
        elif row.kind != RowKind.UNOWNED:
            assert amounts.other == rest.pop(row.kind)
    assert sum(row.amounts.idle for row in rows) == rest.pop("idle", 0)
    assert sum(row.amounts.lent for row in rows) <= sum(row.borrowed + row.lost for row in shares.values())
    assert not any(rest.values())


def _model(
    history: list[ArchivedJob],
    others: list[Hold],
    gaps: list[list[int]],
    capacity: int,
    entitlements: dict[str, int],
    times: range,
) -> tuple[dict[str, Amounts], Counter[str]]:
    """Return the use of each share, with its unused entitlement as `idle`, and all other rows."""
    shares = {share: Amounts() for share in SHARES}
    rest: Counter[str] = Counter()
    for time in times:
        use, lost = Counter[str](), Counter[str]()
        for job in history:
            for attempt in job.attempts:
                first = attempt.started_at if attempt.scheduled_at is None else attempt.scheduled_at
                assert first is not None
                assert attempt.stopped_at is not None
                if first <= time < attempt.stopped_at:
                    use[job.share] += job.amount * SCALE
                    lost[job.share] += job.amount * SCALE * (attempt.outcome == "PREEMPTED")
                    shares[job.share].gpus = (shares[job.share].gpus or 0) + (job.gpus or 0)
        for share, amounts in shares.items():
            entitled = entitlements.get(share, 0)
            kept = use[share] - lost[share]
            amounts.own += min(kept, entitled)
            amounts.borrowed += max(0, kept - entitled)
            amounts.lost += lost[share]
            amounts.idle += max(0, entitled - use[share])
        free = capacity - use.total()
        rest[RowKind.ABOVE] += min(0, free)
        other = sum(hold.amount * SCALE for hold in others if hold.start <= time < hold.end)
        rest[RowKind.OTHER_QUEUES] += min(max(0, free), other)
        free = max(0, max(0, free) - other)
        rest[RowKind.UNKNOWN if any(since <= time < until for since, until in gaps) else "idle"] += free
    return shares, rest


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(0, 10**9))
def test_a_total_is_divided_exactly_and_within_the_weights(weights: list[int], number: int) -> None:
    total = number % (sum(weights) + 1)
    parts = divide(total, weights)
    assert sum(parts) == total
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@given(jobs(), st.integers(0, 3), st.sampled_from(["scheduled_at", "started_at", "stopped_at"]))
def test_a_missing_time_leaves_a_gap_or_the_time_that_another_field_tells(
    job: ArchivedJob, index: int, field: str
) -> None:
    if index >= len(job.attempts):
        return
    changed = {"scheduled_at": None, field: None} if field != "scheduled_at" else {field: None}
    attempt = replace(job.attempts[index], **changed)  # type: ignore[arg-type]
    attempts = (*job.attempts[:index], attempt, *job.attempts[index + 1 :])
    whole, partial = ([*holds([archived_use(each)])] for each in (job, replace(job, attempts=attempts)))
    gap = sum(part.end - part.start for part in partial if isinstance(part, Gap))
    held, left = (sum(part.end - part.start for part in parts if isinstance(part, Hold)) for parts in (whole, partial))
    assert left <= held
    dispatch = (job.attempts[index].started_at or 0) - (job.attempts[index].scheduled_at or END)
    assert held - left <= gap + max(0, dispatch)


def test_overlapping_and_doubled_attempts_of_a_job_hold_its_capacity_once() -> None:
    first = ArchivedAttempt(outcome="FAILED", started_at=0, stopped_at=10)
    second = ArchivedAttempt(outcome="SUCCEEDED", started_at=5, stopped_at=20)
    job = ArchivedJob(
        job_id="1",
        job_name="job",
        queue="queue",
        kind="gpu",
        status="SUCCEEDED",
        unit="VCPU",
        amount=4,
        created_at=0,
        stopped_at=20,
        attempts=(second, first, first),
    )
    found = [part for part in holds([archived_use(job)]) if isinstance(part, Hold)]
    assert [(hold.start, hold.end) for hold in found] == [(0, 10), (10, 20)]


def test_a_lent_quota_is_borrowed_by_another_share_and_a_preempted_attempt_is_lost() -> None:
    def hold(share: str, amount: int, start: int, end: int, *, lost: bool = False) -> Hold:
        return Hold(share=share, unit=P4, amount=amount, start=start, end=end, lost=lost, gpus=8 * amount)

    parts = [hold("a", 6, 0, 10, lost=True), hold("a", 4, 10, 20), hold("b", 4, 10, 20)]
    rows = unit_rows(P4, 8000, {"a": 4000, "b": 4000}, parts, [], [], 0, 20)
    assert [(row.share, row.amounts) for row in rows] == [
        ("a", Amounts(own=40_000, lost=60_000, idle=0, gpus=800)),
        ("b", Amounts(own=40_000, idle=20_000, lent=20_000, gpus=320)),
    ]
