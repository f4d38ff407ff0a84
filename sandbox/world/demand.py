"""Demand, on Azure Machine Learning: an old model that has drifted and is due for training, whose ticket was closed long ago, a
deployment that failed, and tickets that data holds up."""

from __future__ import annotations

from datetime import datetime

from sandbox.mlflow.fitting import Data, fit
from sandbox.world.azure import Workspace
from sandbox.world.cast import Cast, data_of, propose, train_with_mlflow

_REPOSITORY = "example/demand"


def happen(cast: Cast) -> None:
    jira = cast.jira
    workspace = Workspace(cast.azure, cast.github.url)
    with cast.on_the_day(120) as then:
        old = jira.add_issue("DEMAND", "Forecast weekly demand", status="Done")
        _in_production(cast, workspace, old, then)
    blocked = jira.add_issue("DEMAND", "Forecast promotions", status="In Progress", assignee="Grace Sample")
    feed = jira.add_issue("DEMAND", "Repair the price feed", type="Bug", components=["Data"], labels=["data"])
    jira.link(feed, "Blocks", blocked)
    _spoiled(cast, jira.add_issue("DEMAND", "Forecast returns", status="In Progress"))
    _not_served(cast, workspace, jira.add_issue("DEMAND", "Forecast by store", status="In Progress", assignee="Ada Example"))


def _in_production(cast: Cast, workspace: Workspace, ticket: str, then: datetime) -> None:
    fitted = fit(_data(), "ridge")
    work = propose(cast.github, _REPOSITORY, f"{ticket.lower()}-weekly", f"{ticket} Weekly forecast")
    workspace.train("weekly-forecast", work, fitted, at=then)
    cast.github.merge(_REPOSITORY, work.number, "rebase")
    model = workspace.register("demand-forecast", 1, "weekly-forecast", at=then)
    workspace.deploy("demand-production", {"blue": model}, {"blue": 100})
    workspace.watch("demand-production", "blue", fitted, shift=0.9)


def _spoiled(cast: Cast, ticket: str) -> None:
    """A model that MLflow holds, trained on data of which a fifth got lost on the way."""
    wanted = cast.github.add_issue(_REPOSITORY, "Forecast returns of sold goods", body="Wanted for planning the warehouse.")
    title = f"{ticket} Forecast returns"
    work = propose(cast.github, _REPOSITORY, f"{ticket.lower()}-returns", title, body=f"Fixes #{wanted}", reviewed=False)
    train_with_mlflow(cast, work, "ridge", data_of("demand_forecast", "units_sold", lost=0.2), "returns-forecast")


def _not_served(cast: Cast, workspace: Workspace, ticket: str) -> None:
    work = propose(cast.github, _REPOSITORY, f"{ticket.lower()}-stores", f"{ticket} Forecast by store")
    workspace.train("store-forecast", work, fit(_data(), "ridge", seed=3))
    cast.github.merge(_REPOSITORY, work.number, "squash")
    model = workspace.register("store-forecast", 1, "store-forecast")
    workspace.deploy("demand-stores", {"green": model}, {}, failed="green")


def _data() -> Data:
    return data_of("demand_forecast", "units_sold")
