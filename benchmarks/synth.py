"""Time of Fairlane at synth and at import, compared in the same run.

`synth`: the example environment through `app.py`, compared with the same resources in hand-written L1 constructs. Each
run is a whole process with cdk-nag and without the built-in validation. `import`: `import fairlane`, compared with the
start of the interpreter. Runs alternate, so that a slow phase of the computer affects both.
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
    """Return the seconds that one process takes."""
    with tempfile.TemporaryDirectory() as out:
        environment = {"CDK_VALIDATION": "false", "CDK_OUTDIR": out, "CDK_CONTEXT_JSON": context()}
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ | environment, check=True)
        return time.perf_counter() - start


def resource_types(program: str) -> Counter[str]:
    """Return the number of resources of each type that a program creates."""
    with tempfile.TemporaryDirectory() as out:
        environment = {"CDK_VALIDATION": "false", "CDK_OUTDIR": out, "CDK_CONTEXT_JSON": context()}
        subprocess.run([sys.executable, program], cwd=ROOT, env=os.environ | environment, check=True)
        templates = [json.loads(path.read_text()) for path in Path(out).glob("*.template.json")]
    return Counter(resource["Type"] for template in templates for resource in template["Resources"].values())


def context() -> str:
    """Return the context that the CDK CLI passes to an app."""
    return json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"] | {"environment": "example"})


def compare(runs: int, first: tuple[str, ...], second: tuple[str, ...]) -> tuple[float, float, float]:
    """Return the medians of both programs and of the ratios of all pairs, without the first pair."""
    pairs = [(seconds(*first), seconds(*second)) for _ in range(runs + 1)][1:]
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)


def main() -> int:
    """Print all results, and return 0 if they are within their bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="number of measured runs, 5 or more (default: 7)")
    runs = max(5, parser.parse_args().runs)
    if (fairlane := resource_types("app.py")) != (handwritten := resource_types("benchmarks/handwritten.py")):
        sys.exit(f"resources differ: {fairlane - handwritten} only by Fairlane, {handwritten - fairlane} only by hand")
    own, by_hand, ratio = compare(runs, ("app.py",), ("benchmarks/handwritten.py",))
    print(f"synth   Fairlane {own:.2f} s, by hand {by_hand:.2f} s, ratio {ratio:.2f} (at most {MOST_SYNTH_RATIO})")
    loaded, bare, _ = compare(runs, ("-c", "import fairlane"), ("-c", "pass"))
    extra = loaded - bare
    print(f"import  {1000 * extra:.0f} ms above the bare interpreter (at most {1000 * MOST_IMPORT_SECONDS:.0f} ms)")
    return int(ratio > MOST_SYNTH_RATIO or extra > MOST_IMPORT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
