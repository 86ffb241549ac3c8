"""Answers about live queues, compared with the scheduler of the local AWS.

`explain`: reasons of waiting jobs in random histories, with the number of correct answers and of requests to AWS.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from fairlane_client.fan_out.text import align

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.fairlane_client.explain.world import KINDS, LEAST_CORRECT, measure, table  # noqa: E402

HISTORIES = 30


def explain(histories: int) -> bool:
    """Print reasons with their correct answers. Return False if too many answers are wrong."""
    cases = measure(KINDS, range(histories))
    rows, part = table(cases)
    print(f"explain: {len(KINDS) * histories} random histories\n\n{align(rows)}\n")
    print(f"{100 * part:.2f} % of the answers that are not unknown are correct (at least {100 * LEAST_CORRECT:g} %)")
    for kind in KINDS:
        own, _ = table([case for case in cases if case.kind == kind])
        total = dict(zip(own[0], own[-1], strict=True))
        requests = [case.calls for case in cases if case.kind == kind]
        print(
            f"  {kind:<13} {total['correct']} of {total['cases']} correct, {total['wrong']} wrong, "
            f"{total['unknown']} unknown; requests for an answer: {sum(requests) / len(requests):.1f} on average, "
            f"at most {max(requests)}"
        )
    return part >= LEAST_CORRECT


SECTIONS: Mapping[str, Callable[[int], bool]] = {"explain": explain}


def main() -> int:
    """Print the sections. The exit code is 1 if a figure is out of its bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("section", nargs="?", choices=SECTIONS, help="section (default: all)")
    text = "number of random histories of each kind of queue (default: %(default)s)"
    parser.add_argument("--histories", type=int, default=HISTORIES, help=text)
    chosen = parser.parse_args()
    sections = [chosen.section] if chosen.section else [*SECTIONS]
    within = [SECTIONS[section](chosen.histories) for section in sections]
    return int(not all(within))


if __name__ == "__main__":
    sys.exit(main())
