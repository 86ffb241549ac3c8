from fairlane.scheduler.job import Job as Job
from fairlane.scheduler.job import Trace as Trace
from fairlane.scheduler.options import Ec2Instances as Ec2Instances
from fairlane.scheduler.options import Strategies as Strategies
from fairlane.scheduler.options import hours as hours
from fairlane.scheduler.options import minutes as minutes
