from fairlane.cloudwatch.alarms import History as History
from fairlane.cloudwatch.alarms import evaluate_alarms as evaluate_alarms
from fairlane.cloudwatch.samples import MetricKey as MetricKey
from fairlane.cloudwatch.samples import Samples as Samples
from fairlane.cloudwatch.states import State as State
