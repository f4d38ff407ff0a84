"""`milepost status` and `milepost plan` where facts are missing: each cause is told once, and nothing is said to be shown or in
step that is not."""

from __future__ import annotations

from typing import Any

import pytest

from sync.assess import Assessment
from sync.cli.render_markdown import plan_markdown
from sync.cli.render_plan import plan_lines
from sync.cli.render_sources import counted_statuses
from sync.cli.render_status import ProjectStatus, status_documents, status_lines, untold
from sync.cli.style import NOT_PUBLISHED
from sync.listings import ScopedProject
from sync.plan import make_plan
from sync.recipients import deliver
from sync.results import ProjectRun
from tests.cli.office import FIELD, Office
from tests.core.worlds import DAY, NOW, Desk, World, shipped


def looked_at(world: World) -> ProjectStatus:
    rules, view = tuple(shipped()), world.view()
    standings = world.derive(rules).standings
    assessment = Assessment(
        project=ScopedProject(view=world.project, rules=rules, scopes=(), fresh_within=DAY),
        now=world.now,
        graph=view.graph,
        freshness=view.freshness,
        standings=standings,
        findings=(),
    )
    deliveries = deliver(view.graph, world.project, {rule.id: rule for rule in rules}, standings, now=world.now)
    return ProjectStatus(assessment=assessment, deliveries=deliveries, holds=(), slots={})


def words(text: str) -> str:
    return " ".join(text.split())


def statuses(office: Office, *arguments: str) -> dict[tuple[str, str], Any]:
    answer = office.desk.call("status", "-o", "json", *arguments).json()
    return {(one["name"], one["rule"]): one for one in answer["projects"][0]["statuses"]}


def test_nothing_is_told_to_be_shown_before_it_is_written(office: Office) -> None:
    assert office.desk.call("pull").code == 0
    before, table = statuses(office)["OPS-2", "data-blocked"], words(office.desk.call("status").out)
    assert office.desk.call("apply").code == 0
    after = statuses(office)["OPS-2", "data-blocked"]

    assert (before["told_on"], before["shown_on"]) == (["OPS-2"], [])
    assert "not shown now: see milepost explain OPS-2" in table
    assert (after["told_on"], after["shown_on"]) == (["OPS-2"], ["OPS-2"])
    assert "not shown now" not in office.desk.call("status").out


