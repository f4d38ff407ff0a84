"""What every new site brings along: types, statuses, priorities, link types, system fields, and the kinds of custom fields."""

from __future__ import annotations

from sandbox.jira.model import Field, IssueType, LinkType, Priority, Status

PLUGIN = "com.atlassian.jira.plugin.system.customfieldtypes"
LISTED = ("add", "set", "remove")

ISSUE_TYPES = (
    IssueType("10000", "Epic", 1),
    IssueType("10001", "Story"),
    IssueType("10002", "Task"),
    IssueType("10003", "Sub-task", -1),
    IssueType("10004", "Bug"),
)
STATUSES = (Status("10000", "To Do", "new"), Status("3", "In Progress", "indeterminate"), Status("10001", "Done", "done"))
PRIORITIES = tuple(Priority(str(rank), name) for rank, name in enumerate(("Highest", "High", "Medium", "Low", "Lowest"), 1))
LINK_TYPES = (
    LinkType("10000", "Blocks", "is blocked by", "blocks"),
    LinkType("10001", "Cloners", "is cloned by", "clones"),
    LinkType("10002", "Duplicate", "is duplicated by", "duplicates"),
    LinkType("10003", "Relates", "relates to", "relates to"),
)

SYSTEM_FIELDS = (
    Field(
        id="summary", name="Summary", type="string", attribute="summary", operations=("set",), clauses=("summary",), required=True
    ),
    Field(id="issuetype", name="Issue Type", type="issuetype", clauses=("issuetype", "type")),
    Field(id="project", name="Project", type="project", orderable=False, clauses=("project",)),
    Field(id="status", name="Status", type="status", orderable=False, clauses=("status",)),
    Field(
        id="statuscategorychangedate",
        name="Status Category Changed",
        type="datetime",
        orderable=False,
        clauses=("statusCategoryChangedDate",),
    ),
    Field(id="priority", name="Priority", type="priority", attribute="priority", operations=("set",), clauses=("priority",)),
    Field(id="resolution", name="Resolution", type="resolution", clauses=("resolution",)),
    Field(
        id="resolutiondate",
        name="Resolved",
        type="datetime",
        orderable=False,
        clauses=("resolutiondate", "resolved"),
    ),
    Field(id="assignee", name="Assignee", type="user", attribute="assignee", operations=("set",), clauses=("assignee",)),
    Field(id="reporter", name="Reporter", type="user", attribute="reporter", operations=("set",), clauses=("reporter",)),
    Field(id="creator", name="Creator", type="user", orderable=False, clauses=("creator",)),
    Field(id="created", name="Created", type="datetime", orderable=False, clauses=("created", "createdDate")),
    Field(id="updated", name="Updated", type="datetime", orderable=False, clauses=("updated", "updatedDate")),
    Field(
        id="description", name="Description", type="string", attribute="description", operations=("set",), clauses=("description",)
    ),
    Field(id="labels", name="Labels", type="array", items="string", attribute="labels", operations=LISTED, clauses=("labels",)),
    Field(
        id="components",
        name="Components",
        type="array",
        items="component",
        attribute="components",
        operations=LISTED,
        clauses=("component",),
    ),
    Field(
        id="fixVersions",
        name="Fix versions",
        type="array",
        items="version",
        attribute="fix_versions",
        operations=LISTED,
        clauses=("fixVersion",),
    ),
    Field(id="duedate", name="Due date", type="date", attribute="due", operations=("set",), clauses=("due", "duedate")),
    Field(id="parent", name="Parent", type="issuelink", attribute="parent", operations=("set",), clauses=("parent",)),
    Field(id="issuelinks", name="Linked Issues", type="array", items="issuelinks"),
    Field(id="comment", name="Comment", type="comments-page", operations=("add",), navigable=False, clauses=("comment",)),
)

CUSTOM_KINDS: dict[str, tuple[str, str | None, tuple[str, ...]]] = {
    "select": ("option", None, ("set",)),
    "radiobuttons": ("option", None, ("set",)),
    "multiselect": ("array", "option", LISTED),
    "multicheckboxes": ("array", "option", LISTED),
    "cascadingselect": ("option-with-child", None, ("set",)),
    "textfield": ("string", None, ("set",)),
    "textarea": ("string", None, ("set",)),
    "url": ("string", None, ("set",)),
    "labels": ("array", "string", LISTED),
    "float": ("number", None, ("set",)),
    "datepicker": ("date", None, ("set",)),
    "datetime": ("datetime", None, ("set",)),
    "userpicker": ("user", None, ("set",)),
    "multiuserpicker": ("array", "user", LISTED),
    "multiversion": ("array", "version", LISTED),
}
"""By the last part of Jira's custom field type: its schema's type, the type of its items, and the verbs it takes."""

PERMISSIONS: dict[str, tuple[str, str, str]] = {
    "ADMINISTER": ("44", "Administer Jira", "GLOBAL"),
    "BULK_CHANGE": ("33", "Bulk Change", "GLOBAL"),
    "BROWSE_PROJECTS": ("10", "Browse Projects", "PROJECT"),
    "EDIT_ISSUES": ("12", "Edit Issues", "PROJECT"),
    "ADD_COMMENTS": ("15", "Add Comments", "PROJECT"),
    "LINK_ISSUES": ("21", "Link Issues", "PROJECT"),
    "TRANSITION_ISSUES": ("46", "Transition Issues", "PROJECT"),
    "CREATE_ISSUES": ("11", "Create Issues", "PROJECT"),
    "ADMINISTER_PROJECTS": ("23", "Administer Projects", "PROJECT"),
}
