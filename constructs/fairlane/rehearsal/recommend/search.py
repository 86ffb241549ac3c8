"""Search for a policy by Optuna's TPE: weights and decay of fair share, or quotas, sharing and borrow limits."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from fairlane._internal.checks import check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.scheduling import FairShare, QuotaManagement, QuotaShare, SchedulingPolicy, Sharing

_DECAYS: Final = (0, 600, 3600, 4 * 3600, 86_400, 3 * 86_400, 604_800)
_LIMITS: Final = (0, 25, 50, 100, 200, 400)
_MOST_WEIGHT: Final = 100.0
_SMALLEST: Final = 0.02


def search_problems(
    policy: SchedulingPolicy, capacity: Mapping[str, int], keep: Mapping[str, int]
) -> Iterator[Problem]:
    """Yield the problems of a search over the settings of a policy."""
    if not isinstance(policy, FairShare | QuotaManagement):
        yield Problem.relation(("policy",), "FIFO has no settings to search: use a policy with shares")
        return
    if keep and not isinstance(policy, QuotaManagement):
        yield Problem.relation(("keep",), "only quota shares own capacity: remove the minimum")
        return
    for name, least in keep.items():
        share = next((share for share in _shares(policy) if share.name == name), None)
        if share is None:
            names = ", ".join(share.name for share in _shares(policy))
            yield Problem(("keep", name), name, f"a quota share of the policy: {names}")
        yield from check_whole_number(("keep", name), least, 1, unit="instances")
    if not all(isinstance(least, int) for least in keep.values()):
        return
    for unit, total in capacity.items() if isinstance(policy, QuotaManagement) else ():
        owners = [share for share in _shares(policy) if unit in share.capacity]
        least = sum(max(1, keep.get(share.name, 1)) for share in owners)
        if least > total:
            yield Problem.relation(("keep",), f"the minimums need {least} of {total} {unit}: keep less")


def search(
    policy: SchedulingPolicy,
    capacity: Mapping[str, int],
    keep: Mapping[str, int],
    score: Callable[[SchedulingPolicy], float],
    *,
    seconds: float,
    trials: int | None,
    seed: int,
) -> None:
    """Score policies with other settings, until the time or the number of trials is over.

    Args:
        policy: Policy whose settings are searched.
        capacity: Capacity of the queue by unit.
        keep: Smallest quota of a share for each of its instance types.
        score: Function that rehearses a policy and returns its score. Lower is better.
        seconds: Seconds of the search. The trial that runs then is the last.
        trials: Maximum number of trials. None for no maximum.
        seed: Seed of the sampler.

    Raises:
        ImportError: If Optuna is missing.
    """
    try:
        import optuna  # noqa: PLC0415 - an extra that other commands do not need
    except ModuleNotFoundError as error:
        raise ImportError('fairlane recommend requires Optuna: run pip install "fairlane[report,sweeps]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=False))
    end, done = time.monotonic() + seconds, 0
    while time.monotonic() < end and (trials is None or done < trials):
        trial = study.ask()
        study.tell(trial, score(_candidate(policy, capacity, keep, trial)))
        done += 1


def _candidate(
    policy: SchedulingPolicy, capacity: Mapping[str, int], keep: Mapping[str, int], trial: Any
) -> SchedulingPolicy:
    if isinstance(policy, FairShare):
        proportions = {
            share: trial.suggest_float(f"weight {share}", 1.0, _MOST_WEIGHT, log=True)
            for share in policy.weight_factors
        }
        largest = max(proportions.values(), default=1.0)
        return FairShare(
            {share: round(largest / own, 4) for share, own in proportions.items()},
            share_decay_seconds=trial.suggest_categorical("decay", _DECAYS),
            compute_reservation=policy.compute_reservation,
        )
    shares = _shares(policy)
    parts = {share.name: trial.suggest_float(f"part {share.name}", _SMALLEST, 1.0) for share in shares}
    quotas: dict[str, dict[str, int]] = {share.name: {} for share in shares}
    for unit, total in capacity.items():
        owners = [share.name for share in shares if unit in share.capacity]
        least = [max(1, keep.get(name, 1)) for name in owners]
        for name, number in zip(owners, divide(total, [parts[name] for name in owners], least), strict=True):
            quotas[name][unit] = number
    return QuotaManagement(*(_share(share, quotas[share.name], trial) for share in shares))


def _share(share: QuotaShare, quota: Mapping[str, int], trial: Any) -> QuotaShare:
    sharing = Sharing(trial.suggest_categorical(f"sharing {share.name}", [str(each) for each in Sharing]))
    limit = trial.suggest_categorical(f"limit {share.name}", [None, *_LIMITS])
    return replace(
        share, capacity=quota, sharing=sharing, borrow_limit=limit if sharing == Sharing.LEND_AND_BORROW else None
    )


def divide(total: int, parts: Sequence[float], least: Sequence[int]) -> list[int]:
    """Divide a number in proportion to parts, with a minimum for each. The results add up to the number.

    Args:
        total: Number, at least the sum of the minimums.
        parts: Positive parts.
        least: Minimums.
    """
    rest = total - sum(least)
    exact = [rest * part / sum(parts) for part in parts]
    numbers = [int(number) for number in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: (numbers[index] - exact[index], index))
    for index in by_remainder[: rest - sum(numbers)]:
        numbers[index] += 1
    return [number + minimum for number, minimum in zip(numbers, least, strict=True)]


def _shares(policy: SchedulingPolicy) -> tuple[QuotaShare, ...]:
    if not isinstance(policy, QuotaManagement):
        raise ConfigurationError("recommend", [Problem(("policy",), policy, "QuotaManagement")])
    return policy.shares
