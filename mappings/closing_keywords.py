"""Which issues a pull request's text closes, by GitHub's closing keywords.

Keywords and forms: GitHub docs, "Linking a pull request to an issue". The keyword counts in any case and may carry a colon; the
issue is `#12`, `owner/name#12` or its full address. Nothing counts inside code (fenced, indented, inline) or an HTML comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAME = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}"
_KEYWORD = r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]{1,8}"

# References are found first, by their literal marks, and the keyword is then looked for just before them: long texts without a
# reference cost one search each, and no text makes the search slower than its length.
_SHORT = re.compile(r"#([0-9]{1,10})(?!\w)")
_ADDRESS = re.compile(rf"://([A-Za-z0-9.:-]{{1,255}})/({_NAME})/issues/([0-9]{{1,10}})(?!\w)")
_BEFORE_SHORT = re.compile(rf"{_KEYWORD}({_NAME})?\Z", re.IGNORECASE)
_BEFORE_ADDRESS = re.compile(rf"{_KEYWORD}https?\Z", re.IGNORECASE)
_REACH = 170

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_LIST_ITEM = re.compile(r" {0,3}(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]|\Z)")
_TICKS = re.compile(r"`+")


def closed_issues(text: str, repository: str, web_host: str = "github.com") -> tuple[str, ...]:
    """The issues that `text` closes, as `owner/name#12`, each once and in order. `#12` means an issue of `repository`.

    `web_host` is where people read this GitHub: addresses on other hosts mean nothing to it.
    """
    if "#" not in text and "/issues/" not in text:
        return ()
    found: dict[str, None] = {}
    for part in _prose(text):
        for _, name, number in sorted(_references(part, web_host)):
            if number:
                owner_and_name = repository if not name or name.lower() == repository.lower() else name
                found[f"{owner_and_name}#{number}"] = None
    return tuple(found)


def _references(text: str, web_host: str) -> Iterator[tuple[int, str, int]]:
    for match in _SHORT.finditer(text):
        start = match.start()
        if before := _BEFORE_SHORT.search(text, max(0, start - _REACH), start):
            yield start, before[1] or "", int(match[1])
    for match in _ADDRESS.finditer(text):
        start = match.start()
        if match[1].lower() == web_host.lower() and _BEFORE_ADDRESS.search(text, max(0, start - _REACH), start):
            yield start, match[2], int(match[3])


def _prose(text: str) -> Iterator[str]:
    """The text's paragraphs without code and comments."""
    for paragraph in _paragraphs(_without_comments(text)):
        yield _without_inline_code(paragraph)


def _without_comments(text: str) -> str:
    kept, position = [], 0
    while (start := text.find("<!--", position)) >= 0:
        kept.append(text[position:start])
        end = text.find("-->", start + 4)
        if end < 0:
            return " ".join(kept)
        position = end + 3
    kept.append(text[position:])
    return " ".join(kept)


def _paragraphs(text: str) -> Iterator[str]:
    """Runs of lines outside fenced and indented code blocks. Deep indentation below a list item continues the item."""
    lines: list[str] = []
    fence = ""
    in_list = False
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
        elif mark and not (mark[1][0] == "`" and "`" in mark[2]):
            fence = mark[1]
        elif not line.strip():
            yield "\n".join(lines)
            lines = []
            continue
        elif lines or in_list or not line.startswith(("    ", "\t")):
            if not line.startswith((" ", "\t")):
                in_list = False
            in_list = in_list or _LIST_ITEM.match(line) is not None
            lines.append(line)
            continue
        yield "\n".join(lines)
        lines = []
    yield "\n".join(lines)


def _without_inline_code(text: str) -> str:
    """A run of backticks opens code that the next run of the same length closes; without one it is plain text."""
    if "`" not in text:
        return text
    runs = list(_TICKS.finditer(text))
    following: dict[int, int] = {}
    closes: dict[int, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        length = runs[index].end() - runs[index].start()
        if length in following:
            closes[index] = following[length]
        following[length] = index
    kept, position, index = [], 0, 0
    while index < len(runs):
        if index not in closes:
            index += 1
            continue
        kept.append(text[position : runs[index].start()])
        position = runs[closes[index]].end()
        index = closes[index] + 1
    kept.append(text[position:])
    # What stood on both sides of code did not stand together.
    return "\0".join(kept)
