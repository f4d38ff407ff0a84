"""Stateful stand-ins of Jira: the cloud's REST API v3, as its official contract describes it, and a data center's v2."""

from sandbox.jira.data_center import JiraDataCenter
from sandbox.jira.site import JiraCloud

__all__ = ["JiraCloud", "JiraDataCenter"]
