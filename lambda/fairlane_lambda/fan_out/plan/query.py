"""Query of a fan-out: a SELECT of Amazon Athena, whose CSV is the manifest."""

from typing import Any

from fairlane_lambda.aws_errors import error_name


class QueryFailed(Exception):  # noqa: N818
    """Failure of a query. Its text is Athena's reason."""


def start_query(client: Any, query: str | None, database: str, workgroup: str) -> str:
    """Start a query, and return the ID of its execution. The workgroup sets the location of the CSV.

    Args:
        client: Athena client.
        query: Text of the query.
        database: Database of tables without one.
        workgroup: Workgroup.

    Raises:
        QueryFailed: If the fan-out has no query, or if Athena refuses it.
    """
    if query is None:
        raise QueryFailed("the fan-out has no query")
    context = {"Database": database} if database else {}
    try:
        response = client.start_query_execution(QueryString=query, QueryExecutionContext=context, WorkGroup=workgroup)
    except Exception as error:
        if error_name(error) == "InvalidRequestException":
            raise QueryFailed(str(error)) from error
        raise
    return str(response["QueryExecutionId"])


def query_key(client: Any, execution: str, bucket: str) -> str | None:
    """Return the key of the CSV of a query. None while the query runs.

    Args:
        client: Athena client.
        execution: ID of the execution.
        bucket: Bucket of the fan-out.

    Raises:
        QueryFailed: If the query failed, was cancelled or wrote to another bucket.
    """
    description = client.get_query_execution(QueryExecutionId=execution)["QueryExecution"]
    status = description["Status"]
    if status["State"] in ("QUEUED", "RUNNING"):
        return None
    if status["State"] != "SUCCEEDED":
        raise QueryFailed(f"{status['State']}: {status.get('StateChangeReason', 'no reason')}")
    location: str = description["ResultConfiguration"]["OutputLocation"]
    if not location.startswith(f"s3://{bucket}/") or not location.endswith(".csv"):
        raise QueryFailed(f"the query is no SELECT, or its workgroup does not write to {bucket}")
    return location.removeprefix(f"s3://{bucket}/")
