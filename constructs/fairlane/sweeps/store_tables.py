"""Glue database with the tables of results and failures, and the Athena workgroup with its named queries."""

from collections.abc import Mapping
from typing import Final

from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from fairlane._internal import json_tables
from fairlane.sweeps.named_queries import NAMED_QUERIES
from fairlane.sweeps.store_rules import ATHENA, FAILURES, RESULTS

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
    """Create the database and its tables, whose partitions are the sweeps, and return the database."""
    description = "Results and failures of the sweeps of one store"
    database = json_tables.create_database(scope, database_name, description)
    tables = Construct(scope, "Tables")
    for name, (prefix, columns) in TABLES.items():
        location = f"s3://{bucket_name}/{prefix}"
        json_tables.create_table(tables, database, name, location, columns, partition="sweep")
    return database


def create_workgroup(
    scope: Construct, name: str, database: glue.CfnDatabase, bucket_name: str, key_arn: str | None
) -> athena.CfnWorkGroup:
    """Create the workgroup with the named queries, and return the workgroup."""
    description = "Queries of the results and failures of sweeps"
    workgroup = json_tables.create_workgroup(scope, name, description, f"s3://{bucket_name}/{ATHENA}", key_arn)
    json_tables.create_queries(scope, NAMED_QUERIES, workgroup, database)
    return workgroup
