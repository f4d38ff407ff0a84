"""Reads GitHub: all streams over all repositories of a scope, direct reads, and the check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from connectors.base import Batch, Finding, Options, SourceContext
from connectors.errors import NotFound
from connectors.github.advice import advice
from connectors.github.commits import Commits
from connectors.github.credentials import http_auth
from connectors.github.health import Health
from connectors.github.issues import Issues, Named
from connectors.github.lookups import Lookups
from connectors.github.options import API_VERSION, GithubOptions, GithubScope, GithubSecrets
from connectors.github.paging import Pager
from connectors.github.progress import M, Progress, Stream
from connectors.github.pulls import Pulls
from connectors.github.repositories import MISSING_FIX, Repositories, Resolved
from connectors.github.sweeps import Sweeps, Swept
from connectors.http import open_client
from mappings.change import Reading
from mappings.github import Translation
from mappings.github_records import Repository
from mappings.model import Entity, Missing, Ref

HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": API_VERSION}


class GithubReader:
    """Opened, it has asked nothing yet. Raises `AuthError` when there are no credentials."""

    def __init__(self, context: SourceContext) -> None:
        options: GithubOptions = context.options
        self._source = context.name
        self._client = open_client(context, options.url, auth=http_auth(context), headers=HEADERS, advice=advice)
        self._pager = Pager(context.name, self._client, options.url)
        self._translation = Translation(context.name, context.owned)
        secrets: GithubSecrets = context.secrets
        self._repositories = Repositories(context.name, self._client, self._pager, is_app=secrets.is_app)
        self._health = Health(context, self._client, self._repositories)
        self._sweeps = Sweeps(self._pager, self._translation)
        named = Named()
        self._issues = Issues(self._pager, self._translation, named)
        self._pulls = Pulls(self._client, self._pager, self._translation, named)
        self._commits = Commits(context.name, self._client, self._pager, self._translation)

    def check(self, scope: Options) -> Sequence[Finding]:
        assert isinstance(scope, GithubScope)
        return self._health.check(scope)

    def pull(self, stream: str, scope: Options, cursor: str | None) -> Iterator[Batch]:
        """Repository by repository, in the order of their ids.

        What of the scope can be read is read; then `NotFound` names what is missing, and the listing does not count as complete. So
        it is where the scope leads to no repository at all. A full pull that was killed goes on from its cursor, and still ends as
        complete.
        """
        assert isinstance(scope, GithubScope)
        resolved = self._repositories.of(scope, stream)
        if not resolved.found and not resolved.missing:
            names = ", ".join(scope.repositories)
            raise NotFound(self._source, f"no repository matches {names}", fix=MISSING_FIX)
        match stream:
            case "labels":
                yield from self._swept(self._sweeps.labels, resolved)
            case "milestones":
                yield from self._swept(self._sweeps.milestones, resolved)
            case "issues":
                yield from _streamed(self._issues, resolved, cursor)
            case "change_requests":
                yield from _streamed(self._pulls, resolved, cursor)
            case "commits":
                yield from _streamed(self._commits, resolved, cursor)
            case _:
                raise ValueError(f"no stream {stream!r}")
        if resolved.missing:
            raise NotFound(self._source, "; ".join(f"{name}: {why}" for name, why in resolved.missing.items()), fix=MISSING_FIX)

    def read(self, refs: Sequence[Ref]) -> Sequence[Entity | Missing | Reading]:
        """Answers for work items and change requests, with our labels on them, commits (by full sha), milestones and labels."""
        return list(Lookups(self._source, self._client, self._pager, self._translation).read(refs))

    def outside(self, refs: Sequence[Ref], scope: Options) -> Collection[Ref]:
        """What lies in repositories that the scope does not mean any more, as after a rename; nothing else stops belonging."""
        assert isinstance(scope, GithubScope)
        left = self._repositories.outside({_repository_of(ref) for ref in refs}, scope)
        return [ref for ref in refs if _repository_of(ref) in left]

    def close(self) -> None:
        self._client.close()

    def _swept(self, sweep: Callable[[Repository], Iterator[Swept]], resolved: Resolved) -> Iterator[Batch]:
        for repository in resolved.found:
            for entities, rejected in sweep(repository):
                yield Batch(entities=entities, rejected=rejected)
        yield Batch(complete=not resolved.missing)


def _repository_of(ref: Ref) -> str:
    """Every id begins with its repository's."""
    return ref.id.partition("/")[0]


def _streamed(stream: Stream[M], resolved: Resolved, cursor: str | None) -> Iterator[Batch]:
    before = stream.restore(cursor)
    marks = {str(repository.id): before.at.get(str(repository.id), stream.fresh()) for repository in resolved.found}
    progress = Progress(at=marks, sweeping=before.sweeping, swept=list(before.swept))
    for repository in resolved.found:
        ident = str(repository.id)
        if ident in progress.swept:
            continue
        for portion in stream.read(repository, marks[ident]):
            marks[ident] = portion.mark
            yield Batch(entities=portion.entities, slots=portion.slots, rejected=portion.rejected, cursor=progress.encode())
        if progress.sweeping:
            progress.swept.append(ident)
    yield Batch(cursor=Progress(at=marks).encode(), complete=before.sweeping and not resolved.missing)
