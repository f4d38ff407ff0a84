"""What people do on the site, as Python methods for worlds and tests. None of it goes through HTTP or into the request log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from sandbox.jira.documents import Documents
from sandbox.jira.editing import with_value
from sandbox.jira.model import Comment, Field, Issue, Link, Status
from sandbox.jira.setup import Setup, named_or_error
from sandbox.jira.state import in_millis, named


class Doings(Setup):
    """Names stand for things everywhere: `status="Done"`, `components=["Data"]`, `assignee="Ada Example"`, an option by its text.

    Issues are named by key or id. Unknown components, versions, options' fields and people raise `KeyError`, except that
    `add_issue` and `edit` create missing people, components and versions.
    """

    # -- issues --------------------------------------------------------------------------------------------------------

    def add_issue(
        self,
        project: str,
        summary: str,
        *,
        type: str = "Task",
        status: str = "To Do",
        reporter: str | None = None,
        created: datetime | None = None,
        fields: Mapping[str, Any] | None = None,
        **system: Any,
    ) -> str:
        """Returns the key. `system` are Issue's attributes (`labels`, `components`, `fix_versions`, `assignee`, `priority`, `due`,
        `parent`, `description` as text or ADF), `fields` custom fields by name or id. `created` defaults to the clock."""
        with self.lock:
            home = self._project(project)
            number = self.next_number(home)
            moment = in_millis(created or self.now())
            state = self._status(status)
            issue = Issue(
                id=self.next_id(),
                project=home.id,
                number=number,
                key=f"{home.key}-{number}",
                type=named_or_error(self.types, type).id,
                status=state.id,
                reporter=self.account.account_id if reporter is None else self._person(reporter),
                created=moment,
                updated=moment,
                category_changed=moment,
                resolved=moment if state.category == "done" else None,
                summary=summary,
                priority="3",
            )
            return self.commit(self._edited(issue, system, fields or {})).key

    def edit(self, issue: str, *, fields: Mapping[str, Any] | None = None, **system: Any) -> None:
        """Sets fields, as in `add_issue`; None empties one. Counts as an update even when nothing differs."""
        with self.lock:
            found = self._edited(self._issue(issue), system, fields or {})
            self.touched(found)

    def transition(self, issue: str, status: str) -> None:
        with self.lock:
            self.moved_to(self._issue(issue), self._status(status))

    def moved_to(self, issue: Issue, status: Status) -> Issue:
        """The issue in another status: done sets the resolution, anything else takes it back."""
        changes: dict[str, Any] = {"status": status.id}
        if status.category != self.statuses[issue.status].category:
            changes["category_changed"] = self.stamp()
        if status.category != "done":
            changes["resolved"] = None
        elif issue.resolved is None:
            changes["resolved"] = self.stamp()
        return self.touched(issue, **changes)

    def link(self, source: str, type: str, target: str) -> str:
        """`link("ML-1", "Blocks", "ML-2")`: ML-1 blocks ML-2. Both issues count as updated. Returns the link's id."""
        with self.lock:
            link = Link(str(self.next_id()), named_or_error(self.link_types, type), self._issue(source).id, self._issue(target).id)
            for ident in dict.fromkeys((link.source, link.target)):
                issue = self.issues[ident]
                self.touched(issue, links=(*issue.links, link))
            return link.id

    def unlink(self, ident: str) -> None:
        with self.lock:
            for issue in [issue for issue in self.issues.values() if any(link.id == ident for link in issue.links)]:
                self.touched(issue, links=tuple(link for link in issue.links if link.id != ident))

    def comment(self, issue: str, text: str, *, author: str | None = None) -> str:
        with self.lock:
            return self.commented(
                self._issue(issue), self.rich_text(text), self._person(author) if author else self.account.account_id
            ).id

    def commented(self, issue: Issue, body: Any, author: str) -> Comment:
        comment = Comment(id=str(self.next_id()), author=author, body=body, created=self.stamp(), updated=self.stamp())
        self.touched(issue, comments=(*issue.comments, comment))
        return comment

    def set_property(self, issue: str, key: str, value: Any) -> None:
        """Sets an issue property; like on the real service, that is no update of the issue."""
        with self.lock:
            found = self._issue(issue)
            self.commit(msgspec.structs.replace(found, properties={**found.properties, key: value}))

    def drop_property(self, issue: str, key: str) -> None:
        with self.lock:
            found = self._issue(issue)
            self.commit(
                msgspec.structs.replace(found, properties={name: held for name, held in found.properties.items() if name != key})
            )

    def delete(self, issue: str) -> None:
        with self.lock:
            found = self._issue(issue)
            for ident in {link.id for link in found.links}:
                self.unlink(ident)
            self.forget(self.issues[found.id])

    def hide(self, issue: str) -> None:
        """Puts it under a security level that the account is not in: as if it were not there."""
        with self.lock:
            found = self._issue(issue)
            self.withheld[found.key] = found
            self.conceal(found)

    def reveal(self, issue: str) -> None:
        """Takes the security level off again, which is no update."""
        with self.lock:
            self.show(self.withheld.pop(issue))

    def move(self, issue: str, project: str) -> str:
        """Moves to another project under a new key; the old key goes on naming the issue. Returns the new key."""
        with self.lock:
            found, home = self._issue(issue), self._project(project)
            number = self.next_number(home)
            return self.touched(
                found, project=home.id, number=number, key=f"{home.key}-{number}", components=(), fix_versions=()
            ).key

    def archive(self, issue: str) -> None:
        """Search no longer finds it, direct reads still do, nobody can edit it."""
        with self.lock:
            self.touched(self._issue(issue), archived=True)

    def restore(self, issue: str) -> None:
        with self.lock:
            self.touched(self._issue(issue), archived=False)

    def lock_by_workflow(self, issue: str) -> None:
        """The workflow's `jira.issue.editable=false`: its edit screen is empty from now on."""
        with self.lock:
            self.commit(msgspec.structs.replace(self._issue(issue), locked=True))

    def documents(self) -> Documents:
        """How the site's things look at this moment."""
        return Documents(self)

    # -- looking -------------------------------------------------------------------------------------------------------

    def get(self, issue: str) -> dict[str, Any]:
        """The issue's whole document with all properties, whoever may see it. Raises `KeyError`."""
        with self.lock:
            found = self._issue(issue)
            rendered = self.documents().issue(found, self.fields.values(), tuple(found.properties))
            return dict(msgspec.json.decode(msgspec.json.encode(rendered)))

    def option_id(self, field: str, value: str) -> str:
        with self.lock:
            return next(option.id for option in self._field(field).options if option.value == value)

    # -- names ---------------------------------------------------------------------------------------------------------

    def _edited(self, issue: Issue, system: Mapping[str, Any], fields: Mapping[str, Any]) -> Issue:
        by_attribute = {field.attribute: field for field in self.fields.values() if field.attribute}
        for attribute, value in system.items():
            issue = with_value(issue, by_attribute[attribute], self._plain(issue, by_attribute[attribute], value))
        for name, value in fields.items():
            issue = with_value(issue, self._field(name), self._plain(issue, self._field(name), value))
        return issue

    def _plain(self, issue: Issue, field: Field, value: Any) -> Any:
        """A plain Python value in the internal form."""
        if value is None:
            return () if field.type == "array" else None
        if field.type == "array":
            return tuple(self._plain_one(issue, field, str(field.items), entry) for entry in value)
        return self._plain_one(issue, field, field.type, value)

    def _plain_one(self, issue: Issue, field: Field, kind: str, value: Any) -> Any:
        match kind:
            case "option":
                return self.option_id(field.id, value)
            case "option-with-child":
                return tuple(self.option_id(field.id, part) for part in value)
            case "user":
                return self._person(value)
            case "priority":
                return named_or_error(self.priorities, value).id
            case "component":
                mine = {ident: entry for ident, entry in self.components.items() if entry.project == issue.project}
                return found.id if (found := named(mine, value)) else self.add_component(self.projects[issue.project].key, value)
            case "version":
                ours = {ident: entry for ident, entry in self.versions.items() if entry.project == issue.project}
                return known.id if (known := named(ours, value)) else self.add_version(self.projects[issue.project].key, value)
            case "issuelink":
                return self._issue(value).id
        return (
            self.rich_text(value) if isinstance(value, str) and (field.id == "description" or field.plugin == "textarea") else value
        )

    def _issue(self, id_or_key: str) -> Issue:
        issue = self.issue(str(id_or_key))
        if issue is None:
            raise KeyError(id_or_key)
        return issue
