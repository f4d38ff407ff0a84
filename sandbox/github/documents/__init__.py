"""The documents that the GitHub API answers with, each with every property that its official schema requires."""
