"""Who goes next: the scheduling policies of AWS Batch, and every rule that AWS has for them. Knows no aws_cdk."""

from fairlane.scheduling._capacity import (
    MAX_CAPACITY_LIMITS,
    NUM_INSTANCES,
    Capacity,
    capacity_limits,
    check_capacity,
    check_instance_type,
    is_instance_type,
)
from fairlane.scheduling._fair_share import FairShare
from fairlane.scheduling._fifo import Fifo
from fairlane.scheduling._policy import Allotment, SchedulingPolicy
from fairlane.scheduling._queue import gpu_queue_problems
from fairlane.scheduling._quota_management import UNLIMITED, QuotaManagement, QuotaShare, Sharing
from fairlane.scheduling._state import State
from fairlane.scheduling._time_limits import JobAction, JobStateTimeLimitAction, TimeLimitReason
from fairlane.scheduling._training_queue import training_queue_problems

__all__ = [
    "MAX_CAPACITY_LIMITS",
    "NUM_INSTANCES",
    "UNLIMITED",
    "Allotment",
    "Capacity",
    "FairShare",
    "Fifo",
    "JobAction",
    "JobStateTimeLimitAction",
    "QuotaManagement",
    "QuotaShare",
    "SchedulingPolicy",
    "Sharing",
    "State",
    "TimeLimitReason",
    "capacity_limits",
    "check_capacity",
    "check_instance_type",
    "gpu_queue_problems",
    "is_instance_type",
    "training_queue_problems",
]
