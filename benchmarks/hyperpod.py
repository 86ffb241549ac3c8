"""Mistakes in HyperPod clusters that are found before a deployment, and the code of a governed cluster.

`mistakes`: seeded mistakes, given to Fairlane, and as L1 constructs and Kubernetes objects to cfn-lint, the CDK's own
validation, and strict Kubernetes schemas. Those find a mistake if they report anything that they do not report for the
right configuration. `configurations`: right configurations, of which none may be refused. `code`: lines of one governed
cluster by Fairlane, and of the same resources by hand.
"""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk
from hyperpod_by_fairlane import problems
from hyperpod_by_hand import create_stack, kubernetes_objects
from hyperpod_configurations import Configuration, good_configurations
from hyperpod_mistakes import Mistake, cluster_mistakes, karpenter_mistakes
from hyperpod_team_mistakes import governance_mistakes, team_mistakes

from fairlane.hyperpod.kubernetes_schema import object_mistakes

FOLDER = Path(__file__).parent
FEWEST_MISTAKES, FEWEST_CONFIGURATIONS = 40, 20
UNRELATED = (
    "Code",
    "Content",
    "DependsOn",
    "Description",
    "Metadata",
    "PolicyName",
    "SourceMarkers",
    "SourceMarkersConfig",
    "SourceObjectKeys",
)
"""Properties with construct ids, assets and the order of the deployment."""

Findings = dict[str, set[str]]


def main() -> int:
    """Print all results. Return 0 if Fairlane finds all mistakes and refuses no right configuration."""
    with TemporaryDirectory() as folder:
        right, mistakes = cases(Path(folder))
        tools = findings(right, mistakes)
        return int(not all([compare(mistakes, tools), judge(right, tools), count_lines()]))


def cases(scratch: Path) -> tuple[dict[str, Configuration], list[Mistake]]:
    """Return the right configurations by description, and the mistakes.

    Args:
        scratch: Empty directory, for charts and lifecycle scripts.
    """
    mistakes = [*cluster_mistakes(scratch / "wrong"), *karpenter_mistakes(), *governance_mistakes(), *team_mistakes()]
    return good_configurations(scratch), mistakes


def named(right: Mapping[str, Configuration], mistakes: Collection[Mistake]) -> dict[str, Configuration]:
    """Return all configurations by the name of their stack."""
    stacks = {f"Right{number}": each for number, each in enumerate(right.values())}
    stacks |= {f"Good-{each.good.title}": each.good for each in mistakes}
    return stacks | {f"Wrong{number}": each.wrong for number, each in enumerate(mistakes)}


def synthesize(assembly: str) -> None:
    """Write the templates of all configurations as L1 constructs, and the report of the CDK's validation."""
    app = cdk.App(outdir=assembly, context={"@aws-cdk/core:validateAgainstDefaultRules": True})
    with TemporaryDirectory() as folder:
        for name, configuration in named(*cases(Path(folder))).items():
            create_stack(app, name, configuration)
        app.synth()


def findings(right: Mapping[str, Configuration], mistakes: Collection[Mistake]) -> dict[str, Findings]:
    """Return what each tool reports for the L1 constructs and Kubernetes objects of configurations, by stack."""
    lint, validation = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    with TemporaryDirectory() as folder:
        assembly = Path(folder)
        # The validation fails the synth, and prints its report, which is also a file.
        command = [sys.executable, __file__, folder]
        subprocess.run(command, env=os.environ | {"CDK_VALIDATION": "true"}, stderr=subprocess.DEVNULL, check=False)
        report = json.loads((assembly / "validation-report.json").read_text())
        command = ["cfn-lint", "--format", "json", *map(str, assembly.glob("*.template.json"))]
        matches = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            for place in violation["violatingConstructs"]:
                stack, _, resource = place["constructPath"].partition("/")
                validation[stack].add(f"{violation['ruleName']} {resource}: {violation['description']}")
    for match in matches:
        lint[Path(match["Filename"]).name.partition(".")[0]].add(f"{match['Rule']['Id']}: {match['Message']}")
    schemas = {
        name: {text for each in kubernetes_objects(configuration) for text in object_mistakes(each)}
        for name, configuration in named(right, mistakes).items()
    }
    return {"cfn-lint": lint, "CDK validation": validation, "Kubernetes schemas": schemas}


