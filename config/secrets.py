"""The secrets of a source, from the environment or from files that it names. No message ever holds one."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from config.explain import explain
from config.problems import ConfigError, Problem, nearest, suggestion
from config.settings import KNOWN_VARIABLES
from config.variables import FILE_SUFFIX, lack, prefix, read_variable, variable

_OURS = "MILEPOST_"
_OF_ITS_SOURCE = "MILEPOST_<SOURCE>__"
"""How a connector's model, which does not know its source, names a variable in what it says about several secrets together."""

_OF_A_SERVICE = re.compile(r"MILEPOST_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)")
"""What Kubernetes puts into the environment for each Service of the namespace: one that is called milepost has such names."""

_SHORTEST = 3
"""Shorter pieces hide nothing and would garble a message."""


def load_secrets(source_name: str, model: type[BaseModel], environ: Mapping[str, str]) -> BaseModel:
    """The source's secrets as an instance of `model`: each field from `MILEPOST_<SOURCE>__<FIELD>` or `…_FILE`.

    Raises `ConfigError` with every problem; its warnings alone do not raise, `check_secrets` returns them.
    """
    secrets, problems = _read(source_name, model, environ, unknown_secrets(source_name, model, environ))
    if secrets is None:
        raise ConfigError(problems)
    return secrets


def load_some_secrets(source_name: str, model: type[BaseModel], environ: Mapping[str, str]) -> BaseModel:
    """Those of the source's secrets that `model` has. The others are not looked at: they may be missing or wrong.

    Raises `ConfigError`.
    """
    secrets, problems = _read(source_name, model, environ, ())
    if secrets is None:
        raise ConfigError(problems)
    return secrets


def check_secrets(source_name: str, model: type[BaseModel], environ: Mapping[str, str]) -> Sequence[Problem]:
    """All errors and warnings about the source's variables."""
    return _read(source_name, model, environ, unknown_secrets(source_name, model, environ))[1]


def unknown_secrets(source_name: str, model: type[BaseModel], environ: Mapping[str, str]) -> Sequence[Problem]:
    """Errors about variables that bear the source's name and are nothing that it knows: typing errors, mostly."""
    known = [variable(source_name, field) for field in model.model_fields]
    allowed = {*known, *(name + FILE_SUFFIX for name in known)}
    return [
        Problem(path=name, message=f"is nothing that {source_name} knows", fix=suggestion(name, known))
        for name in sorted(environ)
        if name.startswith(prefix(source_name)) and name not in allowed
    ]


def check_environment(sources: Mapping[str, type[BaseModel]], environ: Mapping[str, str]) -> Sequence[Problem]:
    """Warnings about `MILEPOST_…` variables that belong to no source of the project file and to no setting: typing errors, mostly.

    `sources` gives the secrets model of every source. Variables of a known source are for `check_secrets`.
    """
    problems: list[Problem] = []
    known = {variable(source, field) for source, model in sources.items() for field in model.model_fields} | KNOWN_VARIABLES
    for name in sorted(environ):
        bare = name.removesuffix(FILE_SUFFIX)
        if not name.startswith(_OURS) or {name, bare} & known or any(name.startswith(prefix(one)) for one in sources):
            continue
        if _is_of_a_service(name, environ[name]):
            continue
        meant = _meant(bare, known)
        unset = "unset it, or add its source to the project file" if "__" in name else "unset it"
        fix = f"did you mean {meant}?" if meant is not None else unset
        problems.append(Problem(path=name, message="belongs to no source and no setting", fix=fix, level="warning"))
    return problems


def _is_of_a_service(name: str, value: str) -> bool:
    return bool(_OF_A_SERVICE.fullmatch(name)) or (name.endswith("_PORT") and "://" in value)


def _meant(name: str, known: Iterable[str]) -> str | None:
    """The nearest known variable, by what follows the part that all of them have in common."""
    by_rest = {one.removeprefix(_OURS): one for one in known}
    close = nearest(name.removeprefix(_OURS), by_rest)
    return by_rest[close] if close is not None else None


def _read(
    source: str, model: type[BaseModel], environ: Mapping[str, str], noticed: Iterable[Problem]
) -> tuple[BaseModel | None, Sequence[Problem]]:
    """The secrets, unless one of the problems is an error; `noticed` are those that are known already."""
    values: dict[str, str] = {}
    problems = list(noticed)
    for field in model.model_fields:
        found = read_variable(variable(source, field), environ)
        problems.extend(found.problems)
        if found.value is not None:
            values[field] = found.value
    if any(problem.level == "error" for problem in problems):
        return None, problems
    secrets: BaseModel | None = None
    try:
        secrets = model.model_validate(values)
    except ValidationError as error:
        details: list[Any] = error.errors(include_url=False, include_input=False)
        concerned = [variable(source, field) for field in _concerned(model, values)]
        problems.extend(_invalid(source, model, detail, concerned, tuple(values.values()), environ) for detail in details)
    return secrets, problems


def _concerned(model: type[BaseModel], given: Container[str]) -> Sequence[str]:
    """Whom it concerns when something is wrong with all of them together: those that are set, or the first where none is. What a
    model only inherits, as the secret of webhooks, has nothing to do with it."""
    own = [field for field in model.model_fields if field in vars(model).get("__annotations__", ())] or list(model.model_fields)
    return [field for field in own if field in given] or own[:1]


def _invalid(
    source: str,
    model: type[BaseModel],
    detail: Any,
    concerned: Sequence[str],
    values: Sequence[str],
    environ: Mapping[str, str],
) -> Problem:
    if not detail["loc"]:
        explained = explain(detail, model, "…")
        message, fix = (text and text.replace(_OF_ITS_SOURCE, prefix(source)) for text in (explained.message, explained.fix))
        return Problem(path=", ".join(concerned), message=_without(message or "", values), fix=fix)
    name = variable(source, str(detail["loc"][0]))
    if detail["type"] == "missing":
        return Problem(path=name, message=lack(name, environ), fix=f"set it, or {name}{FILE_SUFFIX} to a file that holds it")
    explained = explain(detail, model, "…")
    return Problem(path=name, message=_without(explained.message, values), fix="set it to a value of the right kind")


def _without(message: str, values: Sequence[str]) -> str:
    """A validator's own message may repeat what it was given, whole, escaped or a line of it."""
    shown = message
    pieces = {piece for value in values for piece in (value, repr(value)[1:-1], *value.splitlines()) if len(piece) > _SHORTEST}
    for piece in sorted(pieces, key=len, reverse=True):
        shown = shown.replace(piece, "[hidden]")
    return shown
