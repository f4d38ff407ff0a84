"""Erasing a person on request: out of everything that is stored, and out of whatever is read later. The sources are not touched."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta

import msgspec

from mappings.model import Person
from sync.apply import LEASE, lease_name
from sync.pseudonyms import Erased, Pseudonyms, hashed, words_of
from sync.store import erased, leases, publishing, rewriting, runs
from sync.store.connect import Database

SHORTEST = 3
"""A shorter name of one word stands in too many texts that speak of something else."""


class NotAName(Exception):
    """What was given cannot be looked for, and why."""


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds of a person: all that they are called, the rows that name them by table, and by field the entities that
    name them where it identifies things: that stays."""

    names: Sequence[str]
    rows: Mapping[str, int]
    stays: Mapping[str, int]


def find(database: Database, name: str, *, reserved: Iterable[str]) -> Traces:
    """Looks for a person by a name, an e-mail address, an account id or a login. `reserved` are texts that must not change.

    Raises `NotAName` for what is too short or long to be told from other words, or stands in one of `reserved`.
    """
    texts = list(reserved)
    refused = why_not(name, texts)
    if refused is not None:
        raise NotAName(refused)
    with database.read() as tx:
        names = [one for one in _called(name, rewriting.people(tx)) if one == name or why_not(one, texts) is None]
        looked = Pseudonyms(salt := erased.salt_of(tx), _hashes(salt, names, pseudonym=""))
        rows = {table: rewriting.count(tx, table, looked) for table in rewriting.TABLES}
        return Traces(names=names, rows=rows, stays=rewriting.kept(tx, looked))


def erase(database: Database, names: Sequence[str], *, projects: Iterable[str], wait: timedelta, stop: threading.Event) -> str:
    """Puts a pseudonym in the place of `names` in the whole store, now and for ever. Returns the pseudonym.

    Nobody judges or writes for a project meanwhile; pulls go on. Raises `LeaseHeld`. It may be repeated: a run that was killed is
    finished by the next.
    """
    with database.write() as tx:
        now = database.now(tx)
        run = runs.start(tx, "erase-person", [], now)
        every = sorted({*projects, *publishing.projects(tx)})
    with ExitStack() as held:
        for key in every:
            held.enter_context(leases.held(database, lease_name(key), holder=run, ttl=LEASE, wait=wait, stop=stop))
        with database.write() as tx:
            salt, pseudonym = erased.salt_of(tx), erased.pseudonym_of(tx, names)
            erased.save(tx, salt, _hashes(salt, names, pseudonym=pseudonym), now)
        with database.read() as tx:
            everybody = erased.pseudonyms(tx)
        assert everybody is not None
        rows = {table: _rewrite(database, table, everybody) for table in rewriting.TABLES}
    with database.write() as tx:
        runs.finish(tx, run, outcome="done", exit_code=0, summary=rows, now=database.now(tx))
    database.compact()
    return pseudonym


def why_not(name: str, reserved: Collection[str]) -> str | None:
    """Why a name cannot be looked for, if so."""
    words = words_of(name)
    if len("".join(words)) < SHORTEST:
        return f"it has fewer than {SHORTEST} letters or digits, so other words would be taken for it"
    try:
        alone = Pseudonyms(bytes(32), [hashed(name, salt=bytes(32), pseudonym="")])
    except ValueError as error:
        return str(error)
    taken = next((text for text in reserved if alone.text(text) != text), None)
    return None if taken is None else f"it stands in {taken!r}, which Milepost writes itself"


def _called(name: str, people: Collection[Person]) -> list[str]:
    """All that the bearer of `name` is called: whoever has the same account, or the same name of several words, is one person."""
    called, ids, names = [name], {words_of(name)}, {words_of(name)}
    grew = True
    while grew:
        grew = False
        for person in sorted(people, key=lambda one: (one.id, one.name or "")):
            by = (words_of(person.id), words_of(person.name or ""))
            if by[0] not in ids and by[1] not in names:
                continue
            for words, text, known in ((by[0], person.id, ids), (by[1], person.name or "", names)):
                # One word, such as `root`, is the name of many.
                if words not in known and (known is ids or len(words) > 1):
                    known.add(words)
                    called.append(text)
                    grew = True
    return list({words_of(text): text for text in reversed(called)}.values())[::-1]


def _hashes(salt: bytes, names: Sequence[str], *, pseudonym: str) -> Sequence[Erased]:
    return [hashed(name, salt=salt, pseudonym=pseudonym) for name in names]


def _rewrite(database: Database, table: str, known: Pseudonyms) -> int:
    named, after = 0, None
    while True:
        with database.write() as tx:
            batch = rewriting.rewrite(tx, table, known, after)
        named, after = named + batch.named, batch.after
        if after is None:
            return named
