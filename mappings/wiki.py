"""Wiki markup, the rich text of Jira Data Center, to plain text.

Source: Atlassian's "Wiki Style Renderer, text formatting notation". Only what would hide words from a reader of plain text is taken
off: headings, quotes, panels, colours, links, and the characters around words that make them bold, italic and so on. What stands in
`{code}` or `{noformat}` is text as it is.
"""

from __future__ import annotations

import re

_VERBATIM = re.compile(r"\{(code|noformat)(?::[^{}\n]{0,500})?\}(.*?)\{\1\}", re.DOTALL)
_BLOCK = re.compile(r"\{(?:code|noformat|quote|panel|color|anchor|toc|info|note|tip|warning)(?::[^{}\n]{0,500})?\}")
_MONOSPACED = re.compile(r"\{\{([^{}\n]{1,2000})\}\}")
_MENTION = re.compile(r"(?<!\\)\[~([^\[\]\n]{1,255})\]")
_LINK = re.compile(r"(?<!\\)\[(?:([^\[\]|\n]{1,1000})\|)?([^\[\]|\n]{1,2000})(?:\|[^\[\]\n]{0,200})?\]")
_LINE_START = re.compile(r"^[ \t]*(?:h[1-6]|bq)\.[ \t]+", re.MULTILINE)
_MARKED = re.compile(r"(?<![\w{}\\*+^~?-])([*_+^~-]|\?\?)(?=\S)([^\n]{1,500}?)(?<=\S)\1(?![\w*+^~?-])")
_ESCAPED = re.compile(r"\\([-*_^~+{}\[\]!|?#\\])")
_DEEPEST = 4
"""How many marks may stand around one another: `*_+word+_*`."""


def to_text(markup: str) -> str:
    """The words of the markup. A link gives its text and its address, where they differ; a mention gives the user's name."""
    pieces: list[str] = []
    end = 0
    text = markup.replace("\r\n", "\n")
    for block in _VERBATIM.finditer(text):
        pieces += [_plain(text[end : block.start()]), block[2]]
        end = block.end()
    pieces.append(_plain(text[end:]))
    return "".join(pieces).strip("\n")


def _plain(text: str) -> str:
    text = _MONOSPACED.sub(r"\1", _BLOCK.sub("", text))
    text = _LINK.sub(_linked, _MENTION.sub(r"@\1", text))
    text = _LINE_START.sub("", text)
    for _ in range(_DEEPEST):
        bare = _MARKED.sub(r"\2", text)
        if bare == text:
            break
        text = bare
    return _ESCAPED.sub(r"\1", text)


def _linked(match: re.Match[str]) -> str:
    words, address = match[1], match[2]
    return address if words is None or words == address else f"{words} {address}"
