from fairlane.costs.capacity_use import CapacityLine as CapacityLine
from fairlane.costs.capacity_use import CapacityUse as CapacityUse
from fairlane.costs.environment_cost import EnvironmentCost as EnvironmentCost
from fairlane.costs.instance_prices import InstancePrices as InstancePrices
from fairlane.costs.instance_prices import InstanceService as InstanceService
from fairlane.costs.network_use import NetworkUse as NetworkUse
from fairlane.costs.price_files import read_prices as read_prices
