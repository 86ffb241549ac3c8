from fairlane.sweeps.sweep_store import SweepStore as SweepStore
from fairlane.sweeps.sweep_store import SweepStoreBase as SweepStoreBase
