"""What a queue for containers knows of a job definition."""

from constructs import Construct

from fairlane.catalog import JobNeeds


class JobDefinitionBase(Construct):
    """A job definition for GPU machines, of one node or several.

    Attributes:
        image: the URI of its image.
        job_definition_name: its name, which people submit; AWS takes the newest revision.
        unrevised_arn: its ARN without a revision, which stands for the newest; with `:*` for every revision.
        needs: what one node takes of a machine; None where that is not known at synth.
        nodes: how many machines it takes at once.
        instance_type: the only machine that it runs on; None if any will do that fits.
    """

    image: str
    job_definition_name: str
    unrevised_arn: str
    needs: JobNeeds | None
    nodes: int
    instance_type: str | None
