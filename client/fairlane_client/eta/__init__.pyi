from fairlane_client.eta.answer import Answer as Answer
from fairlane_client.eta.answer import estimate_starts as estimate_starts
from fairlane_client.eta.back_test import BackTest as BackTest
from fairlane_client.eta.estimates import Estimate as Estimate
