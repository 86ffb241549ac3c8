from fairlane.catalog.gpu_catalog import GpuInstanceType as GpuInstanceType
from fairlane.catalog.gpu_catalog import gpu_instance_type as gpu_instance_type
from fairlane.catalog.gpu_catalog import gpu_instance_types as gpu_instance_types
from fairlane.catalog.gpu_catalog import training_gpus as training_gpus
from fairlane.catalog.job_needs import JobNeeds as JobNeeds
from fairlane.catalog.training_catalog import training_instance_types as training_instance_types
