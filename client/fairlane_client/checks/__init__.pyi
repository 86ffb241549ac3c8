from fairlane_client.checks.check import Findings as Findings
from fairlane_client.checks.check import Mistake as Mistake
from fairlane_client.checks.check import Stage as Stage
from fairlane_client.checks.check import check as check
from fairlane_client.checks.check import find_mistakes as find_mistakes
