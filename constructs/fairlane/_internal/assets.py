"""Assets: files that the AWS CDK uploads before a deployment."""

from collections.abc import Sequence

from aws_cdk import IgnoreMode
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from fairlane._internal.claims import stack_of
from fairlane.errors import ConfigurationError, Problem


def create_asset(
    scope: Construct,
    construct_id: str,
    *,
    path: str,
    exclude: Sequence[str] | None = None,
    ignore_mode: IgnoreMode | None = None,
) -> s3_assets.Asset:
    """Create an asset as the first child of its construct.

    Args:
        scope: Construct of the asset.
        construct_id: Id of the asset.
        path: File or folder.
        exclude: Patterns of files that are left out. Default: none.
        ignore_mode: Kind of the patterns.

    Raises:
        ConfigurationError: If the synthesizer of the stack supports no assets. The app has no part of the construct
            then.
    """
    try:
        return s3_assets.Asset(scope, construct_id, path=path, exclude=exclude, ignore_mode=ignore_mode)
    except RuntimeError as error:
        if "Cannot add assets" not in str(error):
            raise
        path, parent = scope.node.path, scope.node.scope
        if parent is not None:
            parent.node.try_remove_child(scope.node.id)
        sentence = (
            f"the AWS CDK uploads code of the construct, and the synthesizer of stack {stack_of(scope).node.path} "
            "uploads nothing: use the DefaultStackSynthesizer in a bootstrapped environment"
        )
        raise ConfigurationError(path, [Problem.relation(("scope",), sentence)]) from error