def test_what_is_false_is_told_to_nobody(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    office.jira.transition("OPS-3", "Done")
    assert office.desk.call("pull").code == 0

    over = statuses(office, "--all")["OPS-2", "data-blocked"]

    assert (over["truth"], over["told_on"], over["shown_on"]) == (False, [], ["OPS-2"])


def test_a_source_that_is_away_is_told_once_with_how_many_statuses_it_concerns(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    office.jira.token = "another by now"
    assert office.desk.call("pull").code == 3

    table = words(office.desk.call("status").out)
    whole = words(office.desk.call("status", "--all").out)
    unknown = [one for one in statuses(office).values() if one["truth"] is None]

    assert f"✗ jira could not be read; last read just now; {len(unknown)} statuses are not known without it" in table
    assert table.count("the last read failed") == 0
    assert "◐ Data blocked OPS-2 just now not known without jira; an alarm stays until it is known" in table
    assert f"? {counted_statuses(len(unknown) - 1)} not known without jira" in table
    assert " ? Data blocked" not in table
    assert whole.count("? Data blocked OPS-") > 1


def test_what_is_not_known_and_shown_nowhere_is_not_said_to_stay(office: Office) -> None:
    assert office.desk.call("pull").code == 0
    office.jira.token = "another by now"
    assert office.desk.call("pull").code == 3

    table = words(office.desk.call("status", "--all").out)
    explained = words(office.desk.call("explain", "OPS-2").out)

    assert statuses(office)["OPS-2", "data-blocked"]["state"] == "unknown"
    assert "? Data blocked OPS-2" in table
    assert "stays until" not in table
    assert "? Data blocked not known" in explained
    assert "◐" not in table + explained


def test_a_true_status_that_no_ticket_receives_says_why(office: Office) -> None:
    world = World()
    item, *_ = world.whole()
    world.change_of(item, status_category="done", closed_at=NOW - 90 * DAY)

    table = words(" ".join(line.plain for line in status_lines([looked_at(world)], 200, everything=False)))

    assert "● Model ready ML-42" in table
    assert "not shown: ML-42 was closed more than 30 days ago" in table


def table_of(status: ProjectStatus) -> str:
    return words(" ".join(line.plain for line in status_lines([status], 200, everything=False)))


def test_what_is_not_shown_yet_names_all_for_whom_it_is_meant() -> None:
    world = World()
    world.whole()
    alone = table_of(looked_at(world))
    world.change(8, branch="feature/ml-42-again")

    assert "not shown now: see milepost explain ML-42" in alone
    assert "not shown now; meant for ML-42 and example/churn#8: see milepost explain ML-42" in table_of(looked_at(world))


def test_a_project_that_publishes_nothing_says_so_once() -> None:
    world = World()
    world.whole()
    shows = looked_at(world)
    world.set_project(owned={}, label_rules={})
    hides = looked_at(world)
    plan = make_plan(
        hides.assessment.graph,
        world.project,
        shipped(),
        hides.assessment.standings,
        Desk().remembered(world),
        now=NOW,
        config_hash="c",
    )
    runs = [ProjectRun(assessment=hides.assessment, plan=plan)]

    assert "● Model ready" in table_of(hides)
    assert table_of(hides).count(NOT_PUBLISHED) == 1
    assert NOT_PUBLISHED not in table_of(shows)
    assert [one["published_to"] for one in status_documents([shows, hides], everything=False)] == [["jira", "github"], []]
    assert words(" ".join(line.plain for line in plan_lines(runs, 200))).count(NOT_PUBLISHED) == 1
    assert plan_markdown(runs).count(NOT_PUBLISHED) == 1


def test_a_conflict_is_told_in_the_same_words_everywhere(office: Office) -> None:
    office.jira.edit("OPS-2", fields={FIELD: "Model ready"})
    office.jira.edit("OPS-3", fields={FIELD: "Model ready"})
    assert office.desk.call("sync").code == 0
    takes = "field ML Status holds Model ready, which Milepost never wrote; look, then milepost apply --adopt takes it over"
    empties = (
        "field ML Status holds Model ready, which Milepost never wrote and the facts do not support; "
        "look, then milepost apply --adopt empties it"
    )

    for command in (("status",), ("plan",), ("release", "OPS-2"), ("explain", "OPS-2")):
        assert takes.partition(" holds ")[2] in words(office.desk.call(*command).out), command
    for command in (("status",), ("plan",), ("release", "OPS-3"), ("explain", "OPS-3")):
        assert empties.partition(" holds ")[2] in words(office.desk.call(*command).out), command


def test_an_override_is_told_by_the_plan_right_after_the_write(office: Office) -> None:
    assert office.desk.call("sync").code == 0
    office.jira.edit("OPS-2", fields={FIELD: None})
    override = "! override OPS-2 field ML Status: a person set it to nothing; kept until"

    assert override in words(office.desk.call("plan", "--pull").out)
    assert override in words(office.desk.call("sync").out)
    assert override in words(office.desk.call("plan").out)
    assert "! override a person set it to nothing; kept until" in words(office.desk.call("explain", "OPS-2").out)
    assert "override OPS-2" in words(office.desk.call("status").out)


def test_no_line_of_a_table_repeats_the_title_of_its_status(office: Office) -> None:
    office.jira.transition("OPS-3", "Done")
    assert office.desk.call("sync").code == 0

    lines = office.desk.call("status", "--all").out.splitlines()

    assert any("○ Data blocked" in line for line in lines)
    assert not any("Data blocked:" in line for line in lines)


def test_a_plan_on_nothing_says_what_to_run(office: Office) -> None:
    ended = office.desk.call("plan")
    table = words(ended.out)

    assert ended.code == 0
    assert "nothing can be planned yet: run milepost pull, or milepost plan --pull" in table
    assert "No changes" not in table
    assert "nothing was pulled yet" in office.desk.call("plan", "-o", "markdown").out
    assert office.desk.call("plan", "-o", "json").json()["plans"][0]["never_pulled"] == ["jira", "github"]


def test_a_plan_on_nothing_is_not_said_to_be_in_step(office: Office) -> None:
    assert office.desk.call("plan", "--exit-code").code == 3
    assert office.desk.call("pull").code == 0
    assert office.desk.call("plan", "--exit-code").code == 4
    assert office.desk.call("apply").code == 0
    assert office.desk.call("plan", "--exit-code").code == 0


def test_a_source_that_was_never_read_is_named_beside_the_plan(office: Office) -> None:
    office.github.add_repository("example/quiet")
    office.desk.config.write_text(
        office.desk.config.read_text(encoding="utf-8").replace("projects:\n", "projects:\n" + QUIET), encoding="utf-8"
    )
    assert office.desk.call("pull", "--project", "ops").code == 0

    ended = office.desk.call("plan")

    assert "Quiet quiet nothing was pulled yet ! nothing can be planned yet" in words(ended.out)
    assert "Operations ops facts from just now 2 to add" in words(ended.out)


QUIET = """\
  quiet:
    name: Quiet
    scopes:
      github: {repositories: [example/quiet]}
"""


@pytest.mark.parametrize(
    ("watch", "what"),
    [
        ({}, "name a watch ticket under projects.churn.watch"),
        ({"jira": "ML-1"}, "projects.churn.watch (jira: ML-1) is not among the tickets that its scopes read"),
    ],
)
def test_an_alert_that_reaches_nobody_is_told_with_what_is_wrong_with_the_watch_ticket(watch: dict[str, str], what: str) -> None:
    world = World()
    item, _, _, version = world.whole()
    world.change_of(item, status_category="done", closed_at=NOW - 90 * DAY)
    world.observation(version, "failed", source="mlflow")
    world.set_project(watch=watch)

    told = untold(looked_at(world))

    assert len(told) == 1
    assert told[0].startswith("this alert reaches nobody: churn-classifier v3 has drifted")
    assert told[0].endswith(what)


def test_a_source_whose_scope_was_changed_is_not_said_to_have_never_been_read(office: Office) -> None:
    office.jira.add_project("EU", "Europe")
    assert office.desk.call("sync").code == 0
    text = office.desk.config.read_text(encoding="utf-8")
    office.desk.config.write_text(text.replace("[OPS]", "[OPS, EU]"), encoding="utf-8")

    status, plan = words(office.desk.call("status").out), words(office.desk.call("plan").out)
    missing = {one for status in statuses(office).values() for one in status["missing"]}
    assert office.desk.call("sync").code == 0
    after = words(office.desk.call("status").out)

    assert "! jira its new scope was not read yet; milepost sync reads it" in status
    assert "Operations ops facts: jira not yet under its new scope, github just now" in status
    assert "! jira was not read yet under its new scope, so what rests on that is not known: run milepost pull" in plan
    assert "jira/issues (its new scope was not read yet)" in missing
    assert not any(word in f"{status} {plan}" for word in ("never read", "was never"))
    assert "new scope" not in after
