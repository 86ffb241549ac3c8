from fairlane_client.clock import Clock as Clock
from fairlane_client.sweeps.leaderboard import Leaderboard as Leaderboard
from fairlane_client.sweeps.rounds import Counts as Counts
from fairlane_client.sweeps.stop_rules import Median as Median
from fairlane_client.sweeps.stop_rules import SuccessiveHalving as SuccessiveHalving
from fairlane_client.sweeps.submission import Refused as Refused
from fairlane_client.sweeps.submission import Unanswered as Unanswered
from fairlane_client.sweeps.sweep import Sweep as Sweep
