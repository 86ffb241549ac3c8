"""Explanation as text for a terminal with 80 columns."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from fairlane_client.explain.answer import Explanation, Holder, Place, Preemption
from fairlane_client.explain.reasons import SENTENCES
from fairlane_client.explain.words import capacity, duration, names
from fairlane_client.text import align, plural

_WIDTH: Final = 80
_MAX_HOLDERS: Final = 8


def render(answer: Explanation) -> str:
    """Return an explanation as text."""
    lines = [f"{answer.job_name} ({answer.job_id})", ""]
    where = f"{answer.queue}, share {answer.share}" if answer.share else answer.queue
    since = "" if answer.seconds is None else f" for {duration(answer.seconds)}"
    mark = " (inferred)" if answer.since_inferred else ""
    rows = [("queue", where)]
    if answer.amount:
        each = f" for each of {answer.array:,} jobs" if answer.array else ""
        rows.append(("needs", f"{capacity(answer.amount, answer.unit)}{each}"))
    rows.append(("state", f"{answer.state}{since}{mark}"))
    if answer.place:
        rows.append(("place", _place(answer.place)))
    if answer.reason:
        mark = " (inferred)" if answer.inferred else ""
        rows += [("reason", f"{answer.reason}: {SENTENCES[answer.reason]}{mark}"), ("", answer.text)]
        rows.append(("starts", answer.starts or "unknown"))
    else:
        rows.append(("now", answer.text))
    for name, text in rows:
        lines += _row(name, text)
    if answer.preemption:
        lines += ["", *_preemption(answer.preemption)]
    if answer.holders:
        lines += ["", "Holders of the capacity", *_holders(answer)]
    if answer.notes or answer.partial:
        lines += ["", *(line for note in _notes(answer) for line in wrap(f"Note: {note}", _WIDTH))]
    return "\n".join(lines)


def _row(name: str, text: str) -> list[str]:
    return wrap(text, _WIDTH, initial_indent=f"{name:<8}", subsequent_indent=" " * 8, break_on_hyphens=False)


def _place(place: Place) -> str:
    if place.position is None:
        return f"unknown, of {plural(place.waiting, 'waiting job')}: AWS reports the first 100 at most"
    text = f"{place.position:,} of {plural(place.waiting, 'waiting job')}"
    if place.inferred:
        text += ", by submission (inferred)"
    shares = [f"{number:,} of {share}" for share, number in place.ahead.items() if share]
    return f"{text}; ahead: {names(shares)}" if shares else text


def _preemption(preemption: Preemption) -> Iterator[str]:
    times = "once" if preemption.count == 1 else f"{preemption.count:,} times"
    yield f"Preempted {times}" + (f": {preemption.reason}" if preemption.reason and preemption.count == 1 else "")
    yield from _row("by", f"{preemption.by}, most likely (inferred)" if preemption.by else "unknown")
    yield from _row("lost", preemption.lost)
    yield from _row("back", preemption.back or "unknown: fairlane eta estimates it")


def _holders(answer: Explanation) -> list[str]:
    has_parts = any(holder.entitlement is not None for holder in answer.holders)
    header = ["share", "jobs", "holds", *(["entitled", "above"] if has_parts else []), "oldest"]
    rows = [header]
    for holder in answer.holders[:_MAX_HOLDERS]:
        cells = [_name(holder), f"{holder.jobs:,}", f"{holder.amount:,}"]
        if has_parts:
            cells += ["" if holder.entitlement is None else f"{holder.entitlement:,.4g}", f"{holder.borrowed:,.4g}"]
        rows.append([*cells, "" if holder.oldest is None else duration(answer.at - holder.oldest)])
    rest = answer.holders[_MAX_HOLDERS:]
    lines = [f"  {line}" for line in align(rows).splitlines()]
    if rest:
        lines.append(f"  and {len(rest)} more with {sum(holder.amount for holder in rest):,}")
    return lines


def _name(holder: Holder) -> str:
    return f"queue {holder.queue}" if holder.queue else holder.share or "all jobs"


def _notes(answer: Explanation) -> Iterator[str]:
    if answer.partial:
        yield "the answer is partial: AWS throttled a call"
    yield from answer.notes
