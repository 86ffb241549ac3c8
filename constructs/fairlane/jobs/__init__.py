"""What jobs are: the role that SageMaker training jobs run with."""

from fairlane.jobs._training_execution_role import TrainingExecutionRole

__all__ = ["TrainingExecutionRole"]
