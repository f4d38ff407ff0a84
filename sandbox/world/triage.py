"""Document triage, served from a region that Milepost is shut out of later: what nobody can know, a monitor whose result is no
number, and a field that somebody filled before Milepost came."""

from __future__ import annotations

from sandbox.mlflow.fitting import Data, fit
from sandbox.mlflow.training import unreadable_monitor
from sandbox.world.aws import IMAGE, Studio
from sandbox.world.cast import Cast, data_of, propose, train_with_mlflow
from sandbox.world.places import FIELD

_REPOSITORY = "example/triage"


def happen(cast: Cast) -> None:
    jira = cast.jira
    sorting = jira.add_issue("TRIAGE", "Sort incoming documents", status="In Progress", assignee="Ada Example")
    jira.add_issue("TRIAGE", "Sort by urgency", fields={FIELD: "Model ready"})
    letters = jira.add_issue("TRIAGE", "Sort scanned letters", status="In Progress", assignee="Grace Sample")
    with Studio(cast.oregon, "triage") as studio:
        _letters(cast, studio, letters)
        _documents(cast, studio, sorting)


def _letters(cast: Cast, studio: Studio, ticket: str) -> None:
    """Trained and served by SageMaker."""
    work = propose(cast.github, _REPOSITORY, f"{ticket.lower()}-letters", f"{ticket} Sort letters")
    job = studio.train("triage-letters", work, fit(_data(), "logistic"))
    cast.github.merge(_REPOSITORY, work.number, "squash")
    studio.deploy("triage-letters", [{"ModelPackageName": studio.register("letter-triage", job)}])


def _documents(cast: Cast, studio: Studio, ticket: str) -> None:
    """Trained and registered with MLflow, and served by SageMaker as MLflow's deployment plugin does, with its address in a tag."""
    work = propose(cast.github, _REPOSITORY, f"{ticket.lower()}-sort", f"{ticket} Sort documents")
    made = train_with_mlflow(cast, work, "forest", _data(), "document-triage", alias="champion")
    cast.github.merge(_REPOSITORY, work.number, "squash")
    version = f"{made.name}/{made.version}"
    tags = [{"Key": "model_uri", "Value": f"models:/{version}"}]
    studio.deploy("triage-documents", [{"Image": IMAGE, "ModelDataUrl": "s3://example-triage/mlflow/model.tar.gz"}], Tags=tags)
    unreadable_monitor(cast.mlflow_url, experiment="triage-monitoring", model_version=version)


def _data() -> Data:
    return data_of("document_triage", "queue")
