from fairlane.rehearsal.backtest.comparison import Error as Error
from fairlane.rehearsal.backtest.comparison import ShareComparison as ShareComparison
from fairlane.rehearsal.backtest.fit import BackTest as BackTest
from fairlane.rehearsal.backtest.fit import Trial as Trial
from fairlane.rehearsal.backtest.fit import back_test as back_test
from fairlane.rehearsal.backtest.weeks import Week as Week