def compare(mistakes: Collection[Mistake], tools: Mapping[str, Findings]) -> bool:
    """Print the number of mistakes that each tool finds. Return True if Fairlane finds all."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    missed = []
    for number, mistake in enumerate(mistakes):
        by = [tool for tool, found in tools.items() if found[f"Wrong{number}"] - found[f"Good-{mistake.good.title}"]]
        if any(mistake.expected in text for text in problems(mistake.wrong)):
            by.append("Fairlane")
        else:
            missed.append(mistake.name)
        others = ["the other three"] if set(by) - {"Fairlane"} else []
        rows[mistake.kind].update(["mistakes", *by, *others])
    rows["all"] = sum(rows.values(), Counter())
    columns = ["mistakes", "Fairlane", *tools, "the other three"]
    for row in (["found in", *columns], *([kind, *(str(row[name]) for name in columns)] for kind, row in rows.items())):
        print(
            "  ".join([row[0].ljust(12), *(cell.rjust(len(name)) for name, cell in zip(columns, row[1:], strict=True))])
        )
    for name in missed:
        print(f"missed by Fairlane: {name}")
    return not missed and len(mistakes) >= FEWEST_MISTAKES


def judge(right: Mapping[str, Configuration], tools: Mapping[str, Findings]) -> bool:
    """Print the number of right configurations that each tool refuses. Return True if Fairlane refuses none.

    The CDK's validation does not know `AWS::SageMaker::ComputeQuota`, which does not count here.
    """
    refused = {name: found for name, each in right.items() if (found := problems(each))}
    by = {"Fairlane": len(refused)}
    for tool, reports in tools.items():
        stacks = [reports[f"Right{number}"] for number in range(len(right))]
        by[tool] = sum(any("F3006" not in text for text in texts) for texts in stacks)
    numbers = ", ".join(f"{tool}: {number}" for tool, number in by.items())
    print(f"\n{len(right)} right configurations, refused by {numbers}")
    for name, texts in refused.items():
        print(f"refused by Fairlane: {name}: {texts}")
    return not refused and len(right) >= FEWEST_CONFIGURATIONS


def count_lines() -> bool:
    """Print the lines of code of a governed cluster. Return True if both programs create the same resources."""
    own, by_hand = (_resources(name) for name in ("governed_cluster.py", "handwritten_hyperpod.py"))
    lines = [_lines(FOLDER / name) for name in ("governed_cluster.py", "handwritten_hyperpod.py")]
    print(
        f"\ngoverned cluster of {own.total()} resources: {lines[0]} lines by Fairlane, {lines[1]} by hand, "
        f"{lines[1] / lines[0]:.1f} times as many"
    )
    for name, others in (("only by Fairlane", own - by_hand), ("only by hand", by_hand - own)):
        for resource in others.elements():
            print(f"{name}: {resource[:200]}")
    return own == by_hand


def _lines(program: Path) -> int:
    return sum(
        bool(line.strip()) and not line.strip().startswith(("#", '"""')) for line in program.read_text().splitlines()
    )


def _resources(program: str) -> Counter[str]:
    """Return the resources of a program, without what depends on construct ids."""
    with TemporaryDirectory() as out:
        environment = os.environ | {"CDK_VALIDATION": "false", "CDK_OUTDIR": out}
        subprocess.run([sys.executable, program], cwd=FOLDER, env=environment, check=True)
        resources = json.loads((Path(out) / "Governed.template.json").read_text())["Resources"]
    types = {key: value["Type"] for key, value in resources.items()}
    return Counter(json.dumps(_without_ids(value, types), sort_keys=True) for value in resources.values())


def _without_ids(value: Any, types: Mapping[str, str]) -> Any:
    match value:
        case {"Ref": str(name)}:
            return {"Ref": types.get(name, name)}
        case {"Fn::GetAtt": [str(name), attribute]}:
            return {"Fn::GetAtt": [types[name], attribute]}
        case {"Fn::If": [_, *choices]}:
            return _without_ids(choices, types)
        case {"Key": str(key), "Value": "true"} if key.startswith("aws-cdk:cr-owned"):
            return {}
        case dict():
            return {key: _without_ids(each, types) for key, each in value.items() if key not in UNRELATED}
        case [one]:
            return _without_ids(one, types)  # the CDK renders a list of one action as a text
        case list():
            return [_without_ids(each, types) for each in value]
        case _:
            return value


if __name__ == "__main__":
    if sys.argv[1:]:
        synthesize(sys.argv[1])
    else:
        sys.exit(main())
