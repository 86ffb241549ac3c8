"""API of Amazon Athena: executions of queries, which moto does not run, and several named queries at once."""

import json
from typing import Any, Final

from moto.athena.responses import AthenaResponse
from moto.core.exceptions import JsonRESTError

from fairlane_local.athena import tables
from fairlane_local.athena.errors import QueryError
from fairlane_local.athena.executions import Execution
from fairlane_local.athena.statements import Statement

_MAX_RESULTS: Final = 1000
_MAX_LENGTH: Final = 262_144
_MAX_IDS: Final = 50


def install() -> None:
    """Replace moto's calls for executions of queries and for named queries by ID."""
    response: Any = AthenaResponse
    response.start_query_execution = _start
    response.get_query_execution = _get
    response.get_query_results = _get_results
    response.stop_query_execution = _stop
    response.get_named_query = _get_named
    response.batch_get_named_query = _batch_get_named


def stop_queries() -> None:
    """Cancel all queries, and wait until their threads have ended."""
    while _running:
        _running.pop().stop()


_running: list[Execution] = []


def _start(self: AthenaResponse) -> str:
    backend: Any = self.athena_backend
    request = json.loads(self.body)
    for execution in backend.executions.values():
        if execution.request.get("ClientRequestToken", "") == request.get("ClientRequestToken"):
            if execution.request != request:
                raise _error("Idempotent parameters do not match")
            return json.dumps({"QueryExecutionId": execution.id})
    group = backend.work_groups.get(request.get("WorkGroup") or "primary")
    if group is None:
        raise _error(f"WorkGroup {request['WorkGroup']} is not found.")
    if group.state != "ENABLED":
        raise _error(f"WorkGroup {group.name} is disabled.")
    output = _output_location(request, group.configuration)
    database = (request.get("QueryExecutionContext") or {}).get("Database") or "default"
    if len(request["QueryString"].encode()) > _MAX_LENGTH:
        raise _error(f"QueryString must be at most {_MAX_LENGTH:,} bytes")
    try:
        statement = Statement(request["QueryString"], database, request.get("ExecutionParameters") or ())
    except QueryError as error:
        raise _error(str(error)) from None
    execution = Execution((self.current_account, self.region), request, statement, group, output)
    backend.executions[execution.id] = execution
    _running[:] = [*(running for running in _running if running.ended is None), execution]
    execution.start()
    return json.dumps({"QueryExecutionId": execution.id})


def _output_location(request: dict[str, Any], configuration: dict[str, Any]) -> str:
    """Return the folder of the result. Most workgroups enforce theirs."""
    own = (configuration.get("ResultConfiguration") or {}).get("OutputLocation")
    given = (request.get("ResultConfiguration") or {}).get("OutputLocation")
    location = own or given if configuration.get("EnforceWorkGroupConfiguration") else given or own
    if not location:
        raise _error(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    if not location.startswith("s3://") or not tables.has_bucket(location):
        raise _error(f"Unable to verify/create output bucket {location.removeprefix('s3://').partition('/')[0]}")
    return str(location)


def _get(self: AthenaResponse) -> str:
    execution = _execution(self)
    milliseconds = int(((execution.ended or execution.started) - execution.started) * 1000)
    status: dict[str, Any] = {"State": execution.status, "SubmissionDateTime": execution.started}
    if execution.ended is not None:
        status["CompletionDateTime"] = execution.ended
    if execution.reason:
        status["StateChangeReason"] = execution.reason
        status["AthenaError"] = {"ErrorCategory": 2, "ErrorMessage": execution.reason, "Retryable": False}
    given = {name: execution.request[name] for name in ("ExecutionParameters",) if execution.request.get(name)}
    description = {
        "QueryExecutionId": execution.id,
        "Query": execution.request["QueryString"],
        "StatementType": "DML",
        "ResultConfiguration": {"OutputLocation": execution.output},
        "QueryExecutionContext": execution.request.get("QueryExecutionContext") or {},
        "Status": status,
        "Statistics": {
            "DataScannedInBytes": execution.scanned,
            "EngineExecutionTimeInMillis": milliseconds,
            "TotalExecutionTimeInMillis": milliseconds,
        },
        "WorkGroup": execution.workgroup.name,
        **given,
    }
    return json.dumps({"QueryExecution": description})


def _get_results(self: AthenaResponse) -> str:
    execution = _execution(self)
    if execution.status in {"QUEUED", "RUNNING"}:
        raise _error(f"Query has not yet finished. Current state: {execution.status}")
    if execution.status != "SUCCEEDED":
        raise _error(f"Query did not finish successfully. Final query state: {execution.status}")
    number, token = self._get_param("MaxResults") or _MAX_RESULTS, self._get_param("NextToken") or "0"
    if not 1 <= number <= _MAX_RESULTS:
        raise _error(f"MaxResults is more than maximum allowed length {_MAX_RESULTS}.")
    if not token.isdecimal():
        raise _error("Malformed next token")
    end = int(token) + number
    rows = [
        {"Data": [{} if text is None else {"VarCharValue": text} for text in row]}
        for row in execution.rows[int(token) : end]
    ]
    result = {"UpdateCount": 0, "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": execution.columns}}}
    return json.dumps(result | ({"NextToken": str(end)} if end < len(execution.rows) else {}))


def _stop(self: AthenaResponse) -> str:
    _execution(self).stop()
    return "{}"


def _get_named(self: AthenaResponse) -> str:
    identifier = self._get_param("NamedQueryId")
    if (query := _named_query(self, identifier)) is None:
        raise _error(_not_found(identifier))
    return json.dumps({"NamedQuery": query})


def _batch_get_named(self: AthenaResponse) -> str:
    identifiers = self._get_param("NamedQueryIds") or []
    if not 1 <= len(identifiers) <= _MAX_IDS:
        raise _error(f"NamedQueryIds has {len(identifiers)} IDs: use 1 to {_MAX_IDS}")
    found = {identifier: _named_query(self, identifier) for identifier in identifiers}
    unprocessed = [
        {"NamedQueryId": identifier, "ErrorCode": "INVALID_INPUT", "ErrorMessage": _not_found(identifier)}
        for identifier, query in found.items()
        if query is None
    ]
    queries = [query for query in found.values() if query is not None]
    return json.dumps({"NamedQueries": queries, "UnprocessedNamedQueryIds": unprocessed})


def _named_query(response: AthenaResponse, identifier: str) -> dict[str, str] | None:
    """Return a named query as Athena describes it. None if it does not exist."""
    query: Any = response.athena_backend.get_named_query(identifier)
    if query is None:
        return None
    description = {"Description": query.description} if query.description else {}
    return {
        "NamedQueryId": query.id,
        "Name": query.name,
        "Database": query.database,
        "QueryString": query.query_string,
        "WorkGroup": query.workgroup.name,
        **description,
    }


def _not_found(identifier: str) -> str:
    return f"NamedQuery {identifier} was not found"


def _execution(response: AthenaResponse) -> Execution:
    identifier, backend = response._get_param("QueryExecutionId"), response.athena_backend
    execution: Any = backend.executions.get(identifier)
    if execution is None:
        raise _error(f"QueryExecution {identifier} was not found")
    return execution  # type: ignore[no-any-return]


def _error(message: str) -> JsonRESTError:
    return JsonRESTError("InvalidRequestException", message)
