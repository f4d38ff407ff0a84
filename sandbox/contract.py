"""Holds stand-ins and requests against the vendors' official OpenAPI contracts. Used by tests only: it needs `jsonschema-rs`.

The contracts are not part of this project: `contracts_folder()` says where they are, if they are. Formats are not checked, because
vendors write times in forms of their own (Jira: `+0000` without a colon).
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from sandbox.openapi import Side, json_schema, resolved
from sandbox.server import Entry, StandIn

JIRA = "jira-cloud-openapi.json.gz"
GITHUB = "github-openapi.json.gz"
GATEWAY = frozenset({401, 403, 405, 429, 500, 502, 503, 504})
"""Statuses that stand before every operation, whether or not each of them documents it."""


@dataclass(frozen=True)
class Exemption:
    """Where the real service is known to contradict its published contract. `operation` is `METHOD /template`; `at` matches the
    place of the violation as a whole: a JSON pointer, `status`, or `operation`."""

    operation: str
    at: str
    reason: str


EXEMPTIONS: Mapping[str, Sequence[Exemption]] = {
    JIRA: (
        Exemption(
            "GET /rest/api/3/bulk/queue/{taskId}",
            "/(created|started|updated)",
            "said to be date-time strings; the operation's own description and example give epoch milliseconds",
        ),
        Exemption(
            "GET /rest/api/3/serverInfo",
            "",
            "defaultLocale is in the operation's example and in real answers, but not in its schema",
        ),
        Exemption("GET /rest/api/3/search", "status|operation", "still listed as deprecated, answers 410 since 2025"),
        Exemption("POST /rest/api/3/search", "status|operation", "still listed as deprecated, answers 410 since 2025"),
        Exemption(
            "GET /rest/api/2/search", "operation", "version 2 is no part of the contract of version 3; answers 410 since 2025"
        ),
        Exemption(
            "POST /rest/api/2/search", "operation", "version 2 is no part of the contract of version 3; answers 410 since 2025"
        ),
        Exemption(
            "GET /rest/api/2/serverInfo",
            "operation",
            "version 2 is no part of the contract of version 3; it asks which deployment it is",
        ),
        Exemption("GET /_edge/tenant_info", "operation", "the edge's address of the cloud id is no part of Jira's contract"),
    ),
    GITHUB: (),
}


def contracts_folder() -> Path | None:
    """Where the contracts are: `MILEPOST_CONTRACTS`, else `../shared/contracts` beside the repository; None when they are not."""
    default = Path(__file__).parents[1].parent / "shared" / "contracts"
    folder = Path(os.environ.get("MILEPOST_CONTRACTS") or default)
    return folder if folder.is_dir() else None


class Contract:
    """One OpenAPI file. Each check returns its violations as sentences: none is good."""

    def __init__(self, file: Path, exemptions: Sequence[Exemption] | None = None) -> None:
        self.document = msgspec.json.decode(gzip.decompress(file.read_bytes()))
        self.exemptions = EXEMPTIONS.get(file.name, ()) if exemptions is None else exemptions
        self._validators: dict[tuple[str, str, str], jsonschema_rs.Draft202012Validator] = {}
        templates: list[str] = sorted(self.document["paths"], key=_rank)
        self._templates = [(template, _matcher(template)) for template in templates]

    def template(self, method: str, path: str) -> str | None:
        """The documented path that serves `method` on `path`; a stand-in's route pattern does as a path."""
        for template, matcher in self._templates:
            if matcher.fullmatch(path) and method.lower() in self.document["paths"][template]:
                return template
        return None

    def check_response(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """`body` is the decoded JSON, or None for an empty answer."""
        template = self.template(method, path)
        if template is None:
            return self._kept(method, path, [("operation", "is not documented")])
        answers = self._operation(method, template)["responses"]
        answer = resolved(self.document, answers.get(str(status), answers.get(f"{status // 100}XX", answers.get("default"))))
        if answer is None:
            found = [] if status in GATEWAY else [("status", f"{status} is not documented")]
            return self._kept(method, template, found)
        schema = _json_schema_of(answer)
        bodiless = status == 204 or (status < 300 and "content" not in answer)
        if schema is None or bodiless:
            return self._kept(
                method, template, [("", f"{status} has a body and must not")] if bodiless and body is not None else []
            )
        if body is None:
            return self._kept(method, template, [("", f"{status} is documented with a body, and has none")] if schema else [])
        return self._kept(method, template, self._violations("response", method, template, str(status), schema, body))

    def check_request(self, method: str, path: str, query: Mapping[str, Sequence[str]], body: Any) -> list[str]:
        """`query` maps each parameter to its values; `body` is the decoded JSON, or None when there is none."""
        template = self.template(method, path)
        if template is None:
            return self._kept(method, path, [("operation", "is not documented")])
        found = list(self._query_violations(method, template, query))
        operation = self._operation(method, template)
        asked = resolved(self.document, operation.get("requestBody"))
        if asked is None:
            found += [("", "takes no body")] if body not in (None, {}) else []
        elif body is None:
            found += [("", "needs a body")] if asked.get("required") else []
        elif schema := _json_schema_of(asked):
            found += self._violations("request", method, template, "", schema, body)
        return self._kept(method, template, found)

    def _query_violations(self, method: str, template: str, query: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
        documented = {
            parameter["name"]: parameter for parameter in self._parameters(method, template) if parameter["in"] == "query"
        }
        found = [(f"?{name}", "is no documented parameter") for name in query if name not in documented]
        for name, parameter in documented.items():
            if name not in query:
                found += [(f"?{name}", "is required")] if parameter.get("required") else []
            elif not all(_fits(resolved(self.document, parameter.get("schema", {})), value) for value in query[name]):
                found.append((f"?{name}", f"does not fit its schema: {list(query[name])}"))
        return found

    def _operation(self, method: str, template: str) -> dict[str, Any]:
        operation: dict[str, Any] = self.document["paths"][template][method.lower()]
        return operation

    def _parameters(self, method: str, template: str) -> list[dict[str, Any]]:
        shared = self.document["paths"][template].get("parameters", [])
        return [resolved(self.document, entry) for entry in (*shared, *self._operation(method, template).get("parameters", []))]

    def _violations(
        self, side: Side, method: str, template: str, status: str, schema: Mapping[str, Any], body: Any
    ) -> list[tuple[str, str]]:
        name = (method, template, status)
        validator = self._validators.get(name)
        if validator is None:
            translated = json_schema(self.document, schema, side)
            validator = self._validators[name] = jsonschema_rs.Draft202012Validator(translated, validate_formats=False)
        return [(_pointer(error.instance_path), f"{status} {error.message}".strip()[:500]) for error in validator.iter_errors(body)]

    def _kept(self, method: str, template: str, found: Sequence[tuple[str, str]]) -> list[str]:
        operation = f"{method} {template}"
        excused = [exemption.at for exemption in self.exemptions if exemption.operation == operation]
        return [f"{operation} {at}: {text}" for at, text in found if not any(re.fullmatch(each, at) for each in excused)]


def check_log(stand_in: StandIn, contract: Contract) -> list[str]:
    """Every violation in a stand-in's log: in the requests that it was sent, and in its own answers (those of faults aside).

    Answers are looked at only where the stand-in keeps them.
    """
    violations: list[str] = []
    for entry in list(stand_in.requests):
        # A route's pattern finds the operation even where a parameter was sent with a raw slash.
        path = entry.pattern or entry.path
        violations += contract.check_request(entry.method, path, entry.query, _decoded(entry.body))
        if stand_in.keep_answers and not entry.faulted and _is_json(entry):
            violations += contract.check_response(entry.method, path, entry.status, _decoded(entry.answer))
    return list(dict.fromkeys(violations))


def _is_json(entry: Entry) -> bool:
    return entry.content_type.startswith("application/json") or not entry.answer


def _decoded(body: bytes) -> Any:
    return msgspec.json.decode(body) if body else None


def _json_schema_of(part: Mapping[str, Any]) -> dict[str, Any] | None:
    content = part.get("content", {})
    kinds = [kind for kind in content if "json" in kind or kind == "*/*"]
    return content[kinds[0]].get("schema", {}) if kinds else None


def _matcher(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", template)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


def _rank(template: str) -> tuple[bool, ...]:
    """Literal segments before parameters."""
    return tuple("{" in part for part in template.split("/"))


def _fits(schema: Mapping[str, Any], text: str) -> bool:
    """Whether a query parameter's text can be a value of its schema; lists take commas, so their texts are not looked into."""
    kind = schema.get("type")
    if kind == "integer":
        return re.fullmatch(r"-?\d+", text) is not None
    if kind == "boolean":
        return text in {"true", "false"}
    return "enum" not in schema or text in schema["enum"]


def _pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{part}" for part in path)
