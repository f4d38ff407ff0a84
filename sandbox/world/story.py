"""What happens in the world, and when."""

from __future__ import annotations

from sandbox.world import churn, demand, hiring, loan, triage
from sandbox.world.cast import Cast
from sandbox.world.places import FIELD


def on_the_clouds(cast: Cast) -> None:
    """The work of those who do not need MLflow."""
    for project in (churn, hiring):
        project.happen(cast)


def with_mlflow(cast: Cast) -> None:
    """The work of those who do."""
    for project in (loan, demand, triage):
        project.happen(cast)


def after_the_first_sync(cast: Cast) -> None:
    """Somebody takes the drift alert off a ticket, and in one region of AWS Milepost's role loses its rights."""
    cast.jira.edit("LOAN-2", fields={FIELD: None})
    cast.oregon.refuse()


def in_the_end(cast: Cast) -> None:
    """The role has its rights again."""
    cast.oregon.admit()
