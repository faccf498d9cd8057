"""Alembic's entry: it runs on the connection that `moim.storage.schema` hands over."""

from alembic import context

from moim.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite cannot alter most things in place: Alembic then makes the table anew
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
