"""What the documents show works: links lead somewhere, examples load, command lines exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from config.load import load_project_file
from config.problems import ConfigError
from config.project import ProjectFile, TypeModels
from sync.build import ConnectionTypes, read_project_file
from sync.cli.app import build_app

Documents = Mapping[str, str]
Sections = Callable[[str], Mapping[str, str]]
Blocks = Callable[[str, str], Sequence[str]]
Spans = Callable[[str], Sequence[str]]


# Links


def _anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#{1,6} (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_between_documents_leads_somewhere(root: Path, documents: Documents) -> None:
    followed = 0
    for name, text in documents.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            assert "://" not in path, f"{name}: {target} leads out of the project"
            there = ((root / name).parent / path).resolve() if path else root / name
            assert there.is_file(), f"{name}: {target}"
            assert not anchor or anchor in _anchors(there.read_text(encoding="utf-8")), f"{name}: {target}"
            followed += 1

    assert followed > 20


def test_every_document_is_reached_from_the_readme(root: Path, documents: Documents) -> None:
    reached, left = set(), ["README.md"]
    while left:
        name = left.pop()
        reached.add(name)
        for path in re.findall(r"\]\(([^)#\s]+)", documents[name]):
            linked = ((root / name).parent / path).resolve().relative_to(root.resolve()).as_posix()
            if linked in documents and linked not in reached:
                left.append(linked)

    assert reached == set(documents)


# What no document may hold


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("the path of a machine", r"(?<![\w.~<-])/(?:home|root|work|Users|tmp|mnt)/|[A-Z]:\\"),
        ("the number of an issue", r"(?<![\w/&])#\d+\b|\bGH-\d+|(?i:\b(?:issue|ticket|pull request|pr) (?:no\.? ?|number )?\d+)"),
        (
            "the host of a package registry",
            r"(?i)\b(?:pypi|pythonhosted|npmjs|crates|anaconda)\.(?:org|com|io)\b",
        ),
        ("an address that is not fictional", r"https?://(?!(?:[\w-]+\.)?example\.|api\.github\.com|api\.atlassian\.com)[\w.-]+"),
    ],
)
def test_no_document_holds(what: str, pattern: str, documents: Documents) -> None:
    assert documents
    for name, text in documents.items():
        found = re.search(pattern, text)
        assert found is None, f"{name} holds {what}: {found[0]}"


# Command lines


def _missing_words(line: str) -> Iterator[str]:
    """The words of a command line that the program does not know."""
    command: Any = typer.main.get_command(build_app())
    known = _spelt(command)
    for word in line.split()[1:]:
        inner = getattr(command, "commands", None)
        if word.startswith("-"):
            if word.partition("=")[0] not in known:
                yield word
        elif inner is not None:
            if word not in inner:
                yield word
                return
            command = inner[word]
            known |= _spelt(command)


def _spelt(command: Any) -> set[str]:
    return {word for one in command.params for word in (*one.opts, *one.secondary_opts)} | {"--help"}


def _command_lines(text: str, spans: Spans, blocks: Blocks) -> Iterator[str]:
    in_shell = (line.partition("#")[0] for block in blocks(text, "sh") for line in block.splitlines())
    for line in (*spans(text), *in_shell):
        if re.match(r"(?:\.venv/bin/)?milepost [a-z-]", line):
            yield line.strip()


def test_every_command_line_in_a_document_exists(documents: Documents, spans: Spans, blocks: Blocks) -> None:
    lines = {line for text in documents.values() for line in _command_lines(text, spans, blocks)}

    assert len(lines) > 30
    for line in lines:
        assert not list(_missing_words(line)), line


# Project files


@pytest.fixture
def readme_file(sections: Sections, blocks: Blocks) -> str:
    (text,) = blocks(sections("README.md")["A real configuration"], "yaml")
    return text


def _load(folder: Path, text: str, types: Mapping[str, TypeModels] | None = None) -> ProjectFile:
    path = folder / "milepost.yaml"
    path.write_text(text, encoding="utf-8")
    return read_project_file(path, ConnectionTypes()) if types is None else load_project_file(path, types=types)


def test_the_configuration_of_the_readme_loads_without_a_finding(readme_file: str, tmp_path: Path) -> None:
    file = _load(tmp_path, readme_file)

    assert len(readme_file.splitlines()) <= 15
    assert file.findings == ()
    assert set(file.sources) == {"jira", "github", "mlflow"}
    assert set(file.projects["churn"].publish) == {"jira", "github"}


def test_the_clouds_of_the_readme_load_without_a_finding(sections: Sections, blocks: Blocks, tmp_path: Path) -> None:
    (text,) = blocks(sections("README.md")["Models in AWS or Azure"], "yaml")
    file = _load(tmp_path, text)

    assert file.findings == ()
    assert {source.type for source in file.sources.values()} == {"sagemaker", "azureml"}
    assert file.projects["churn"].scopes.keys() == file.sources.keys()


def test_the_watch_ticket_of_the_readme_can_be_added(readme_file: str, sections: Sections, spans: Spans, tmp_path: Path) -> None:
    (line,) = (span for span in spans(sections("README.md")["A real configuration"]) if span.startswith("watch:"))

    file = _load(tmp_path, readme_file.replace("    scopes:", f"    {line}\n    scopes:"))

    assert file.projects["churn"].watch == {"jira": "CHURN-1"}


def test_the_project_of_the_configuration_page_loads(readme_file: str, sections: Sections, blocks: Blocks, tmp_path: Path) -> None:
    (projects,) = blocks(sections("docs/configuration.md")["A project"], "yaml")

    file = _load(tmp_path, readme_file.partition("projects:")[0] + projects)

    assert file.findings == ()
    assert len(file.projects["churn"].links) == 1


def test_every_status_that_is_shown_as_an_example_is_sound(
    readme_file: str, documents: Documents, blocks: Blocks, tmp_path: Path
) -> None:
    examples = [block for block in blocks(documents["docs/statuses.md"], "yaml") if block.startswith("statuses:")]

    assert len(examples) == 4
    for example in examples:
        file = _load(tmp_path, readme_file + example)
        assert file.findings == ()
        assert len(file.statuses) == 1


def test_a_mistake_in_the_worked_example_is_told_as_the_page_says(
    readme_file: str, documents: Documents, blocks: Blocks, tmp_path: Path
) -> None:
    (example,) = (block for block in blocks(documents["docs/statuses.md"], "yaml") if "old-model" in block)
    (shown,) = blocks(documents["docs/statuses.md"], "text")

    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, readme_file + example.replace("90d", "90 days"))

    assert shown.strip() in str(caught.value)
