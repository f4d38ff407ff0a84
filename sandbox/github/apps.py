"""GitHub Apps: who signs, where they are installed, and what their JSON web tokens prove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.github.model import User
from sandbox.github.refusals import refusal

LONGEST = timedelta(minutes=10)
TOKEN_LIFE = timedelta(hours=1)


@dataclass(slots=True, eq=False)
class App:
    """`public_key` is PEM; `account` is where the app is installed, with all repositories of that account."""

    id: int
    installation: int
    bot: User
    account: User
    public_key: str
    permissions: Mapping[str, str]
    created_at: datetime
    suspended_at: datetime | None = None


def signer(apps: Mapping[int, App], authorization: str | None, now: datetime) -> App:
    """The app that signed this bearer. Raises 401 as GitHub does for any other, an expired one, or one that lives too long."""
    # Comes with PyGithub; who adds no app needs none of it.
    import jwt

    scheme, _, encoded = (authorization or "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise ValueError("no bearer")
        issuer = jwt.decode(encoded, options={"verify_signature": False}).get("iss")
        app = apps[int(str(issuer))]
        # The times are judged below, by the stand-in's own clock.
        claims = jwt.decode(encoded, app.public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
        expires = float(claims["exp"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise refusal(401, "A JSON web token could not be decoded") from error
    if expires <= now.timestamp():
        raise refusal(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
    if expires > (now + LONGEST).timestamp() + 60:
        raise refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    return app
