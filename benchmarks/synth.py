"""What Fairlane costs at synth, and at import, as ratios and differences within one run.

`synth`: the example environment through `app.py` against the same resources in hand-written L1s, each as a whole
process with cdk-nag and without the built-in validation. `import`: `import fairlane` over the bare interpreter. Runs
alternate, so that a machine that slows down slows both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
MOST_SYNTH_RATIO = 1.10
MOST_IMPORT_SECONDS = 0.050


def seconds(*arguments: str) -> float:
    """How long one whole process takes."""
    with tempfile.TemporaryDirectory() as out:
        environment = {"CDK_VALIDATION": "false", "CDK_OUTDIR": out, "CDK_CONTEXT_JSON": context()}
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ | environment, check=True)
        return time.perf_counter() - start


def resource_types(program: str) -> Counter[str]:
    """How many resources of each type a program makes."""
    with tempfile.TemporaryDirectory() as out:
        environment = {"CDK_VALIDATION": "false", "CDK_OUTDIR": out, "CDK_CONTEXT_JSON": context()}
        subprocess.run([sys.executable, program], cwd=ROOT, env=os.environ | environment, check=True)
        templates = [json.loads(path.read_text()) for path in Path(out).glob("*.template.json")]
    return Counter(resource["Type"] for template in templates for resource in template["Resources"].values())


def context() -> str:
    """The context that the CDK CLI would give to both."""
    return json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"] | {"environment": "example"})


def compare(runs: int, one: tuple[str, ...], other: tuple[str, ...]) -> tuple[float, float, float]:
    """Medians of both, and of the ratio of each pair, after one uncounted run of each."""
    pairs = [(seconds(*one), seconds(*other)) for _ in range(runs + 1)][1:]
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)


def main() -> int:
    """Prints the figures; the exit code tells whether they are within bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each, 5 or more (default: 7)")
    runs = max(5, parser.parse_args().runs)
    if (here := resource_types("app.py")) != (there := resource_types("benchmarks/handwritten.py")):
        sys.exit(f"not the same resources: {here - there} only by Fairlane, {there - here} only by hand")
    ours, theirs, ratio = compare(runs, ("app.py",), ("benchmarks/handwritten.py",))
    print(f"synth   Fairlane {ours:.2f} s, by hand {theirs:.2f} s, ratio {ratio:.2f} (at most {MOST_SYNTH_RATIO})")
    loaded, bare, _ = compare(runs, ("-c", "import fairlane"), ("-c", "pass"))
    extra = loaded - bare
    print(f"import  {1000 * extra:.0f} ms over the bare interpreter (at most {1000 * MOST_IMPORT_SECONDS:.0f} ms)")
    return int(ratio > MOST_SYNTH_RATIO or extra > MOST_IMPORT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
