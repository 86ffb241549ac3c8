"""Base class of job definitions, with the properties that queues for containers need."""

from constructs import Construct

from fairlane.capacity.fit import JobSize


class JobDefinitionBase(Construct):
    """Job definition for GPU instances, with one node or several nodes.

    Attributes:
        image: URI of the image.
        job_definition_name: Name of the job definition, which job submissions use. AWS uses the newest revision.
        unrevised_arn: ARN without a revision, which stands for the newest revision. With `:*`, it stands for all
            revisions.
        size: Resources that the job needs. Queues check their compute environments against it.
        parameter_names: Names of the parameters that the command has as `Ref::NAME`. None if the command is unknown at
            synth.
    """

    image: str
    job_definition_name: str
    unrevised_arn: str
    size: JobSize
    parameter_names: frozenset[str] | None
