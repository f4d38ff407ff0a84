"""`milepost init`"""

from __future__ import annotations

import json

from config.template import EXAMPLE, environment_variables, render_template
from sync.build import project_file_schema
from sync.cli.errors import UsageProblem
from sync.cli.layout import columns
from sync.cli.options import Globals
from sync.cli.session import Session
from sync.outcome import ExitCode

SCHEMA = "milepost.schema.json"


def run(globals_: Globals, *, force: bool) -> ExitCode:
    """Writes the project file and its schema next to each other; an existing project file is only replaced when asked."""
    session = Session(globals_)
    path, schema = session.path, session.path.with_name(SCHEMA)
    if path.exists() and not force:
        raise UsageProblem(f"{path} is there already", "edit it, name another with -c, or replace it with --force")
    try:
        path.write_text(render_template(), encoding="utf-8")
        schema.write_text(json.dumps(project_file_schema(session.types), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}", "name another place with -c") from None
    variables = [name for name, _ in environment_variables(EXAMPLE)]
    if session.wants_json:
        session.answer({"config": str(path), "schema": str(schema), "variables": variables})
        return ExitCode.DONE
    session.show(
        f"Wrote {path} and {schema}.", "", "Next: edit the project file, set these variables, then run milepost check.", ""
    )
    session.show_all(columns(environment_variables(EXAMPLE), session.width, indent=2))
    return ExitCode.DONE
