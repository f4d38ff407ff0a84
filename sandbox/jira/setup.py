"""Setting a site up: people, projects, permissions, versions, fields and their options, as administrators do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Literal

import msgspec

from sandbox.jira.catalogue import CUSTOM_KINDS
from sandbox.jira.model import Component, Field, Option, Project, Status, User, Version
from sandbox.jira.state import Named, State, named

FIRST_CUSTOM_FIELD = 10050


class Setup(State):
    """Projects are named by key, fields by id or name. What is not there raises `KeyError`."""

    def add_user(self, name: str) -> str:
        """Returns the account id."""
        with self.lock:
            user = User(f"70121:{len(self.users):08d}-0000-4000-8000-000000000000", name)
            self.users[user.account_id] = user
            return user.account_id

    def add_project(self, key: str, name: str) -> str:
        """Returns the key."""
        with self.lock:
            project = Project(id=self.next_id(), key=key.upper(), name=name, lead=self.account.account_id)
            self.projects[project.id] = project
            self.tell(None, project)
            return project.key

    def change_project(self, key: str, **changes: Any) -> None:
        """Sets `name`, `key`, `archived` or `hidden` (the account loses sight of it)."""
        with self.lock:
            before = self._project(key)
            self.projects[before.id] = project = msgspec.structs.replace(before, **changes)
            self.tell(before, project)

    def deny(self, permission: str, project: str | None = None) -> None:
        """Takes a permission from the account, everywhere or in one project."""
        with self.lock:
            if project is None:
                self.permissions.discard(permission)
            else:
                self.change_project(project, denied=self._project(project).denied | {permission})

    def grant(self, permission: str, project: str | None = None) -> None:
        with self.lock:
            if project is None:
                self.permissions.add(permission)
            else:
                self.change_project(project, denied=self._project(project).denied - {permission})

    def add_status(self, name: str, category: Literal["new", "indeterminate", "done"]) -> str:
        with self.lock:
            status = Status(str(self.next_id()), name, category)
            self.statuses[status.id] = status
            return status.id

    def add_component(self, project: str, name: str) -> str:
        with self.lock:
            component = Component(str(self.next_id()), name, self._project(project).id)
            self.components[component.id] = component
            return component.id

    def add_version(
        self,
        project: str,
        name: str,
        *,
        release: date | None = None,
        released: bool = False,
        archived: bool = False,
        start: date | None = None,
    ) -> str:
        with self.lock:
            version = Version(
                id=str(self.next_id()),
                name=name,
                project=self._project(project).id,
                release=release,
                released=released,
                archived=archived,
                start=start,
            )
            self.versions[version.id] = version
            self.tell(None, version)
            return version.id

    def change_version(self, ident: str, **changes: Any) -> None:
        with self.lock:
            before = self.versions[ident]
            self.versions[ident] = version = msgspec.structs.replace(before, **changes)
            self.tell(before, version)

    def add_field(self, name: str, type: str, *, options: Sequence[str] = (), on_screen: bool | Collection[str] = True) -> str:
        """`type` is the last part of Jira's custom field type, as in `catalogue.CUSTOM_KINDS`; `on_screen` may name the projects on
        whose edit screens the field is. Returns the id: `customfield_10050`, `customfield_10051`, …"""
        kind, items, operations = CUSTOM_KINDS[type]
        screens = None if on_screen is True else frozenset(on_screen or ())
        with self.lock:
            field = Field(
                id=f"customfield_{FIRST_CUSTOM_FIELD + sum(entry.custom for entry in self.fields.values())}",
                name=name,
                type=kind,
                items=items,
                plugin=type,
                operations=operations,
                screens=screens,
                options=tuple(Option(str(self.next_id()), value) for value in options),
            )
            self.fields[field.id] = field
            return field.id

    def change_field(self, field: str, *, name: str | None = None, on_screen: bool | Collection[str] | None = None) -> None:
        """Renames a field, or puts it on other edit screens."""
        with self.lock:
            found = self._field(field)
            if name is not None:
                found = msgspec.structs.replace(found, name=name)
            if on_screen is not None:
                found = msgspec.structs.replace(found, screens=None if on_screen is True else frozenset(on_screen or ()))
            self.fields[found.id] = found

    def add_option(self, field: str, value: str, *, parent: str | None = None) -> str:
        """Returns the option's id. `parent` is the text of the option above, in a cascading field."""
        with self.lock:
            found = self._field(field)
            above = None if parent is None else next(option.id for option in found.options if option.value == parent)
            option = Option(str(self.next_id()), value, parent=above)
            self.fields[found.id] = msgspec.structs.replace(found, options=(*found.options, option))
            return option.id

    def drop_option(self, field: str, value: str) -> None:
        """Disables an option: issues keep it, nobody can choose it again."""
        with self.lock:
            found = self._field(field)
            options = tuple(
                msgspec.structs.replace(option, disabled=True) if option.value == value else option for option in found.options
            )
            self.fields[found.id] = msgspec.structs.replace(found, options=options)

    def _project(self, key: str) -> Project:
        project = self.project(key)
        if project is None:
            raise KeyError(key)
        return project

    def _field(self, name: str) -> Field:
        return named_or_error(self.fields, name)

    def _status(self, name: str) -> Status:
        return named_or_error(self.statuses, name)

    def _person(self, name: str) -> str:
        user = named(self.users, name)
        return user.account_id if user else self.add_user(name)


def named_or_error(entries: dict[str, Named], name: str) -> Named:
    entry = named(entries, name)
    if entry is None:
        raise KeyError(name)
    return entry
