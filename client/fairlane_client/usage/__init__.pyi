from fairlane_client.usage.queue_usage import UnitUse as UnitUse
from fairlane_client.usage.queue_usage import Usage as Usage
from fairlane_client.usage.queue_usage import usage as usage
