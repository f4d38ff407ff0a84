"""The documents and the program say the same: whatever there is is documented, and whatever is documented is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import click
import pytest
import typer
from pydantic import BaseModel

import connectors.errors
from config.project import DeclaredLink, FileBody, ProjectBody, SourceBody
from config.settings import KNOWN_VARIABLES
from config.statuses import shipped_statuses
from connectors.base import Connection, Connector, Publisher, Receiver
from connectors.jira.options import JiraPublish
from mappings.change import Note
from mappings.conditions import Age, Bound
from mappings.model import AnyEntity, Relation
from mappings.patterns import PATTERNS, ObservationPattern, StatusPattern
from mappings.rules import SENTENCE_WORDS, Item, StatusRule
from mappings.tags import APPROVAL_TAGS, AS_OF_TAG, OWN
from sync.build import GROUP, ConnectionTypes
from sync.cli.app import build_app
from sync.observe import TIME_TAG
from sync.outcome import MEANINGS, ExitCode, worst
from sync.store.schema import metadata

Documents = Mapping[str, str]
Sections = Callable[[str], Mapping[str, str]]
Rows = Callable[[str], Sequence[Sequence[str]]]
Spans = Callable[[str], Sequence[str]]

COMMANDS, CONFIGURATION, STATUSES, CONNECTORS = (
    f"docs/{name}.md" for name in ("commands", "configuration", "statuses", "connectors")
)
TYPES = sorted(point.name for point in entry_points(group=GROUP))
PANEL = "Options of every command"


@pytest.fixture(scope="module")
def connections() -> Mapping[str, Connection]:
    types = ConnectionTypes()
    return {name: types.connection(name) for name in types}


@pytest.fixture(scope="module")
def commands() -> Mapping[str, Any]:
    """Every command that does something, by its full name."""
    return dict(_leaves(typer.main.get_command(build_app()), "milepost"))


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    for word, one in (inner or {}).items():
        yield from _leaves(one, f"{name} {word}")


def _words(parameters: Sequence[Any]) -> set[str]:
    """How parameters are spelt on the command line: options as they are, arguments in capitals."""
    options = {word for one in parameters if one.param_type_name == "option" for word in (*one.opts, *one.secondary_opts)}
    return options | {one.name.upper() for one in parameters if one.param_type_name == "argument"}


def _is_shared(parameter: Any) -> bool:
    return getattr(parameter, "rich_help_panel", None) == PANEL or "--help" in parameter.opts


# Commands, options, exit codes


def test_every_command_is_documented_and_every_documented_one_exists(
    commands: Mapping[str, Any], sections: Sections, rows: Rows, spans: Spans
) -> None:
    headings = {spans(heading)[0] for heading in sections(COMMANDS) if heading.startswith("`milepost ")}
    in_readme = {spans(row[0])[0] for row in rows(sections("README.md")["The commands"])}

    assert headings == set(commands)
    assert in_readme == set(commands)


def test_every_table_that_db_status_names_is_explained(sections: Sections) -> None:
    told = re.findall(r"^- `(\w+)`: \w", sections(COMMANDS)["`milepost db status`"], flags=re.MULTILINE)

    assert sorted(told) == sorted(metadata.tables)


def test_every_option_is_documented_with_its_default(
    commands: Mapping[str, Any], sections: Sections, rows: Rows, spans: Spans
) -> None:
    for name, command in commands.items():
        table = rows(sections(COMMANDS)[f"`{name}`"])
        own = [one for one in command.params if not _is_shared(one)]

        assert {span for row in table for span in spans(row[0])} == _words(own), name
        for one in own:
            if isinstance(one.default, str | int) and not isinstance(one.default, bool):
                (row,) = (row for row in table if one.opts[0] in spans(row[0]))
                assert f"`{one.default}`" in row[1], f"{name} {one.opts[0]}"


def test_the_options_of_every_command_are_documented_once(commands: Mapping[str, Any], sections: Sections, rows: Rows) -> None:
    documented = _first_spans(rows(sections(COMMANDS)[PANEL]))

    for name, command in commands.items():
        shared = [one for one in command.params if _is_shared(one)]
        help_option = command.get_help_option(click.Context(command))
        assert _words([*shared, *([help_option] if help_option not in shared else [])]) == documented, name


def test_the_options_of_the_program_alone_are_documented(commands: Mapping[str, Any], sections: Sections, rows: Rows) -> None:
    shared = {word for command in commands.values() for word in _words([one for one in command.params if _is_shared(one)])}
    alone = _words(typer.main.get_command(build_app()).params) - shared - {"--help"}

    assert _first_spans(rows(sections(COMMANDS)["Options of `milepost` alone"])) == alone


@pytest.mark.parametrize("document", ["README.md", COMMANDS, "docs/operations.md"])
def test_every_exit_code_is_documented_with_its_meaning(document: str, sections: Sections, rows: Rows) -> None:
    table = {row[0]: row[1] for row in rows(sections(document)["Exit codes"])}

    assert table == {str(int(code)): meaning for code, meaning in MEANINGS.items()}
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("document", ["README.md", COMMANDS])
def test_the_order_of_exit_codes_is_the_documented_one(document: str, sections: Sections) -> None:
    match = re.search(r"the first of ([\d, ]+) counts", sections(document)["Exit codes"])
    assert match is not None
    order = [ExitCode(int(code)) for code in match[1].split(", ")]

    assert set(order) == set(ExitCode)
    assert [worst(order[at:]) for at in range(len(order))] == order


# Configuration


def _nested(annotation: Any) -> type[BaseModel] | None:
    """The section that a field holds, if it holds one."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _keys(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = _nested(field.annotation)
        if section is None:
            yield prefix + (field.alias or name)
        else:
            yield from _keys(section, f"{prefix}{name}.")


