"""Errors of calls to AWS after which the same call can succeed."""


def is_temporary(error: object) -> bool:
    """Return True if AWS throttled a call, failed or did not answer."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(status == 429 or status >= 500)
    return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)
