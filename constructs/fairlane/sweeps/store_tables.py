"""Glue database with the tables of results and failures, and the Athena workgroup with its named queries."""

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane.sweeps.named_queries import NAMED_QUERIES
from fairlane.sweeps.store_rules import ATHENA, FAILURES, RESULTS

SCAN_LIMIT: Final = 10 * 1024**3
"""Most bytes that a query scans: Athena stops it above."""

_COMMON: Final = {
    "index": "int",
    "state": "string",
    "parameters": "map<string,string>",
    "point": "string",
    "started_at": "double",
    "seconds": "double",
    "job": "string",
    "attempt": "int",
}
TABLES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "results": (RESULTS, {**_COMMON, "value": "double", "metrics": "map<string,double>", "step": "int"}),
    "failures": (FAILURES, {**_COMMON, "reason": "string"}),
}
"""Prefix and columns of each table: the members of the records that `fairlane_run` writes."""


def create_tables(scope: Construct, database_name: str, bucket_name: str) -> glue.CfnDatabase:
    """Create the database and its tables, and return the database."""
    account = Claims.regional(scope).account
    description = "Results and failures of the sweeps of one store"
    database = glue.CfnDatabase(
        scope,
        "Database",
        catalog_id=account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(name=database_name, description=description),
    )
    tables = Construct(scope, "Tables")
    for name, (prefix, columns) in TABLES.items():
        table = glue.CfnTable(
            tables,
            name.capitalize(),
            catalog_id=account,
            database_name=database_name,
            table_input=_table(name, f"s3://{bucket_name}/{prefix}", columns),
        )
        table.node.add_dependency(database)
    return database


def create_workgroup(
    scope: Construct, name: str, database: glue.CfnDatabase, bucket_name: str, key_arn: str | None
) -> athena.CfnWorkGroup:
    """Create the workgroup with the named queries, and return the workgroup."""
    cfn = athena.CfnWorkGroup
    workgroup = cfn(
        scope,
        "Workgroup",
        name=name,
        description="Queries of the results and failures of sweeps",
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
                output_location=f"s3://{bucket_name}/{ATHENA}",
            ),
        ),
    )
    queries = Construct(scope, "Queries")
    database_name = database.database_input.name  # type: ignore[union-attr]
    for query in NAMED_QUERIES:
        named = athena.CfnNamedQuery(
            queries,
            query.name,
            database=str(database_name),
            description=query.description,
            name=query.name,
            query_string=query.sql,
            work_group=name,
        )
        named.node.add_dependency(workgroup, database)
    return workgroup


def _table(name: str, location: str, columns: Mapping[str, str]) -> Any:
    """Return the input of a table whose partitions are the sweeps. A query names the sweep by a literal.

    The keys of maps keep their case: the default of the SerDe would make the parameter LEARNING_RATE another one.
    """
    cfn = glue.CfnTable
    return cfn.TableInputProperty(
        name=name,
        table_type="EXTERNAL_TABLE",
        parameters={
            "EXTERNAL": "TRUE",
            "classification": "json",
            "projection.enabled": "true",
            "projection.sweep.type": "injected",
            "storage.location.template": f"{location}sweep=${{sweep}}/",
        },
        partition_keys=[cfn.ColumnProperty(name="sweep", type="string")],
        storage_descriptor=cfn.StorageDescriptorProperty(
            columns=[cfn.ColumnProperty(name=column, type=kind) for column, kind in columns.items()],
            input_format="org.apache.hadoop.mapred.TextInputFormat",
            output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            location=location,
            serde_info=cfn.SerdeInfoProperty(
                serialization_library="org.openx.data.jsonserde.JsonSerDe",
                parameters={"case.insensitive": "false", "ignore.malformed.json": "true"},
            ),
        ),
    )
