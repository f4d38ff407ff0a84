"""The operations of the GitHub API that the stand-in serves, one module an area."""
