"""Everything that talks to a remote system, one package a system. A connector reads, a publisher writes; neither decides."""
