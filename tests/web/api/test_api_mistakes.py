"""A request that is not right learns what would be: in our words, with the parameter or the path that was probably meant."""

from __future__ import annotations

import pytest

from sync.web.api.app import PLACE
from tests.web.api.conftest import Ask

WRONG = (
    ("/statuses?tuth=true", "there is no parameter 'tuth' here", "did you mean truth? Allowed: cursor, limit, project"),
    ("/projects?zzz=1", "there is no parameter 'zzz' here", "allowed: cursor, limit"),
    ("/statuses?truth=maybe", "truth cannot be 'maybe'", "truth takes one of true, false, unknown"),
    ("/audit?kind=wrote", "kind cannot be 'wrote'", "kind takes one of "),
    ("/audit?limit=many", "limit cannot be 'many'", "limit takes a whole number from 1 to 200"),
    (
        "/runs?since=yesterday",
        "since cannot be 'yesterday'",
        "such as 2026-03-02T12:00:00Z (a + in it is sent as %2B), or",
    ),
    ("/audit?until=2026-03-02", "until cannot be '2026-03-02'", "or how long ago, such as 7d"),
    ("/statuses?subject=", "subject cannot be ''", "subject takes a ref: source:kind:id"),
    ("/inbox/first", "id cannot be 'first'", "id takes a whole number"),
)
NOWHERE = (
    ("/work-item", f"did you mean {PLACE}/work-items or {PLACE}/work-items/{{key}}; "),
    ("/work-item/CHURN-42", f"did you mean {PLACE}/work-items or {PLACE}/work-items/{{key}}; "),
    ("/projects/", f"did you mean {PLACE}/projects or "),
    ("/projects/churn/synch", f"{PLACE}/projects/{{key}}/sync; "),
    ("/", f"ask for {PLACE}/projects or {PLACE}/work-items or "),
    ("", f"{PLACE}/openapi.json describes all"),
)


@pytest.mark.parametrize(("path", "detail", "fix"), WRONG)
def test_a_wrong_parameter_is_named_with_what_it_takes(ask: Ask, path: str, detail: str, fix: str) -> None:
    answered = ask(path)

    assert (answered.status_code, answered.json()["detail"]) == (422, detail)
    assert fix in answered.json()["fix"]
    assert "Input should" not in answered.text


@pytest.mark.parametrize(("path", "fix"), NOWHERE)
def test_a_path_that_is_not_there_names_the_nearest(ask: Ask, path: str, fix: str) -> None:
    answered = ask(path)
    problem = answered.json()

    assert (answered.status_code, answered.headers["content-type"]) == (404, "application/problem+json")
    assert (problem["title"], problem["detail"]) == ("not found", f"there is no path '{PLACE}{path}'")
    assert fix in problem["fix"]


def test_what_looks_like_a_token_is_not_repeated(ask: Ask) -> None:
    secret = "mp_0123456789ab_" + "A" * 43

    assert all(secret not in ask(path).text for path in (f"/{secret}", f"/statuses?{secret}=1", f"/statuses?truth={secret}"))


def test_every_parameter_says_what_it_takes(ask: Ask) -> None:
    paths = ask("/openapi.json").json()["paths"]
    found = [one for path in paths.values() for operation in path.values() for one in operation.get("parameters", ())]

    assert len(found) > 20
    assert [one["name"] for one in found if not one.get("description")] == []
