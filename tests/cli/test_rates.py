"""A source's `rate` in the project file holds for every command."""

from __future__ import annotations

from tests.cli.office import Office


def test_commands_send_no_more_than_the_rate_together(office: Office) -> None:
    text = office.desk.config.read_text(encoding="utf-8")
    office.desk.config.write_text(text.replace("write_pause: 0", "write_pause: 0, rate: 10/d"), encoding="utf-8")
    codes, said = [], ""
    for command in (["pull"], ["sync"], ["check"], ["pull", "--full"]):
        ended = office.desk.call(*command)
        codes.append(ended.code)
        said = ended.out + ended.err
    assert len(office.github.requests) == 1, "a fifth of ten at once, of which one is kept for webhooks, and nothing more for hours"
    assert codes == [3, 3, 3, 3], said
    assert "github/labels: its rate of 10/d for all processes is used up until" in said
    assert office.jira.requests, "the other source is read"
