"""Candidate ranking, on SageMaker: of a high risk class, in production, unfair to a group, and with its papers incomplete."""

from __future__ import annotations

from sandbox.mlflow.fitting import Data, Fitted, fit
from sandbox.world.aws import Studio
from sandbox.world.cast import Cast, data_of, propose, without

_REPOSITORY = "example/hiring"
_GROUP = "group"
_MOST_APART = 0.1


def happen(cast: Cast) -> None:
    ticket = cast.jira.add_issue("HIRING", "Rank applications", status="In Progress", assignee="Grace Sample")
    cast.jira.add_issue("HIRING", "Review of data protection", labels=["data-protection-review"], assignee="Ada Example")
    work = propose(cast.github, _REPOSITORY, f"{ticket.lower()}-rank", f"{ticket} Rank applications")
    fitted = fit(_data(), "logistic", features=without(_data(), _GROUP))
    with Studio(cast.ireland, "hiring") as studio:
        job = studio.train("hiring-ranking", work, fitted)
        cast.github.merge(_REPOSITORY, work.number, "merge")
        studio.deploy("hiring-production", [{"ModelPackageName": studio.register("candidate-ranking", job)}])
        studio.watch("hiring-production", "ModelBias", _unfairness(fitted))


def _unfairness(fitted: Fitted) -> list[dict[str, str]]:
    """What Model Monitor reports when one group is invited much more often than the other."""
    chosen = fitted.table.assign(chosen=fitted.model.predict(fitted.table[list(fitted.columns)])).groupby(_GROUP)["chosen"].mean()
    apart = float(chosen.max() - chosen.min())
    violation = {
        "facet": _GROUP,
        "facet_value": "1",
        "metric_name": "DPPL",
        "constraint_check_type": "bias_drift_check",
        "description": f"Value {apart:.6g} does not meet the constraint [-{_MOST_APART}, {_MOST_APART}]",
    }
    return [violation] if apart > _MOST_APART else []


def _data() -> Data:
    return data_of("candidate_ranking", "invited")
