"""Loan defaults, in MLflow alone: a released model that drifts and loses its grip while the follow-up is in review."""

from __future__ import annotations

from sandbox.mlflow.training import monitor
from sandbox.world.cast import Cast, data_of, propose, train_with_mlflow


def happen(cast: Cast) -> None:
    jira, github = cast.jira, cast.github
    data = data_of("loan_default", "defaulted")
    ticket = jira.add_issue("LOAN", "Score loan defaults", status="In Progress", assignee="Ada Example")
    work = propose(github, "example/loan", f"{ticket.lower()}-scoring", f"{ticket} Score defaults")
    made = train_with_mlflow(cast, work, "forest", data, "loan-default", alias="champion")
    github.merge("example/loan", work.number, "merge")
    title = f"{ticket} Recalibrate after the new price list"
    propose(github, "example/loan", f"{ticket.lower()}-recalibrate", title, reviewed=False)
    version = f"{made.name}/{made.version}"
    monitor(cast.mlflow_url, experiment="loan-monitoring", data=data, model_version=version, judged=made.model, shift=1.2)
