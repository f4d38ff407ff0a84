"""A stateful stand-in of Jira Cloud's REST API v3, as its official contract describes it."""

from sandbox.jira.site import JiraCloud

__all__ = ["JiraCloud"]
