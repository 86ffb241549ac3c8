"""Named queries of Athena, and the IAM actions of people who query. Imports no aws_cdk."""

from dataclasses import dataclass
from typing import Final

QUERY: Final = [
    "athena:BatchGetNamedQuery",
    "athena:GetNamedQuery",
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:ListNamedQueries",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
]
"""Actions on a workgroup with named queries."""
QUERY_RESULTS: Final = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
"""Actions with which Athena writes the results of a query, with the permissions of the caller."""
READ_TABLES: Final = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"]
"""Actions on the catalog, the database and its tables."""


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """Query with placeholders, which a user replaces.

    Attributes:
        name: Name in the workgroup.
        description: Description, with the placeholders to replace.
        sql: Text of the query.
    """

    name: str
    description: str
    sql: str
