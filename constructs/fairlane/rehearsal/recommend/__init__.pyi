from fairlane.rehearsal.recommend.comparison import Comparison as Comparison
from fairlane.rehearsal.recommend.objectives import OBJECTIVES as OBJECTIVES
from fairlane.rehearsal.recommend.objectives import Constraint as Constraint
from fairlane.rehearsal.recommend.recommendation import Candidate as Candidate
from fairlane.rehearsal.recommend.recommendation import Recommendation as Recommendation
from fairlane.rehearsal.recommend.recommendation import recommend as recommend
from fairlane.rehearsal.recommend.resampling import Range as Range
