"""The engine: pure linking, derivation and planning, and around them the store, the shell and the faces."""
