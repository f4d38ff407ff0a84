"""Run by Alembic: takes the connection that `sync.store.migrate` hands over, inside its transaction."""

from alembic import context

from sync.store.migrate import VERSION_TABLE
from sync.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
