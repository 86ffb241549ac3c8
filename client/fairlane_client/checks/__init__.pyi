from fairlane_client.checks.findings import Findings as Findings
from fairlane_client.checks.findings import Mistake as Mistake
from fairlane_client.checks.findings import Stage as Stage
from fairlane_client.checks.findings import check as check
from fairlane_client.checks.findings import find_mistakes as find_mistakes
