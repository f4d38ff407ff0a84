"""The delivery that the page on operations signs by hand, sent as it stands there to a running server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.process import PATIENCE
from tests.web.serving import Served, serving
from tests.web.signing import SECRET

FILE = """\
sources:
  github: {type: github, url: "https://github.example.com/api/v3"}
projects:
  churn:
    scopes: {github: {repositories: [example/churn]}}
"""

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="curl or openssl is not here")


@pytest.fixture
def script(sections: Callable[[str], Mapping[str, str]], blocks: Callable[[str, str], Sequence[str]]) -> str:
    (found,) = blocks(sections("docs/operations.md")["A delivery by hand"], "sh")
    return found


def sent(script: str, served: Served, secret: str) -> subprocess.CompletedProcess[str]:
    here = script.replace("127.0.0.1:8080", served.address.removeprefix("http://"))
    assert here != script
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "MILEPOST_GITHUB__WEBHOOK_SECRET": secret, "NO_PROXY": "*"}
    return subprocess.run(["/bin/sh", "-ec", here], env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_it_is_taken_with_the_right_secret_and_no_other(script: str, sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "milepost.db")
    with serving(tmp_path, f"sqlite:///{tmp_path / 'milepost.db'}", text=FILE) as served:
        right, wrong = sent(script, served, SECRET), sent(script, served, "another")

        assert '"uninteresting"' in right.stdout
        assert right.stdout.endswith("202\n")
        assert wrong.stdout.endswith("401\n")
        assert served.stored() == {}
