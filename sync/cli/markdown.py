"""Text that stays text in Markdown, whatever somebody wrote into a title."""

from __future__ import annotations

import re
from urllib.parse import quote

from sync.cli.layout import clean

_SPECIAL = "\\`*_[]<>|#~!&@$"
_ADDRESS = re.compile(r"(?<=[a-z]):(?=//)|(?<=www)\.|(?<=gh)-(?=\d)", re.IGNORECASE)


def escaped(text: str) -> str:
    """On one line, with nothing that Markdown or a code host would take for more than text: mentions notify nobody, and no
    address is a link."""
    plain = "".join(f"&#{ord(one)};" if one in "@&<" else f"\\{one}" if one in _SPECIAL else one for one in clean(text).plain)
    return _ADDRESS.sub(lambda found: f"&#{ord(found[0])};", plain)


def linked(name: str, url: str | None) -> str:
    """A link where the address is a web address; what could end the link is percent-encoded."""
    if url is None or not url.startswith(("https://", "http://")):
        return escaped(name)
    return f"[{escaped(name)}]({quote(url, safe=':/?#=&%+,;@~-._')})"
