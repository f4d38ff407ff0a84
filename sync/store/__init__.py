"""The sync state: plain functions by concept over one SQLAlchemy Core connection, on SQLite or PostgreSQL.

Every function takes `tx`, a connection inside a transaction that `connect.Database.read()` or `.write()` opened; what it does is
durable when that block ends and undone when it raises. All times are timezone-aware UTC, in and out. Errors that a user can cause
are `errors.StoreError`; `leases.LeaseHeld` and `leases.LeaseLost` say that somebody else is at work.
"""
