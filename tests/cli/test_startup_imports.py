"""`milepost --help` answers at once: nothing that talks to a service, a database or a browser is imported for it."""

from __future__ import annotations

from bench.startup import FORBIDDEN, imported_by_help


def test_help_imports_no_sdk_no_database_and_no_web_framework() -> None:
    imported = imported_by_help()

    assert {"sync", "typer"} <= imported
    assert {
        "jira",
        "github",
        "mlflow",
        "boto3",
        "azure",
        "sqlalchemy",
        "alembic",
        "psycopg",
        "fastapi",
        "uvicorn",
        "httpx",
    } <= FORBIDDEN
    assert not FORBIDDEN & imported
