"""One file a command: ask the shell, show the answer, return the exit code."""
