"""Which events hold what mini-apps have stored; values that do not stand any more are emptied."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and fill it from the journal."""
    app_value = op.create_table(
        "app_value",
        sa.Column("room_id", sa.String(64), sa.ForeignKey("room.id"), primary_key=True),
        sa.Column("app", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    event = sa.table(
        "event",
        sa.column("room_id", sa.String),
        sa.column("seq", sa.Integer),
        sa.column("type", sa.String),
        sa.column("payload", sa.JSON),
    )
    connection = op.get_bind()
    app, key, value = (event.c.payload[name].as_string() for name in ("app", "key", "value"))
    query = (
        sa.select(event.c.room_id, event.c.seq, app, key, value.is_not(None))
        .where(event.c.type.in_(("app.stored", "app.removed")))
        .order_by(event.c.room_id, event.c.seq)
    )
    standing: dict[tuple[str, str], dict[str, int]] = {}
    for room_id, seq, app_id, stored_key, stands in connection.execute(query).all():
        values = standing.setdefault((room_id, app_id), {})
        # An app that was removed leaves no key.
        for gone in [stored_key] if stored_key is not None else list(values):
            before = values.pop(gone, None)
            if before is not None:
                one = sa.and_(event.c.room_id == room_id, event.c.seq == before)
                emptied = {"app": app_id, "key": gone, "value": None}
                connection.execute(sa.update(event).where(one).values(payload=emptied))
        if stands:
            values[stored_key] = seq
    rows = [
        {"room_id": room_id, "app": app_id, "key": stored_key, "seq": seq}
        for (room_id, app_id), values in standing.items()
        for stored_key, seq in values.items()
    ]
    if rows:
        op.bulk_insert(app_value, rows)