def _fields(model: type[BaseModel]) -> set[str]:
    """The keys of one section, as they are written."""
    return {field.alias or name for name, field in model.model_fields.items()}


def _first_spans(table: Sequence[Sequence[str]]) -> set[str]:
    return {span for row in table for span in re.findall(r"`([^`]+)`", row[0])}


def test_every_key_of_the_project_file_is_documented(sections: Sections, rows: Rows) -> None:
    expected = {
        *_keys(FileBody, ""),
        "sources.<source>.type",
        *_keys(SourceBody, "sources.<source>."),
        *_keys(ProjectBody, "projects.<key>."),
        *_keys(DeclaredLink, "projects.<key>.links."),
    }

    assert (
        _first_spans([row for heading in ("The file", "A project") for row in rows(sections(CONFIGURATION)[heading])]) == expected
    )


@pytest.mark.parametrize("name", TYPES)
def test_every_key_and_secret_of_a_type_is_documented(
    name: str, connections: Mapping[str, Connection], sections: Sections, rows: Rows
) -> None:
    one = connections[name]
    expected = {
        *(set(_keys(one.options, "sources.<source>.")) - {"sources.<source>.type"}),
        *_keys(one.scope, "projects.<key>.scopes.<source>."),
        *(_keys(one.publish, "publish.<source>.") if one.publish is not None else ()),
        *(f"MILEPOST_<SOURCE>__{field.upper()}" for field in one.secrets.model_fields),
    }

    assert _first_spans(rows(sections(CONFIGURATION)[f"Type `{name}`"])) == expected


def test_every_variable_of_the_environment_is_documented(sections: Sections, rows: Rows) -> None:
    documented = _first_spans(rows(sections(CONFIGURATION)["Environment variables"]))

    assert {name for name in documented if name.startswith("MILEPOST_")} == KNOWN_VARIABLES


def test_no_document_names_a_variable_that_does_not_exist(connections: Mapping[str, Connection], documents: Documents) -> None:
    fields = {field.upper() for one in connections.values() for field in one.secrets.model_fields}
    named = {name for text in documents.values() for name in re.findall(r"MILEPOST_[A-Z0-9_<>]*[A-Z0-9]", text)}

    assert named
    for name in named - KNOWN_VARIABLES:
        assert name.partition("__")[2].removesuffix("_FILE") in fields, name


# Statuses and rules


def test_every_shipped_status_is_documented(sections: Sections, rows: Rows, spans: Spans) -> None:
    documented = sections(STATUSES)
    rules = [StatusRule.model_validate(rule) for rule in shipped_statuses().values()]
    expected = [
        [f"`{rule.id}`", rule.title, rule.kind, str(rule.rank), f"`{rule.subject}`", f"`{rule.label}`", str(rule.override)]
        for rule in rules
    ]

    assert rows(documented["Statuses"]) == expected
    shipped = documented["Shipped statuses"]
    assert shipped.strip() == ""
    for rule in rules:
        text = documented[f"`{rule.id}`"]
        assert rule.description in " ".join(text.split())
        for part in ("Applies to", "True", "False", "Unknown", "Evidence", "Who receives it", "What to do"):
            assert f"- **{part}**" in text, f"{rule.id}: {part}"


def test_every_key_and_placeholder_of_a_rule_is_documented(sections: Sections, rows: Rows) -> None:
    documented = sections(STATUSES)

    assert _first_spans(rows(documented["The keys of a rule"])) == _fields(StatusRule)
    assert _first_spans(rows(documented["Placeholders"])) == {f"{{{word}}}" for word in SENTENCE_WORDS}


FACTS: Mapping[str, type[BaseModel]] = {
    **{f"`{name}`": model for name, model in PATTERNS.items()},
    "Observations": ObservationPattern,
    "`status`": StatusPattern,
}
"""The vocabulary of each pattern, by the heading of its section."""


