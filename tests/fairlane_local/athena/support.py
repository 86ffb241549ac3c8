"""Sweep store on a local AWS, and its queries."""

import json
from collections.abc import Mapping
from typing import Any

from moto.athena.models import athena_backends

from fairlane.sweeps.store_tables import TABLES
from fairlane_local import LocalAws, client

ACCOUNT, REGION = "123456789012", "us-east-1"
JSON_SERDE = "org.openx.data.jsonserde.JsonSerDe"
INJECTED = {"projection.enabled": "true", "projection.sweep.type": "injected"}


def table(name: str, columns: Mapping[str, str], serde: str = JSON_SERDE, **more: Any) -> dict[str, Any]:
    """Return the input of a table below the prefix with its name. Arguments: partitions, parameters and options."""
    return {
        "Name": name,
        "Parameters": more.get("parameters", {}),
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in more.get("partitions", ())],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
            "Location": f"s3://store/{name}/",
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": more.get("options", {})},
        },
    }


class Store:
    """Bucket, database and workgroup named `store`, with the tables of sweeps."""

    def __init__(self, aws: LocalAws) -> None:
        self._port = aws.port
        self.athena, self.glue, self.s3 = self.client("athena"), self.client("glue"), self.client("s3")
        self.s3.create_bucket(Bucket="store")
        self.glue.create_database(DatabaseInput={"Name": "store"})
        for name, (_, columns) in TABLES.items():
            parameters = INJECTED | {"storage.location.template": f"s3://store/{name}/sweep=${{sweep}}/"}
            options = {"case.insensitive": "false", "ignore.malformed.json": "true"}
            self.create(table(name, columns, partitions=["sweep"], parameters=parameters, options=options))
        configuration = {
            "ResultConfiguration": {"OutputLocation": "s3://store/athena/"},
            "BytesScannedCutoffPerQuery": 10_000_000,
        }
        self.athena.create_work_group(Name="store", Configuration=configuration)

    def client(self, service: str) -> Any:
        return client(service, self._port, ACCOUNT, REGION)

    def create(self, description: dict[str, Any]) -> None:
        self.glue.create_table(DatabaseName="store", TableInput=description)

    def put(self, key: str, body: object) -> None:
        self.s3.put_object(Bucket="store", Key=key, Body=body if isinstance(body, bytes) else json.dumps(body) + "\n")

    def start(self, sql: str, *parameters: str, **arguments: Any) -> str:
        given = {"ExecutionParameters": [*parameters]} if parameters else {}
        request = {"WorkGroup": "store", "QueryExecutionContext": {"Database": "store"}} | given | arguments
        return str(self.athena.start_query_execution(QueryString=sql, **request)["QueryExecutionId"])

    def wait(self, query: str) -> dict[str, Any]:
        """Return the description of a query that has ended."""
        execution: Any = athena_backends[ACCOUNT][REGION].executions[query]
        execution.join()
        return dict(self.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"])

    def rows(self, sql: str, *parameters: str, **arguments: Any) -> list[list[str | None]]:
        """Return the rows of a result, without the names of its columns."""
        query = self.start(sql, *parameters, **arguments)
        status = self.wait(query)["Status"]
        assert status["State"] == "SUCCEEDED", status
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        return [[value.get("VarCharValue") for value in row] for row in rows[1:]]

    def failure(self, sql: str, *parameters: str, **arguments: Any) -> tuple[str, str]:
        """Return the state of a query that did not succeed, and its reason."""
        status = self.wait(self.start(sql, *parameters, **arguments))["Status"]
        return status["State"], status["StateChangeReason"]
