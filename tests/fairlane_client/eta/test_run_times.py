from random import Random

from fairlane_client.eta.arrivals import HOUR, Arrivals
from fairlane_client.eta.past_jobs import PastJob, likeness
from fairlane_client.eta.run_times import LEVELS, Draws, RunTimes, keys_of

WEEK = 7 * 24 * HOUR


def past(likeness: str, run: int, *, share: str = "a", created: int = 0) -> PastJob:
    return PastJob(
        id=f"{likeness}-{run}-{created}",
        likeness=likeness,
        share=share,
        unit="NUM_INSTANCES",
        amount=1,
        created=created,
        attempts=((created, created + run),),
        stopped=created + run,
    )


HISTORY = [past("train-#", run) for run in (100, 200, 300)] + [past("eval-#", 5000), past("big-#", 9000, share="b")]


def draws(keys: tuple[tuple[str, ...], ...], age: int = 0, limit: int | None = None) -> set[int]:
    times = RunTimes(HISTORY)
    return {Draws(times, Random(seed)).draw_longer(keys, age, limit) for seed in range(200)}


def test_run_times_are_those_of_like_jobs_and_sometimes_of_wider_circles() -> None:
    found = draws(keys_of(past("train-#", 1)))
    assert {100, 200, 300, 5000} <= found
    assert RunTimes(HISTORY).level(keys_of(past("train-#", 1))) == (0, 3)


def test_a_running_job_takes_longer_than_its_age() -> None:
    assert min(draws(keys_of(past("train-#", 1)), age=250)) >= 300
    assert RunTimes(HISTORY).level(keys_of(past("train-#", 1)), 250) == (0, 1)


def test_an_unknown_kind_has_the_run_times_of_its_share_and_an_unknown_share_those_of_the_queue() -> None:
    times = RunTimes(HISTORY)
    assert times.level(keys_of(past("new-#", 1))) == (1, 4)
    assert times.level(keys_of(past("new-#", 1, share="z"))) == (2, 5)
    assert times.level(keys_of(past("train-#", 1)), 10_000) == (len(LEVELS), 0)
    assert 9000 in draws(keys_of(past("new-#", 1, share="z")))


def test_a_job_that_is_older_than_all_others_runs_as_long_again_with_a_probability_of_1_to_2() -> None:
    found = [Draws(RunTimes(HISTORY), Random(seed)).draw_longer(keys_of(past("x", 1)), 20_000) for seed in range(1000)]
    assert 450 < sum(run > 40_000 for run in found) < 550
    assert min(found) > 20_000


def test_a_time_limit_bounds_the_run_time() -> None:
    assert max(draws(keys_of(past("train-#", 1)), limit=150)) == 150


def test_the_run_times_of_running_jobs_count_for_the_jobs_after_them() -> None:
    keys = keys_of(past("train-#", 1))
    later = 0
    for seed in range(300):
        found = Draws(RunTimes(HISTORY), Random(seed))
        for _ in range(20):
            found.draw_longer(keys, 290)
        later += found.draw(keys) >= 300
    assert later > 240


def test_likeness_is_the_job_definition_or_the_name_without_digits() -> None:
    assert likeness("train-7-seed-12", "") == "train-#-seed-#"
    assert likeness("any", "arn:aws:batch:us-east-1:111122223333:job-definition/train:3") == "train"
    assert likeness("any", "train:4") == "train"


def test_coming_hours_have_the_submissions_of_the_same_hour_of_past_weeks() -> None:
    jobs = [past("train-#", 60, created=week * WEEK + 9 * HOUR + minute) for week in range(8) for minute in range(30)]
    arrivals = Arrivals(jobs, 0, 8 * WEEK)
    assert arrivals.hours == 8 * 168
    numbers = [len(list(arrivals.draw(8 * 168 + 9, Random(seed)))) for seed in range(300)]
    assert set(numbers) == {0, 30}
    assert 8 / 9 - 0.06 < numbers.count(30) / 300 < 8 / 9 + 0.06
    other = [len(list(arrivals.draw(8 * 168 + 20, Random(seed)))) for seed in range(300)]
    assert other.count(0) > 290
    second, job = next(iter(arrivals.draw(8 * 168 + 9, Random(1))))
    assert (second, job.likeness) == (8 * WEEK + 9 * HOUR, "train-#")


def test_without_a_complete_hour_nothing_is_submitted() -> None:
    arrivals = Arrivals([past("train-#", 60, created=100)], 0, 3000)
    assert (arrivals.hours, list(arrivals.draw(5, Random(0)))) == (0, [])
