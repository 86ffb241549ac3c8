"""IAM statements for the sources of a query that are no databases of AWS Glue. Imports no aws_cdk.

Sources: "Integrating with Amazon S3 Tables" in the AWS Glue developer guide; "Allow access to Athena Federated Query"
and "Enable cross-account federated queries" in the Amazon Athena user guide. Not verified against a real AWS account:
whether Athena needs the root catalog and the parents of a catalog, which only some examples of AWS allow, and whether
it is enough to read what connectors spill. One example of AWS allows writing, too, in one statement with the bucket of
the results.
"""

from collections.abc import Iterator
from typing import Final

from fairlane._internal.aws import ARN
from fairlane._internal.iam_statements import Statement, allow
from fairlane._internal.tokens import is_token
from fairlane.fan_out.fan_out_rules import FanOutSpec
from fairlane.jobs.permission_rules import OBJECTS_REASON, s3_statements

_READ_CATALOGS: Final = ["glue:GetCatalog", "glue:GetDatabase", "glue:GetTable"]
_READ_TABLE_BUCKETS: Final = [
    "s3tables:GetNamespace",
    "s3tables:GetTable",
    "s3tables:GetTableBucket",
    "s3tables:GetTableData",
    "s3tables:GetTableMetadataLocation",
]
_CATALOGS: Final = "the query names the tables of the named catalogs"
_TABLES: Final = "tables of the named buckets have ids that are unknown at synth"
_LAKE_FORMATION: Final = "AWS Lake Formation supports no resource-level permissions; its own grants limit the access"


def source_statements(spec: FanOutSpec, region: str, account: str) -> Iterator[tuple[Statement, str]]:
    """Yield the statements for the sources, each with the reason for its wildcards, or an empty text.

    Args:
        spec: Settings of the fan-out.
        region: Region of the sources.
        account: Account of the sources.
    """
    place = f"{region}:{account}"
    catalogs = [*(f"s3tablescatalog/{bucket}" for bucket in spec.query_table_buckets), *spec.query_catalogs]
    if catalogs:
        parents = dict.fromkeys(f"/{parent}" for catalog in catalogs for parent in _with_parents(catalog))
        tables = [part for catalog in catalogs for part in (f"database/{catalog}/*", f"table/{catalog}/*/*")]
        names = [*(f"catalog{name}" for name in ("", *parents)), *tables]
        yield allow(_READ_CATALOGS, [f"{ARN}:glue:{place}:{name}" for name in names]), _CATALOGS
    if spec.query_table_buckets:
        buckets = [f"{ARN}:s3tables:{place}:bucket/{bucket}" for bucket in spec.query_table_buckets]
        resources = [resource for bucket in buckets for resource in (bucket, f"{bucket}/table/*")]
        yield allow(_READ_TABLE_BUCKETS, resources), _TABLES
    if spec.query_catalogs:
        yield allow(["lakeformation:GetDataAccess"], ["*"]), _LAKE_FORMATION
    if spec.query_connectors:
        data_catalogs = [f"{ARN}:athena:{place}:datacatalog/{name}" for name in spec.query_connectors]
        yield allow(["athena:GetDataCatalog"], data_catalogs), ""
        functions = [_function_arn(function, place) for function in spec.query_connectors.values()]
        yield allow(["lambda:InvokeFunction"], [*dict.fromkeys(functions)]), ""
    yield from ((statement, OBJECTS_REASON) for statement in s3_statements(spec.query_spill, [], ARN))


def _with_parents(catalog: str) -> Iterator[str]:
    """Yield the names of the catalogs around a nested catalog, and its own."""
    parts = catalog.split("/")
    yield from ("/".join(parts[: end + 1]) for end in range(len(parts)))


def _function_arn(function: str, place: str) -> str:
    """Return the ARN of a function. A token is an ARN."""
    is_arn = is_token(function) or function.startswith("arn:")
    return function if is_arn else f"{ARN}:lambda:{place}:function:{function}"
