"""A stateful stand-in of the GitHub REST API."""

from sandbox.github.limits import secondary_limit
from sandbox.github.stand_in import DEFAULT_TOKEN, GitHub

__all__ = ["DEFAULT_TOKEN", "GitHub", "secondary_limit"]
