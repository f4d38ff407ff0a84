"""What the API says of what is stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from mappings.change import Slot
from mappings.model import Ref
from sync.store import due, entities, inbox, verdicts
from sync.web.api.app import PLACE
from tests.web.api.conftest import BODY, EMAIL, NOON, Ask, World, standing, ticket


def _items(ask: Ask, path: str) -> list[Any]:
    answered = ask(path)
    assert answered.status_code == 200, answered.text
    assert answered.json()["next"] is None
    return list(answered.json()["items"])


def test_projects_tell_their_statuses_and_how_fresh_they_are(ask: Ask) -> None:
    churn, fraud = _items(ask, "/projects")

    assert (churn["project"], churn["name"], churn["risk_class"]) == ("churn", "Churn prediction", "limited")
    assert churn["sources"] == ["jira", "github"]
    assert churn["published_to"] == ["jira"]
    assert churn["statuses"]["model-ready"] == {"true": 2, "false": 2, "unknown": 1}
    assert fraud["statuses"] == {"model-ready": {"true": 1, "false": 0, "unknown": 0}}
    assert churn["facts_as_of"] is None
    assert "streams" not in churn

    whole = ask("/projects/churn").json()
    issues = next(one for one in whole["streams"] if (one["source"], one["stream"]) == ("jira", "issues"))
    assert (issues["complete"], issues["pulled_at"], issues["failed"]) == (True, "2026-03-02T12:00:00.000000Z", None)
    assert {key: value for key, value in whole.items() if key != "streams"} == churn


def test_statuses_come_with_evidence_and_for_unknown_ones_what_is_missing(ask: Ask) -> None:
    known = _items(ask, "/statuses?project=churn&rule=model-ready&truth=true")
    (unknown,) = _items(ask, "/statuses?project=churn&rule=model-ready&truth=unknown")

    assert [one["name"] for one in known] == ["CHURN-1", "CHURN-4"]
    assert {one["title"] for one in known} == {"Model ready"}
    assert known[0]["evidence"][0] == {
        "ref": "mlflow:run:r:1",
        "name": "run r",
        "fact": "val_auc",
        "value": 0.91,
        "threshold": ">= 0.85",
        "observed_at": None,
        "url": None,
        "holds": True,
        "words": "",
    }
    assert (known[0]["truth"], known[0]["since"]) == (True, "2026-03-02T12:00:00.000000Z")
    assert (unknown["truth"], unknown["missing_sources"]) == (None, ["github"])
    assert unknown["missing"] == ["github/pull_requests (the last read failed)", "a result of psi"]


def test_statuses_tell_what_people_are_told_and_where_they_see_it(ask: Ask, world: World) -> None:
    first, second = ticket(1), ticket(2)
    said = {"told": (first.ref, Ref("github", "change_request", "11/7")), "unknown_since": NOON, "opened_at": NOON}
    world.judge(
        "churn",
        [
            standing("model-ready", first.ref, told=(first.ref,)),
            standing("model-ready", second.ref, None, **said),
            standing("data-blocked", second.ref, False, told=(second.ref,)),
            standing("dropped-rule", second.ref, told=(second.ref,)),
        ],
    )
    with world.database.write() as tx:
        entities.update_slots(tx, {Slot(first.ref, "field", "ML Status"): "Model ready"}, world.database.now(tx))
    found = {(one["rule"], one["name"]): one for one in _items(ask, "/statuses?project=churn")}
    told = {key: (one["state"], one["told_on"], one["shown_on"]) for key, one in found.items()}

    assert told == {
        ("model-ready", "CHURN-1"): ("on", ["CHURN-1"], ["CHURN-1"]),
        ("model-ready", "CHURN-2"): ("unknown", ["CHURN-1"], ["CHURN-1"]),  # for too long to be shown from before
        ("data-blocked", "CHURN-2"): ("off", [], []),
        ("dropped-rule", "CHURN-2"): (None, ["CHURN-2"], []),
    }


def test_statuses_are_filtered(ask: Ask) -> None:
    counts = {
        "": 11,
        "project=fraud": 1,
        "rule=data-blocked": 5,
        "truth=false": 4,
        "subject=jira:work_item:CHURN-0003": 2,
        "project=churn&truth=unknown&rule=data-blocked": 1,
        "rule=no-such-rule": 0,
    }

    assert {query: len(_items(ask, f"/statuses?{query}")) for query in counts} == counts


def test_what_is_gone_has_no_status(ask: Ask, world: World) -> None:
    gone = standing("model-ready", Ref("jira", "work_item", "FRAUD-0001"), gone_since=NOON)
    tricky = standing("data-blocked", Ref("jira", "work_item", "FRAUD-0001"), says='it says "gone_since":"now"')
    world.judge("fraud", [gone, tricky])

    assert [one["rule"] for one in _items(ask, "/statuses?project=fraud")] == ["data-blocked"]
    assert ask("/projects/fraud").json()["statuses"] == {"data-blocked": {"true": 1, "false": 0, "unknown": 0}}


def test_a_rule_that_the_file_no_longer_has_is_told_without_a_title(ask: Ask, world: World) -> None:
    world.judge("fraud", [standing("dropped-rule", Ref("milepost", "project", "fraud"))])
    (one,) = _items(ask, "/statuses?project=fraud")

    assert (one["rule"], one["title"], one["kind"], one["name"]) == ("dropped-rule", None, None, "fraud")


def test_work_items_are_those_of_the_projects_scopes(ask: Ask, world: World) -> None:
    with world.database.write() as tx:
        entities.save_direct(tx, [ticket(99, "STRAY")], now=NOON)
        entities.tombstone(tx, [Ref("jira", "work_item", "CHURN-0005")], NOON)

    assert [one["key"] for one in _items(ask, "/work-items")] == ["CHURN-1", "CHURN-2", "CHURN-3", "CHURN-4", "FRAUD-1"]
    assert [one["key"] for one in _items(ask, "/work-items?project=fraud")] == ["FRAUD-1"]
    (one,) = _items(ask, "/work-items?key=churn-2&source=jira")
    assert one == {
        "ref": "jira:work_item:CHURN-0002",
        "key": "CHURN-2",
        "url": "https://example.atlassian.net/browse/CHURN-2",
        "title": "Ticket 2",
        "type": "Task",
        "status": "In Progress",
        "status_category": "in_progress",
        "labels": ["data"],
        "components": [],
        "due": None,
        "created_at": None,
        "updated_at": "2026-03-02T12:00:00.000000Z",
        "closed_at": None,
        "projects": ["churn"],
    }


def test_one_work_item_has_all_its_statuses(ask: Ask) -> None:
    by_key, by_ref = ask("/work-items/churn-3"), ask("/work-items/jira:work_item:CHURN-0003")

    assert by_key.status_code == 200
    assert by_key.json() == by_ref.json()
    assert [(one["rule"], one["truth"]) for one in by_key.json()["statuses"]] == [("data-blocked", None), ("model-ready", None)]


def test_a_key_with_a_slash_and_one_of_several_tickets(ask: Ask, world: World) -> None:
    issue = ticket(7, ref=Ref("github", "work_item", "11/7"), key="example/churn#7")
    twin = ticket(8, ref=Ref("github", "work_item", "11/8"), key="CHURN-1")
    world.put("churn", issue, twin)

    assert ask("/work-items/example/churn%237").json()["ref"] == "github:work_item:11/7"
    several = ask("/work-items/CHURN-1")
    assert several.status_code == 409
    assert "github:work_item:11/8" in several.json()["fix"]


def test_runs_the_newest_first(ask: Ask, world: World) -> None:
    first, second, running = world.run(), world.run("pull"), world.run(done=False)

    assert [one["run"] for one in _items(ask, "/runs")] == [running, second, first]
    assert [one["run"] for one in _items(ask, "/runs?command=pull&outcome=done")] == [second]
    assert _items(ask, "/runs?since=2999-01-01T00:00:00Z") == []
    one = ask(f"/runs/{first}").json()
    assert (one["command"], one["outcome"], one["exit_code"], one["summary"]) == ("sync", "done", 0, {"written": 1})
    assert ask(f"/runs/{running}").json()["finished_at"] is None


def test_the_audit_is_filtered_as_the_log_is(ask: Ask, world: World) -> None:
    for number in range(4):
        world.wrote(f"CHURN-{number}", minutes=number, project="fraud" if number == 3 else "churn")
    world.wrote("CHURN-1", minutes=9, kind="conflict")

    def keys(query: str) -> list[str]:
        return [one["key"] for one in _items(ask, f"/audit?{query}")]

    assert keys("") == ["CHURN-1", "CHURN-3", "CHURN-2", "CHURN-1", "CHURN-0"]
    assert keys("subject=churn-1&kind=write") == ["CHURN-1"]
    assert keys("subject=jira:work_item:CHURN-2") == ["CHURN-2"]
    assert keys("project=fraud") == ["CHURN-3"]
    assert keys("since=2026-03-02T12:01:00Z&until=2026-03-02T12:03:00%2B00:00") == ["CHURN-2", "CHURN-1"]
    assert keys("run=run-2") == []
    entry = _items(ask, "/audit?subject=CHURN-2")[0]
    assert (entry["slot"], entry["action"], entry["before"], entry["after"]) == ("field ML Status", "add", None, "Model ready")
    assert entry["evidence"] == [{"ref": "mlflow:run:r1", "fact": "val_auc"}]


def test_a_sync_makes_the_project_and_its_sources_due(ask: Ask, world: World) -> None:
    answered = ask("/projects/churn/sync", "POST")
    with world.database.read() as tx:
        projects, streams = due.marked(tx), due.marked_streams(tx)

    assert answered.status_code == 202
    assert (answered.json()["project"], answered.json()["sources"]) == ("churn", ["github", "jira"])
    assert [one.project for one in projects] == ["churn"]
    assert {one.source for one in streams} == {"jira", "github"}
    assert world.woken == 1
    assert ask("/projects/churn").json()["due_since"] == answered.json()["asked_at"]


def test_dead_deliveries_are_listed_retried_and_dropped(ask: Ask, world: World) -> None:
    first, second = world.receive(2, dead=True)
    (waiting,) = world.receive(1)

    listed = _items(ask, "/inbox")
    assert [(one["id"], one["state"], one["error"]) for one in listed] == [
        (second, "dead", "it makes no sense"),
        (first, "dead", "it makes no sense"),
    ]
    assert [one["id"] for one in _items(ask, "/inbox?state=waiting&source=github")] == [waiting]

    assert ask(f"/inbox/{first}/retry", "POST").json()["state"] == "waiting"
    assert ask(f"/inbox/{second}/drop", "POST").json()["state"] == "dropped"
    assert ask(f"/inbox/{second}/drop", "POST").status_code == 409
    assert ask("/inbox/4000000/retry", "POST").status_code == 404
    assert world.woken >= 1
    with world.database.read() as tx:
        assert {one.id: one.state for one in inbox.listing(tx, states=inbox.STATES)} == {
            first: "waiting",
            second: "dropped",
            waiting: "waiting",
        }


UNANSWERABLE = (
    ("/projects/churm", 404, "churm"),
    ("/statuses?project=churm", 404, "churm"),
    ("/work-items/NOPE-1", 404, "NOPE-1"),
    ("/runs/none", 404, "none"),
    ("/inbox/12345", 404, "12345"),
    ("/nothing", 404, "not found"),
    ("/statuses?truth=maybe", 422, "truth"),
    ("/statuses?limit=201", 422, "limit"),
    ("/statuses?limit=x", 422, "limit"),
    ("/statuses?trooth=true", 422, "trooth"),
    ("/statuses?rule=%00", 422, "rule"),
    ("/audit?since=2026-03-02", 422, "since"),
    ("/audit?since=2026-03-02T12:00:00", 422, "since"),
    ("/audit?kind=wrote", 422, "kind"),
    ("/inbox/0", 422, "id"),
    ("/inbox/99999999999999999999", 422, "id"),
    ("/statuses?cursor=AAAA", 400, "cursor"),
    ("/statuses?cursor=%2B", 422, "cursor"),
)


def test_what_cannot_be_answered_is_told_with_a_fix(ask: Ask) -> None:
    for path, status, said in UNANSWERABLE:
        answered = ask(path)

        assert answered.status_code == status, path
        assert answered.headers["content-type"] == "application/problem+json", path
        problem = answered.json()
        assert problem["status"] == status
        assert said in f"{problem['title']} {problem['detail']}", path
        assert problem["fix"], path


def test_a_wrong_method_names_the_right_one(ask: Ask) -> None:
    answered = ask("/projects", "DELETE")

    assert (answered.status_code, answered.headers["allow"]) == (405, "GET")
    assert answered.json()["detail"] == f"'{PLACE}/projects' does not take 'DELETE'"
    assert answered.json()["fix"] == "use GET"
    assert answered.headers["content-type"] == "application/problem+json"


def test_a_store_that_does_not_answer_is_no_mistake_and_is_not_described(ask: Ask, world: World) -> None:
    text = world.token("read", name="early")
    with world.database.write() as tx:
        tx.exec_driver_sql("ALTER TABLE verdict RENAME TO elsewhere")
    broken = ask("/statuses", token=text)

    assert broken.status_code in (500, 503)
    assert "verdict" not in broken.text
    assert str(world.database) not in broken.text


def test_nobodys_address_and_no_delivery_is_quoted(ask: Ask, world: World) -> None:
    (dead,) = world.receive(1, dead=True)
    paths = ("/projects", "/projects/churn", "/work-items", "/work-items/CHURN-1", "/statuses", "/inbox", f"/inbox/{dead}")
    said = "".join(ask(path).text for path in paths)

    assert "CHURN-1" in said
    assert EMAIL not in said
    assert BODY.decode()[10:] not in said
    assert "canary-body" not in said


def test_an_answer_that_has_not_changed_is_not_sent_again(ask: Ask, world: World) -> None:
    first = ask("/statuses?project=fraud")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')

    for known in (tag, f'"other", {tag}', "*", tag.removeprefix("W/")):
        again = ask("/statuses?project=fraud", headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert ask("/statuses?project=fraud", headers={"if-none-match": 'W/"other"'}).status_code == 200

    world.judge("fraud", [standing("model-ready", Ref("jira", "work_item", "FRAUD-0001"), False, since=NOON + timedelta(1))])
    changed = ask("/statuses?project=fraud", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_a_renamed_project_is_told_by_its_new_key(world: World, ask: Ask) -> None:
    """Until the next run puts its memory under the new key."""
    churn, fraud = world.workspace.projects
    formerly = msgspec.structs.replace(churn, formerly="older")
    with world.database.write() as tx:
        found = verdicts.page(tx, [formerly.memory])
        own = verdicts.page(tx, ["churn", "fraud"], truths=(None,))

    assert found == []
    assert {one.project for one in own} == {"churn"}
    assert {one["project"] for one in _items(ask, "/statuses")} == {churn.key, fraud.key}
