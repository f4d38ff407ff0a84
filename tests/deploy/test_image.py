"""The image: linted, built from the lock file, for every role, and without anything that lies beside the program."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest

from config.variables import FILE_SUFFIX
from tests.deploy.conftest import DEPLOY, ROOT

DOCKERFILE = DEPLOY / "Dockerfile"


@pytest.fixture(scope="module")
def instructions() -> Sequence[tuple[str, str]]:
    """Each instruction with what it is about, on one line."""
    lines = (line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


@pytest.fixture(scope="module")
def last_stage(instructions: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    start = max(number for number, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[start:]


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_linter_would_say_something(tmp_path: Path) -> None:
    worse = tmp_path / "Dockerfile"
    worse.write_text(re.sub(r"python:\S+", "python:latest", DOCKERFILE.read_text(encoding="utf-8")), encoding="utf-8")
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "--no-color", worse], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DL3007" in done.stdout


def test_both_stages_have_the_same_python_with_a_version(instructions: Sequence[tuple[str, str]]) -> None:
    bases = [rest.split()[0] for word, rest in instructions if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])


def test_everything_comes_from_the_lock_file(instructions: Sequence[tuple[str, str]]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    wanted = set(extras) - {"demo", "all"}
    synced = [rest for word, rest in instructions if word == "RUN" and "uv sync" in rest]
    assert len(synced) == 2
    for line in synced:
        assert "--locked" in line
        assert "--no-dev" in line
        assert set(re.findall(r"--extra (\S+)", line)) == wanted, "every connector and the service, and not the demo"
    (tool,) = (rest for word, rest in instructions if word == "RUN" and "pip install" in rest)
    assert re.search(r" uv==\d+\.\d+\.\d+$", tool)


def test_the_process_is_not_root_and_cannot_change_its_program(last_stage: Sequence[tuple[str, str]]) -> None:
    said = dict(last_stage)
    assert said["USER"] == "10001:10001"
    assert "--uid 10001" in said["RUN"]
    assert said["ENTRYPOINT"] == '["milepost"]'
    assert said["STOPSIGNAL"] == "SIGTERM"
    assert said["HEALTHCHECK"] == "NONE"
    assert [rest for word, rest in last_stage if word in {"COPY", "ADD"}] == ["--from=build /opt/milepost /opt/milepost"]


def test_the_image_holds_no_secret(instructions: Sequence[tuple[str, str]], known_variables: frozenset[str]) -> None:
    assert not [rest for word, rest in instructions if word == "ARG"]
    names = {name for word, rest in instructions if word == "ENV" for name in re.findall(r"(MILEPOST_\w+)=", rest)}
    assert names == {"MILEPOST_CONFIG"} <= known_variables
    assert not any(name.removesuffix(FILE_SUFFIX).endswith(("TOKEN", "SECRET", "PASSWORD")) for name in names)


@pytest.fixture(scope="module")
def patterns() -> Sequence[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def is_ignored(path: str, patterns: Sequence[str]) -> bool:
    """As Docker has it: the last pattern that matches the path, or a folder that it is in, decides."""
    parts = path.split("/")
    starts = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    ignored = False
    for pattern in patterns:
        wanted = pattern.removeprefix("!").rstrip("/")
        tail = wanted.removeprefix("**/")
        anywhere = wanted != tail
        if any(fnmatch(start.rpartition("/")[2] if anywhere else start, tail) for start in starts):
            ignored = not pattern.startswith("!")
    return ignored


def test_only_the_program_gets_into_the_image(patterns: Sequence[str]) -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    for name in packages["packages"]:
        assert not is_ignored(f"{name}/__init__.py", patterns), name
    for name in ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "mappings/statuses.yaml", "connectors/py.typed"):
        assert not is_ignored(name, patterns), name
        assert (ROOT / name).exists()
    for name in (
        ".git/config",
        ".venv/bin/python",
        ".env",
        "milepost.yaml",
        "milepost.db",
        "sync/milepost.db",
        "config/.env",
        "deploy/compose.yaml",
        "tests/conftest.py",
        "sync/__pycache__/plan.cpython-311.pyc",
    ):
        assert is_ignored(name, patterns), name
