from fairlane_client.fan_out.executions import ExecutionFailed as ExecutionFailed
from fairlane_client.fan_out.fan_out import FanOut as FanOut
from fairlane_client.fan_out.plan import Plan as Plan
from fairlane_client.fan_out.progress import Counts as Counts
from fairlane_client.fan_out.progress import Progress as Progress
from fairlane_client.fan_out.termination import Termination as Termination
