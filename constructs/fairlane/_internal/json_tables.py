"""Glue tables of JSON lines in a bucket, and the Athena workgroup of their queries."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from fairlane._internal.athena_queries import NamedQuery
from fairlane._internal.claims import Claims

SCAN_LIMIT: Final = 10 * 1024**3
"""Most bytes that a query scans: Athena stops it above."""


def create_database(scope: Construct, name: str, description: str) -> glue.CfnDatabase:
    """Create a Glue database."""
    return glue.CfnDatabase(
        scope,
        "Database",
        catalog_id=Claims.regional(scope).account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(name=name, description=description),
    )


def create_table(
    scope: Construct,
    database: glue.CfnDatabase,
    name: str,
    location: str,
    columns: Mapping[str, str],
    *,
    partition: str | None = None,
    days: int | None = None,
) -> None:
    """Create a table of JSON lines.

    The keys of maps keep their case: the default of the SerDe would make the parameter LEARNING_RATE another one.

    Args:
        scope: Scope of the table.
        database: Database of the table.
        name: Name of the table.
        location: S3 URI of the prefix with the objects.
        columns: Type of each column.
        partition: Column whose values are part of the prefix, `<column>=<value>/`. A query names it by a literal.
            Default: no partitions.
        days: Number of past days that a second partition column, `day`, has. Its values are like 2026-11-30, in UTC.
            Default: no such column.
    """
    cfn = glue.CfnTable
    partitions = [name for name, used in ((partition, partition), ("day", days)) if name and used]
    projection = {
        "projection.enabled": "true",
        f"projection.{partition}.type": "injected",
        **(_day_projection(days) if days else {}),
        "storage.location.template": location + "".join(f"{name}=${{{name}}}/" for name in partitions),
    }
    column: Any = cfn.ColumnProperty
    table = cfn(
        scope,
        name.capitalize(),
        catalog_id=database.catalog_id,
        database_name=str(database.database_input.name),  # type: ignore[union-attr]
        table_input=cfn.TableInputProperty(
            name=name,
            table_type="EXTERNAL_TABLE",
            parameters={"EXTERNAL": "TRUE", "classification": "json", **(projection if partitions else {})},
            partition_keys=[column(name=name, type="string") for name in partitions] or None,
            storage_descriptor=cfn.StorageDescriptorProperty(
                columns=[column(name=name, type=kind) for name, kind in columns.items()],
                input_format="org.apache.hadoop.mapred.TextInputFormat",
                output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                location=location,
                serde_info=cfn.SerdeInfoProperty(
                    serialization_library="org.openx.data.jsonserde.JsonSerDe",
                    parameters={"case.insensitive": "false", "ignore.malformed.json": "true"},
                ),
            ),
        ),
    )
    table.node.add_dependency(database)


def create_queries(
    scope: Construct, queries: Sequence[NamedQuery], workgroup: athena.CfnWorkGroup, database: glue.CfnDatabase
) -> None:
    """Create the named queries of a workgroup."""
    parent = Construct(scope, "Queries")
    for query in queries:
        named = athena.CfnNamedQuery(
            parent,
            query.name,
            database=str(database.database_input.name),  # type: ignore[union-attr]
            description=query.description,
            name=query.name,
            query_string=query.sql,
            work_group=workgroup.name,
        )
        named.node.add_dependency(workgroup, database)


def create_workgroup(
    scope: Construct, name: str, description: str, output_location: str, key_arn: str | None
) -> athena.CfnWorkGroup:
    """Create a workgroup whose queries scan at most 10 GiB and write their results to one place, encrypted."""
    cfn = athena.CfnWorkGroup
    return cfn(
        scope,
        "Workgroup",
        name=name,
        description=description,
        recursive_delete_option=True,
        work_group_configuration=cfn.WorkGroupConfigurationProperty(
            bytes_scanned_cutoff_per_query=SCAN_LIMIT,
            enforce_work_group_configuration=True,
            publish_cloud_watch_metrics_enabled=False,
            result_configuration=cfn.ResultConfigurationProperty(
                encryption_configuration=cfn.EncryptionConfigurationProperty(
                    encryption_option="SSE_KMS" if key_arn else "SSE_S3", kms_key=key_arn
                ),
                expected_bucket_owner=Claims.regional(scope).account,
                output_location=output_location,
            ),
        ),
    )


def _day_projection(days: int) -> dict[str, str]:
    return {
        "projection.day.type": "date",
        "projection.day.format": "yyyy-MM-dd",
        "projection.day.range": f"NOW-{days}DAYS,NOW+1DAYS",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
    }
