"""Names of the Athena workgroups and Glue databases of sweep stores and fan-outs. Imports no aws_cdk."""


def workgroup_name(name: str) -> str:
    """Return the name of the workgroup for the queries of one store or fan-out."""
    return f"fairlane-{name}"


def database_name(name: str) -> str:
    """Return the name of the database with the tables of one store or fan-out, which has no hyphens, for SQL."""
    return f"fairlane_{name.replace('-', '_')}"
