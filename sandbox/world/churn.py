"""Customer churn, on SageMaker: a model in production, a smaller one on trial, one that waits for approval, one that drifts for
business customers, and an endpoint that nobody can trace."""

from __future__ import annotations

from sandbox.mlflow.fitting import Data, fit
from sandbox.mlflow.tables import drift_by_feature, read_table, serving_sample
from sandbox.world.aws import IMAGE, Studio
from sandbox.world.cast import Cast, data_of, propose

_REPOSITORY = "example/churn"
_MODEL = "churn-classifier"


def happen(cast: Cast) -> None:
    """In the order in which people worked, but for the days that lie between."""
    jira = cast.jira
    sound = jira.add_issue("CHURN", "Predict churn from usage", status="In Progress", assignee="Ada Example", labels=["model"])
    small = jira.add_issue("CHURN", "Try fewer features", status="In Progress", assignee="Grace Sample")
    with cast.on_the_day(9):
        waiting = jira.add_issue("CHURN", "Try a forest", status="In Progress", assignee="Ada Example")
    with cast.on_the_day(5):
        business = jira.add_issue("CHURN", "Predict churn of business customers", status="Done", assignee="Grace Sample")
    with Studio(cast.ireland, "churn") as studio:
        in_production = _released(cast, studio, sound, "usage", _MODEL)
        on_trial = _released(cast, studio, small, "fewer-features", _MODEL, ["monthly_charge", "support_calls"])
        studio.deploy("churn-production", [{"ModelPackageName": one} for one in (in_production, on_trial)], [0.9, 0.1])
        studio.watch("churn-production", "DataQuality", [])
        _waits(cast, studio, waiting)
        for_business = _released(cast, studio, business, "business", "business-churn")
        studio.deploy("churn-business", [{"ModelPackageName": for_business}])
        studio.watch("churn-business", "DataQuality", _drift(shift=0.8))
        studio.region.put("example-unknown", "old/model.tar.gz", b"nobody knows what this is")
        studio.deploy("churn-legacy", [{"Image": IMAGE, "ModelDataUrl": "s3://example-unknown/old/model.tar.gz"}])


def _released(cast: Cast, studio: Studio, ticket: str, what: str, group: str, features: list[str] | None = None) -> str:
    """A merged pull request, a training job from it, and its approved package."""
    work = propose(cast.github, _REPOSITORY, f"feature/{ticket.lower()}-{what}", f"{ticket} Train for {what.replace('-', ' ')}")
    job = studio.train(f"churn-{what}", work, fit(_data(), "logistic", features=features))
    cast.github.merge(_REPOSITORY, work.number, "squash")
    return studio.register(group, job)


def _waits(cast: Cast, studio: Studio, ticket: str) -> None:
    """A package that nobody has approved for nine days, from a pull request that is still open."""
    with cast.on_the_day(9) as then:
        work = propose(cast.github, _REPOSITORY, f"feature/{ticket.lower()}-forest", f"{ticket} Try a forest", reviewed=False)
        job = studio.train("churn-forest", work, fit(_data(), "forest"), at=then)
        studio.region.date_package(studio.register(_MODEL, job, approved=False), then)


def _drift(*, shift: float) -> list[dict[str, str]]:
    """What Model Monitor reports of each feature that moved too far in a sample of what the endpoint was asked."""
    data = _data()
    table = read_table(data.csv)
    moved = drift_by_feature(table, serving_sample(table, data.target, rows=500, shift=shift, seed=11))
    return [
        {
            "feature_name": feature,
            "constraint_check_type": "baseline_drift_check",
            "description": f"Baseline drift distance: {distance:.6g} exceeds threshold: 0.2",
        }
        for feature, distance in moved.items()
        if distance > 0.2
    ]


def _data() -> Data:
    return data_of("customer_churn", "churned")
