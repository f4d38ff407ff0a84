"""What a person sees on a terminal: live lines while a pull goes on, colours, and none of it where it is not wanted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyte
import pytest

from sandbox.faults import Fault
from tests.cli.gate import Gate
from tests.cli.office import Office
from tests.cli.process import MILEPOST, PATIENCE

ROWS = 40


@dataclass
class Terminal:
    """A terminal of `columns` columns that remembers every picture it has shown, and all bytes that it was sent."""

    columns: int
    pictures: list[tuple[str, ...]] = field(default_factory=list)
    sent: bytearray = field(default_factory=bytearray)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def running(self, office: Office, *arguments: str, **more: str | None) -> Iterator[subprocess.Popen[bytes]]:
        """Runs a command on the terminal; leaving waits for its end."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, self.columns, 0, 0))
        environment = office.desk.environment(**{"COLUMNS": None, "TERM": "xterm-256color", **more})
        process = subprocess.Popen(
            [MILEPOST, *arguments], cwd=office.desk.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        watcher = threading.Thread(target=self._watch, args=(ours,))
        watcher.start()
        try:
            yield process
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
            watcher.join()
            os.close(ours)

    def showing(self, *texts: str) -> list[str]:
        """Waits for a picture that holds each of the texts; its lines, without bars and with single blanks.

        A picture is told in pieces, so what stands below a line may be missing for a moment.
        """

        def plain() -> list[str]:
            return [" ".join(line.replace("━", "").split()) for line in self.lines()]

        with self.changed:
            assert self.changed.wait_for(lambda: all(any(text in line for line in plain()) for text in texts), PATIENCE)
            return plain()

    def lines(self) -> list[str]:
        """What is left on the screen, without blanks at the ends of lines and without empty lines."""
        return [line for line in self.pictures[-1] if line] if self.pictures else []

    def _watch(self, descriptor: int) -> None:
        screen = pyte.Screen(self.columns, ROWS)
        stream = pyte.ByteStream(screen)
        while True:
            try:
                data = os.read(descriptor, 65536)
            except OSError:  # the last process that wrote here has ended
                return
            stream.feed(data)
            with self.changed:
                self.sent += data
                self.pictures.append(tuple(line.rstrip() for line in screen.display))
                self.changed.notify_all()


@pytest.mark.parametrize("columns", [80, 140])
def test_a_pull_shows_a_line_for_each_stream_while_it_goes_on(office: Office, gate: Gate, columns: int) -> None:
    office.github.faults.append(Fault(gate, path="*/pulls"))
    terminal = Terminal(columns)
    with terminal.running(office, "pull") as process:
        assert gate.met.wait(PATIENCE)
        live = terminal.showing("✓ jira issues", "github commits waiting")
        gate.opened.set()

    assert process.returncode == 0
    assert [line.split()[1:3] for line in live][:4] == [
        ["jira", "fields"],
        ["jira", "versions"],
        ["jira", "issues"],
        ["github", "labels"],
    ]
    assert any(re.fullmatch(r"✓ jira issues 3 records \d pages? \d+ left 00:\d\d", line) for line in live)
    assert any(re.match(r"\S github commits waiting", line) for line in live)
    assert all(len(line) < columns for picture in terminal.pictures for line in picture)


def test_after_a_pull_only_its_summary_is_left(office: Office) -> None:
    terminal = Terminal(100)
    with terminal.running(office, "pull"):
        pass

    assert terminal.lines()[0].split() == ["SOURCE", "STREAM", "RECORDS", "CHANGED", "REQUESTS", "TIME", "READ"]
    assert "⠋" not in "".join(terminal.lines())
    assert terminal.sent.rfind(b"\x1b[?25h") > terminal.sent.rfind(b"\x1b[?25l") >= 0


def test_a_check_shows_what_has_answered_and_a_line_for_what_has_not(office: Office, gate: Gate) -> None:
    office.github.faults.append(Fault(gate, path="*/user"))
    terminal = Terminal(100)
    with terminal.running(office, "check") as process:
        assert gate.met.wait(PATIENCE)
        live = terminal.showing("jira for ops", "✓ identity signed in as", "github is asked for ops 2 requests")
        gate.opened.set()

    assert process.returncode == 0
    assert not any(line.startswith("github for ops") for line in live)
    left = terminal.lines()
    assert [line.split()[0] for line in left if line[0] not in " "] == ["store", "jira", "github", "2"]
    assert left[-1].startswith("2 sources checked, all can be used")
    assert not any("is asked" in line for line in left)


def test_a_check_says_without_a_terminal_what_is_asked(office: Office) -> None:
    ended = office.desk.run("check", "-o", "json")

    assert ended.err == "asking jira and github; what does not answer is tried again for some minutes\n"
    assert [one["source"] for one in ended.json()["sources"]] == ["jira", "github"]


@pytest.mark.parametrize(
    ("arguments", "more", "coloured"),
    [((), {}, True), (("--no-color",), {}, False), ((), {"NO_COLOR": "1"}, False), ((), {"TERM": "dumb"}, False)],
)
def test_colours_are_there_unless_they_are_not_wanted(
    office: Office, arguments: tuple[str, ...], more: Mapping[str, str], coloured: bool
) -> None:
    assert office.desk.call("pull").code == 0
    terminal = Terminal(100)
    with terminal.running(office, "plan", *arguments, **more):
        pass

    assert "+ field ML Status: Data blocked" in " ".join(terminal.lines())
    assert (b"\x1b[32m+ field" in bytes(terminal.sent)) is coloured


def test_what_a_ticket_says_cannot_command_the_terminal(office: Office) -> None:
    office.jira.edit("OPS-2", summary="\x1b]0;pwned\x07\x1b[2J\x9b31m\u202eevil")
    assert office.desk.call("pull").code == 0
    terminal = Terminal(100)
    with terminal.running(office, "plan"):
        pass

    assert b"\x1b]0;" not in terminal.sent
    assert b"\x1b[2J" not in terminal.sent
    assert "\x9b".encode() not in terminal.sent
    assert "\u202e".encode() not in terminal.sent
    assert any("OPS-2" in line and "pwned" in line for line in terminal.lines())
