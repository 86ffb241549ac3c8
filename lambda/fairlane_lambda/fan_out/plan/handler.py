"""Lambda function that plans a manifest, and closes its execution. Its result is the next state.

Nothing of parameters, payloads and results of queries is logged: problems are in the answer in the bucket.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from fairlane_lambda.aws_errors import error_name, is_temporary
from fairlane_lambda.fan_out.config import Config, read_config
from fairlane_lambda.fan_out.copies import bucket_region, start
from fairlane_lambda.fan_out.copy_jobs import CopyFailed
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.names import MANIFEST, MANIFESTS, QUERIES, TEMPLATES, UPLOADS
from fairlane_lambda.fan_out.placement import Placer, read_capacity
from fairlane_lambda.fan_out.plan.images import Images
from fairlane_lambda.fan_out.plan.manifest import Plans, Source, State
from fairlane_lambda.fan_out.plan.objects import Bucket
from fairlane_lambda.fan_out.plan.query import QueryFailed, query_key, start_query
from fairlane_lambda.fan_out.plan.queues import Account
from fairlane_lambda.fan_out.plan.scope import Scope
from fairlane_lambda.fan_out.rendering import Template
from fairlane_lambda.fan_out.table import Table

_QUERY_SECONDS: Final = 15
_OUTAGE_SECONDS: Final = 60
_LATE_MS: Final = 180_000
"""Milliseconds in which an array job of 10,000 lines gets its lines, and the plan is written."""


class PlanError(RuntimeError):
    """Failure of a plan, without the message of the error, which can contain parts of lines and templates."""


def handler(event: Mapping[str, Any], context: Any) -> State:
    """Plan a manifest, or close its execution, and return the next state.

    Args:
        event: State of the execution, with `operation`: `start` (default), `check`, `retry`, `query` or `close`.
            `resume`: true submits a version that was stopped. Default: it stays stopped.
        context: Context of the invocation.

    Raises:
        PlanError: If a call to AWS failed for another reason than an outage, or the function has a fault.
    """
    config, environment = read_config(), os.environ
    ledger = Ledger(Table(_client("dynamodb", config.home), environment["TABLE"]))
    if event.get("operation") == "close":
        return _close(event, ledger)
    s3 = _client("s3", config.home)
    try:
        plans = Plans(
            event=event,
            bucket=Bucket(s3, environment["BUCKET"]),
            store=Bucket(s3, environment.get("STORE", "")),
            ledger=ledger,
            template=config.template,
            start_copies=start,
            last=ledger.manifest(_manifest(event, config)) or {},
            is_late=lambda: context.get_remaining_time_in_millis() < _LATE_MS,
        )
        state = _next(event, config, plans, context.invoked_function_arn.split(":")[4])
    except Exception as error:
        if not is_temporary(error):
            raise PlanError(f"{getattr(error, 'operation_name', 'the plan')} failed: {error_name(error)}") from None
        print(f"a call failed for now: {error_name(error)}", file=sys.stderr)
        state = {**event, "status": "WAIT", "seconds": _OUTAGE_SECONDS}
    counts = {name: state.get(name) for name in ("status", "manifest", "problems")}
    print(json.dumps({"operation": event.get("operation", "start"), **counts}))
    return state


def _next(event: Mapping[str, Any], config: Config, plans: Plans, account: str) -> State:
    """Return the state after the query, the copies or the plan."""
    source = Source(_manifest(event, config), event.get("key", ""), event.get("version", ""))
    try:
        if decision := event.get("decision"):
            return plans.resume(decision)
        if event.get("operation") == "query" or event.get("query"):
            execution = event.get("query_execution")
            source = Source(config.name, "", execution or "", is_query=True)
            athena = _client("athena", config.home)
            if not execution:
                execution = start_query(athena, config.query, os.environ["DATABASE"], os.environ["WORKGROUP"])
                return {**event, "status": "WAIT", "seconds": _QUERY_SECONDS, "query_execution": execution}
            key = query_key(athena, execution, plans.bucket.name)
            if key is None:
                return {**event, "status": "WAIT", "seconds": _QUERY_SECONDS}
            source = Source(config.name, key, is_query=True)
        elif problem := _key_problem(source):
            return plans.refuse(source, problem)
        return plans.plan(source, lambda: _scope(source, event, config, plans.bucket, account))
    except QueryFailed as error:
        return plans.refuse(source, f"query: {error}")
    except CopyFailed as error:
        return plans.refuse(source, *error.problems)


def _scope(source: Source, event: Mapping[str, Any], config: Config, bucket: Bucket, account: str) -> Scope:
    from botocore.exceptions import BotoCoreError

    s3 = _client("s3", config.home)
    roles = json.loads(os.environ["ROLES"])

    @cache
    def template(name: str | None) -> Template | None:
        if name is None:
            return Template("template", config.template, roles)
        content = bucket.read(f"{TEMPLATES}{name}.json")
        if content is None:
            return None
        return Template(f"{TEMPLATES}{name}.json", content.decode(errors="replace"), roles)

    @cache
    def region_of(name: str) -> str:
        try:
            return bucket_region(s3, name)
        except BotoCoreError:  # no name of a bucket
            return ""

    return Scope(
        config=config,
        manifest=source.manifest,
        retry=event.get("operation") == "retry",
        is_csv=source.key.endswith(".csv"),
        account=account,
        roles=roles,
        template=template,
        queues=Account(_client),
        images=Images(_client, account, config.home),
        placer=Placer(config, read_capacity(s3, bucket.name, config.regions), region_of),
        bucket_region=region_of,
        store=os.environ.get("STORE", ""),
    )


def _manifest(event: Mapping[str, Any], config: Config) -> str:
    """Return the name of a manifest: that of its file, or of the fan-out for the result of its query.

    A file whose name is not allowed gets another one for its answer.
    """
    folder, name = _split(str(event.get("key", "")))
    if not folder:
        return config.name
    return re.sub(r"[^a-z0-9-]", "-", name.rpartition(".")[0].lower())[:40] or "-"


def _key_problem(source: Source) -> str:
    folder, file = _split(source.key)
    name, _, ending = file.rpartition(".")
    is_result = source.key.startswith(QUERIES) and ending == "csv"
    is_manifest = folder and ending in ("jsonl", "csv") and MANIFEST.fullmatch(name.lower())
    if is_result or is_manifest:
        return ""
    allowed = f"{MANIFESTS} or {UPLOADS}<name>.jsonl or .csv, with a name that matches {MANIFEST.pattern}"
    return f"key: got {source.key!r}, allowed: {allowed}"


def _split(key: str) -> tuple[str, str]:
    """Return the prefix of a manifest and the rest of its key. The prefix is empty for other objects."""
    folder = next((folder for folder in (MANIFESTS, UPLOADS) if key.startswith(folder)), "")
    return folder, key.removeprefix(folder)


def _close(event: Mapping[str, Any], ledger: Ledger) -> State:
    """Record how the submission ended, unless another version of the manifest is planned by now."""
    results = event.get("results") or []
    failed = [result["region"] for result in results if result.get("status") == "FAILED"]
    is_stopped = any(result.get("status") == "STOPPED" for result in results)
    state = "FAILED" if failed else "STOPPED" if is_stopped else "SUBMITTED"
    names = {"manifest": event["manifest"], "version": event["version"]}
    ledger.close_manifest(event["manifest"], event["version"], state)
    return {"status": state, **names, "failed": failed}


@cache
def _client(service: str, region: str) -> Any:
    import boto3
    from botocore.config import Config as ClientConfig

    retries = {"mode": "standard", "total_max_attempts": 8}
    return boto3.client(service, region_name=region, config=ClientConfig(read_timeout=60, retries=retries))
