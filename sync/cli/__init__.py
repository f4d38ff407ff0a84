"""The command line: one file a command, and no work beyond asking the shell and showing what it answers."""
