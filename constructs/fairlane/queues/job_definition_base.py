"""What a queue for containers knows of a job definition."""

from constructs import Construct

from fairlane.capacity.fit import JobSize


class JobDefinitionBase(Construct):
    """A job definition for GPU machines, of one node or several.

    Attributes:
        image: the URI of its image.
        job_definition_name: its name, which people submit; AWS takes the newest revision.
        unrevised_arn: its ARN without a revision, which stands for the newest; with `:*` for every revision.
        size: What the job takes, and what queues are checked against.
    """

    image: str
    job_definition_name: str
    unrevised_arn: str
    size: JobSize
