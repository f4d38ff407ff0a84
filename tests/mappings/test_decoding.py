"""Decoding into structs from many threads at a time, and that nothing here decodes into them in another way."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

IN_FOUR_THREADS = """
import sys, threading, msgspec
from mappings.decoding import convert_to, decode_as, decoder_for

sys.setswitchinterval(1e-6)

def decode_first(shape, barrier):
    barrier.wait()
    HOW

for _ in range(ROUNDS):
    inner = msgspec.defstruct("Inner", [(f"b{n}", int | None, None) for n in range(20)])
    shape = msgspec.defstruct("Outer", [(f"a{n}", dict[str, inner] | None, None) for n in range(60)], rename="camel")
    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=decode_first, args=(shape, barrier)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
DOCUMENT = '{"a59": {"x": {"b19": 1}}, "a0": None}'
WAYS = {
    "decoder_for": f"decoder_for(shape).decode(msgspec.json.encode({DOCUMENT}))",
    "decode_as": f"decode_as(msgspec.json.encode({DOCUMENT}), shape)",
    "convert_to": f"convert_to({DOCUMENT}, shape)",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_struct_is_decoded_the_first_time_by_four_threads_at_once(way: str) -> None:
    program = IN_FOUR_THREADS.replace("HOW", WAYS[way]).replace("ROUNDS", "100")
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False, timeout=120)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_nothing_is_decoded_into_a_type_in_another_way() -> None:
    others = [
        file for package in ("mappings", "connectors", "config", "sync", "sandbox") for file in (ROOT / package).rglob("*.py")
    ]

    assert {place for file in others if file.name != "decoding.py" for place in _unguarded(file)} == set()


def _unguarded(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            is_typed = any(keyword.arg == "type" for keyword in node.keywords) or bool(called.endswith("Decoder") and node.args)
            if called in ("msgspec.convert", "convert") or (called.endswith(("Decoder", "decode")) and is_typed):
                yield f"{file.relative_to(ROOT)}:{node.lineno}"
