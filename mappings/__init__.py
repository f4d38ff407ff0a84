"""The words everyone speaks: the unified project model, rules and changes, and how native payloads become them.

Everything below is pure: no SDK, no database, no network and no clock.
"""