def test_every_fact_of_every_pattern_is_documented(sections: Sections, rows: Rows) -> None:
    for heading, model in FACTS.items():
        table = rows(sections(STATUSES)[heading])
        expected = [[f"`{name}`", _kind_of_value(field.annotation)] for name, field in model.model_fields.items()]
        assert [row[:2] for row in table] == expected, heading


def _kind_of_value(annotation: Any) -> str:
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if bool in members:
        return "yes or no"
    if Age in members:
        return "time"
    if Bound in members:
        return "number"
    return "duration" if timedelta in _plain(members) else "text"


def _plain(annotations: Sequence[Any]) -> set[Any]:
    """The annotations without what is only said beside them."""
    return {get_args(one)[0] if hasattr(one, "__metadata__") else one for one in annotations}


def test_every_word_that_a_fact_is_documented_to_take_is_taken(sections: Sections, rows: Rows, spans: Spans) -> None:
    tried = 0
    for heading, model in FACTS.items():
        for fact, kind, meaning in rows(sections(STATUSES)[heading]):
            for word in spans(meaning) if kind == "text" else ():
                model.model_validate({fact.strip("`"): word})
                tried += 1

    assert tried > 20


def test_every_item_of_a_condition_is_documented(sections: Sections, rows: Rows, spans: Spans) -> None:
    documented = sections(STATUSES)
    shipped = {f"`{one}`" for one in shipped_statuses()}
    headed = {spans(heading)[0] for heading in documented if re.fullmatch(r"`[a-z_]+`", heading) and heading not in shipped}
    observed = {span for span in spans(documented["Observations"]) if span.startswith("observation.")}

    assert headed | observed | _first_spans(rows(documented["Blocks"])) == _fields(Item)


# The model


def test_every_kind_relation_note_and_tag_is_documented(sections: Sections, rows: Rows) -> None:
    concepts = sections("docs/concepts.md")
    kinds = {one.__struct_config__.tag for one in get_args(AnyEntity)}
    links = rows(concepts["Links and their confidence"])
    notes = get_args(get_type_hints(Note)["kind"])
    tags = {*(name.casefold() for names in OWN.values() for name in names), TIME_TAG, AS_OF_TAG, *APPROVAL_TAGS}

    assert _first_spans(rows(concepts["The unified model"])) == kinds
    assert _first_spans([row for row in links if len(row) == 4]) == set(get_args(Relation))
    assert _first_spans([row for row in links if len(row) == 3]) == tags
    assert _first_spans(rows(concepts["Plan and apply"])) == set(notes)


# Connectors


def test_every_type_of_source_is_documented_with_its_streams(
    connections: Mapping[str, Connection], sections: Sections, rows: Rows, spans: Spans
) -> None:
    documented = {heading: text for heading, text in sections(CONNECTORS).items() if re.search(r" \(`[a-z]+`\)$", heading)}

    assert set(documented) == {f"{one.title} (`{name}`)" for name, one in connections.items()}
    for name, one in connections.items():
        table = rows(documented[f"{one.title} (`{name}`)"])
        said = {spans(stream)[0]: (set(spans(kinds)), how) for stream, kinds, how, _ in table}
        assert said == {
            stream: (set(kinds), "sweep" if stream in one.sweeps else "changes") for stream, kinds in one.streams.items()
        }


def test_the_options_that_a_jira_admin_adds_are_the_ones_that_are_shown(sections: Sections, rows: Rows) -> None:
    badges = [StatusRule.model_validate(rule).badge() for rule in shipped_statuses().values()]
    options = JiraPublish(field="ML Status").owned(badges).options

    assert _first_spans(rows(sections(CONNECTORS)["What a Jira admin sets up"])) == set(options)


def _methods(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def _called(table: Sequence[Sequence[str]]) -> set[str]:
    return {span.partition("(")[0] for span in _first_spans(table) if "(" in span}


def test_the_protocol_of_connectors_is_documented(sections: Sections, rows: Rows) -> None:
    page = sections("docs/write-a-connector.md")
    table = rows(page["The protocol"])
    named = {span for span in _first_spans(table) if "(" not in span}
    errors = {name for name in named if name[0].isupper()}

    assert named - errors == set(Connection.__struct_fields__)
    assert errors <= vars(connectors.errors).keys()
    assert _called(table) == _methods(Connector)
    assert _called(rows(page["Writing to it"])) == _methods(Publisher)
    assert _called(rows(page["Receiving its webhooks"])) == _methods(Receiver)


# The make targets


def test_every_make_target_is_documented(root: Path, sections: Sections, rows: Rows) -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (root / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert _first_spans(rows(sections("CONTRIBUTING.md")["Set up"])) == {f"make {target}" for target in targets}
