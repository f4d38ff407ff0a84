"""What the project file and the environment say about a GitHub source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors.base import Options, PublishOptions, WebhookSecrets
from mappings.change import Badge, Owned

API_VERSION = "2022-11-28"
"""Asked for by name: later versions leave out a pull request's `merge_commit_sha`."""

LONGEST_LABEL = 50
LONGEST_DESCRIPTION = 100

_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._*?\[\]!-]{1,100}")
_COLOUR = re.compile(r"[0-9A-Fa-f]{6}")


def _api_url(url: str) -> str:
    """The address without a slash at its end; an Enterprise Server's own is completed to that of its API."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected the API's address, such as https://api.github.com or https://github.example.com/api/v3")
    if parts.username or parts.password:
        raise ValueError("the address must not hold credentials: use MILEPOST_<SOURCE>__TOKEN")
    if parts.hostname in ("github.com", "www.github.com"):
        raise ValueError("github.com is the web site: use https://api.github.com")
    if parts.hostname.endswith(".ghe.com") and not parts.hostname.startswith("api."):
        raise ValueError(f"{parts.hostname} is the web site: use https://api.{parts.hostname}")
    if parts.path.strip("/") == "api":
        raise ValueError(f"an Enterprise Server's API is below /api/v3: use {parts.scheme}://{parts.netloc}/api/v3")
    bare = url.rstrip("/")
    return bare if parts.path.strip("/") or _serves_from_its_root(parts.hostname) else f"{bare}/api/v3"


def _webhook_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError(
            "expected an address as the webhook in GitHub has it, such as https://milepost.example.com/webhooks/github"
        )
    return url


def _serves_from_its_root(host: str) -> bool:
    """github.com's API and those of ghe.com have a host of their own; what answers on loopback is a stand-in."""
    return host.startswith("api.") or host in ("localhost", "127.0.0.1", "::1")


def _repository_pattern(pattern: str) -> str:
    if not _PATTERN.fullmatch(pattern) or pattern.partition("/")[2] in (".", ".."):
        raise ValueError(f"{pattern!r}: expected owner/name or owner/glob*, with a plain owner")
    return pattern


RepositoryPattern = Annotated[str, AfterValidator(_repository_pattern)]


class GithubOptions(Options):
    """Which API is asked, and how fast it is written to."""

    url: Annotated[str, AfterValidator(_api_url)] = Field(
        "https://api.github.com",
        description="The API's address; of an Enterprise Server, /api/v3 is added where it is missing.",
        examples=["https://api.github.com", "https://github.example.com/api/v3"],
    )
    write_pause: float = Field(1.0, ge=0, le=60, description="Seconds between two writes; GitHub asks for at least one.")
    webhook_url: Annotated[str, AfterValidator(_webhook_url)] | None = Field(
        None,
        description="The address that the source's webhooks send to: failed deliveries to it are asked for again.",
        examples=["https://milepost.example.com/webhooks/github"],
    )


class NotCredentials(ValueError):
    """What is wrong with the secrets together, and the fix. `MILEPOST_<SOURCE>__` in them begins the source's own variables."""

    def __init__(self, message: str, fix: str) -> None:
        self.fix = fix
        super().__init__(message)


_APP = ("app_id", "installation_id", "private_key")


class GithubSecrets(WebhookSecrets):
    """A token, or a GitHub App's id, installation and private key (PEM); beside it, what webhooks are signed with."""

    token: SecretStr | None = None
    app_id: str | None = None
    installation_id: int | None = None
    private_key: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        missing = [name for name in _APP if getattr(self, name) is None]
        if self.token is None and len(missing) == len(_APP):
            fix = f"set it, or {_variable('token')}_FILE to a file that holds it; for a GitHub App set {_variables(_APP)} instead"
            raise NotCredentials("is not set", fix)
        if self.token is not None and len(missing) < len(_APP):
            raise NotCredentials("a token and a GitHub App's credentials cannot be used together", "keep one of the two")
        if self.token is None and missing:
            raise NotCredentials("no GitHub App can sign in with this alone", f"set {_variables(missing)} as well")
        return self

    @property
    def is_app(self) -> bool:
        return self.app_id is not None


def _variable(secret: str) -> str:
    return f"MILEPOST_<SOURCE>__{secret.upper()}"


def _variables(secrets: Sequence[str]) -> str:
    *others, last = map(_variable, secrets)
    return f"{', '.join(others)} and {last} (or the same with _FILE)" if others else f"{last} (or {last}_FILE)"


class GithubScope(Options):
    """Repositories as `owner/name`, or `owner/glob*` for all that match now. Names have no case."""

    repositories: tuple[RepositoryPattern, ...] = Field(
        min_length=1,
        description="Repositories as owner/name, or owner/glob* for all that match now.",
        examples=[["example/churn*"]],
    )
    exclude: tuple[RepositoryPattern, ...] = Field(
        (), description="Repositories or globs to leave out.", examples=[["example/churn-old"]]
    )

    def excludes(self, full_name: str) -> bool:
        return any(matches(full_name, pattern) for pattern in self.exclude)

    def means(self, full_name: str) -> bool:
        """Whether a repository of this name is listed and not left out."""
        return any(matches(full_name, pattern) for pattern in self.repositories) and not self.excludes(full_name)

    def may_hold(self, key: str) -> bool:
        """False for an issue, such as `example/churn#12`, of a repository that is not listed; names have no case."""
        repository, mark, _ = key.partition("#")
        return bool(mark) and self.means(repository)


class GithubPublish(PublishOptions):
    """Each status becomes the label `<prefix><its label>`."""

    prefix: str = Field(
        "ml/",
        max_length=30,
        description="What the labels start with; it may be empty.",
        pattern=r"^(?:[^\s,\x00-\x1f][^,\x00-\x1f]*)?$",
    )

    def owned(self, badges: Sequence[Badge]) -> Owned:
        """Raises `ValueError` for a label that GitHub would refuse or take for another one of ours."""
        labels: dict[str, tuple[str, str]] = {}
        seen: set[str] = set()
        for badge in badges:
            name = self.prefix + badge.label
            if problem := _problem(badge, name):
                raise ValueError(f"status {badge.id}: {problem}")
            if name.casefold() in seen:
                raise ValueError(f"status {badge.id}: another status has the label {name!r}, and GitHub's labels have no case")
            seen.add(name.casefold())
            labels[name] = (badge.color.lower(), badge.description)
        return Owned(labels=labels)


def _problem(badge: Badge, name: str) -> str | None:
    if not badge.label.strip() or name != name.strip():
        return f"the label {name!r} is empty, or begins or ends with a space"
    if len(name) > LONGEST_LABEL:
        return f"the label {name!r} has {len(name)} characters, GitHub allows {LONGEST_LABEL}"
    if "," in name or not name.isprintable():
        return f"the label {name!r} holds a comma or a control character"
    if len(badge.description) > LONGEST_DESCRIPTION:
        return f"the description has {len(badge.description)} characters, GitHub allows {LONGEST_DESCRIPTION} for a label"
    if not _COLOUR.fullmatch(badge.color):
        return f"the colour {badge.color!r} is not six hex digits"
    return None


def is_glob(pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[")


def matches(full_name: str, pattern: str) -> bool:
    return fnmatchcase(full_name.lower(), pattern.lower())
