"""Commits, comparisons and branches."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sandbox.github import history
from sandbox.github.document import HOLE, Document, encoded_list
from sandbox.github.documents.commits import (
    branch_document,
    changed_files,
    commit_document,
    comparison_fields,
    full_commit,
    ref_document,
    short_branch,
)
from sandbox.github.model import Commit
from sandbox.github.operations.area import Area, Operation, answer, moment
from sandbox.github.paging import asked, link_header, numbered
from sandbox.github.refusals import no_commit, not_found, refusal
from sandbox.github.site import Repository
from sandbox.messages import Reply, Request

UNPAGED_COMPARISON = 250
"""As many commits, the most recent ones, as a comparison shows that does not ask for pages."""
MOST_FILES = 300


class CommitReading(Area):
    """Commits as lists have them, encoded once."""

    def rendered(self, repository: Repository, sha: str) -> bytes:
        commit = repository.code.commits[sha]
        if commit.document is None:
            commit.document = commit_document(self.hub.url, repository, commit, self.hub.site.users)
        return commit.document.render()

    def resolved(self, repository: Repository, ref: str) -> str:
        """The sha that a name or sha means. A repository and its forks share their commits: each shows those of all by full sha."""
        sha = repository.code.resolve(ref)
        if sha is not None:
            return sha
        origin = repository.forked_from or repository.id
        for other in self.hub.site.repositories.values():
            if origin in (other.id, other.forked_from) and ref in other.code.commits:
                repository.code.take_from(other.code, ref)
                return ref
        raise no_commit(ref)


class Commits(CommitReading):
    def of_a_repository(self) -> Sequence[Operation]:
        return [
            ("GET", "/commits", self.list_commits, "sha path author committer since until per_page page"),
            ("GET", "/commits/{ref...}", self.get_commit, "per_page page"),
            ("GET", "/commits/{sha}/branches-where-head", self.branches_where_head, ""),
            ("GET", "/compare/{basehead...}", self.compare, "per_page page"),
            ("GET", "/branches", self.list_branches, "protected per_page page"),
            ("GET", "/branches/{branch...}", self.get_branch, ""),
            ("GET", "/git/ref/{ref...}", self.get_ref, ""),
        ]

    def list_commits(self, request: Request) -> Reply:
        repository = self.repository(request)
        if not repository.code.branches:
            raise refusal(409, "Git Repository is empty.")
        head = repository.code.resolve(request.query.get("sha") or repository.default_branch)
        if head is None:
            raise not_found()
        shas = self._narrowed(request, repository, repository.code.log(head))
        part, headers = self.numbered_page(request, f"/repositories/{repository.id}/commits", len(shas))
        return self.listed([self.rendered(repository, sha) for sha in shas[part]], headers)

    def get_commit(self, request: Request) -> Reply:
        repository = self.repository(request)
        if not repository.code.branches:
            raise refusal(409, "Git Repository is empty.")
        sha = self.resolved(repository, request.params["ref"])
        return answer(full_commit(self.hub.url, repository, repository.code.commits[sha], self.hub.site.users))

    def branches_where_head(self, request: Request) -> Reply:
        repository = self.repository(request)
        sha = self.resolved(repository, request.params["sha"])
        names = sorted(name for name, head in repository.code.branches.items() if head == sha)
        return self.listed([msgspec.json.encode(short_branch(self.hub.url, repository, name)) for name in names], {})

    def compare(self, request: Request) -> Reply:
        repository = self.repository(request)
        base_name, dots, head_name = request.params["basehead"].partition("...")
        base, head = repository.code.resolve(base_name), repository.code.resolve(head_name)
        if not dots or base is None or head is None:
            raise not_found()
        commits = repository.code.commits
        difference = history.compare(commits, base=base, head=head)
        if difference.merge_base is None:
            raise refusal(404, f"No common ancestor between {base_name} and {head_name}.")
        part, headers, first = self._part(request, repository, len(difference.ahead))
        document = {
            **comparison_fields(self.hub.url, repository, base_name, head_name, difference),
            "base_commit": HOLE,
            "merge_base_commit": HOLE,
            "commits": HOLE,
        }
        if first:
            changed = [commits[sha] for sha in difference.ahead]
            document["files"] = changed_files(self.hub.url, repository, changed)[:MOST_FILES]
        merge_base = difference.merge_base
        body = Document(
            document,
            lambda: self.rendered(repository, base),
            lambda: self.rendered(repository, merge_base),
            lambda: encoded_list(self.rendered(repository, sha) for sha in difference.ahead[part]),
        )
        return answer(body.render(), headers=headers)

    def list_branches(self, request: Request) -> Reply:
        repository = self.repository(request)
        names = sorted(repository.code.branches) if request.query.get("protected") != "true" else []
        part, headers = self.numbered_page(request, f"/repositories/{repository.id}/branches", len(names))
        documents = [msgspec.json.encode(short_branch(self.hub.url, repository, name)) for name in names[part]]
        return self.listed(documents, headers)

    def get_branch(self, request: Request) -> Reply:
        repository = self.repository(request)
        if request.params["branch"] not in repository.code.branches:
            raise refusal(404, "Branch not found")
        return answer(branch_document(self.hub.url, repository, request.params["branch"], self.hub.site.users))

    def get_ref(self, request: Request) -> Reply:
        repository = self.repository(request)
        if not repository.code.branches:
            raise refusal(409, "Git Repository is empty.")
        kind, _, name = request.params["ref"].partition("/")
        if kind != "heads" or name not in repository.code.branches:
            raise not_found()
        return answer(ref_document(self.hub.url, repository, name))

    def _narrowed(self, request: Request, repository: Repository, shas: list[str]) -> list[str]:
        """`since` and `until` (inclusive) look at the committer's time; `author` and `committer` at login or address."""
        since, until = moment(request, "since"), moment(request, "until")
        people = {request.query[name].lower() for name in ("author", "committer") if request.query.get(name)}
        path = request.query.get("path")
        if not (since or until or people or path):
            return shas
        known = repository.code.commits

        def fits(commit: Commit) -> bool:
            who = {(commit.login or "").lower(), commit.email.lower()}
            on_path = not path or any(file == path or file.startswith(f"{path}/") for file in commit.files)
            in_time = (since is None or commit.committed_at >= since) and (until is None or commit.committed_at <= until)
            return in_time and on_path and all(person in who for person in people)

        return [sha for sha in shas if fits(known[sha])]

    def _part(self, request: Request, repository: Repository, total: int) -> tuple[slice, dict[str, str], bool]:
        """Which commits of a comparison to show, the Link header, and whether this page shows the files."""
        if not {"page", "per_page"} & set(request.query):
            return slice(max(0, total - UNPAGED_COMPARISON), total), {}, True
        page = asked(request)
        path = f"{self.hub.url}/repositories/{repository.id}/compare/{request.path.partition('/compare/')[2]}"
        headers = link_header(path, request, numbered(total, page))
        return slice(page.offset, page.offset + page.size), headers, page.number == 1
