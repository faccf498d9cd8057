"""Private messages, reactions, mentions, titles and the search of the chat; retention of rooms."""

import sqlalchemy as sa
from alembic import op

from moim.meeting.ids import ROOM, RoomId
from moim.storage.grams import folded, grams, keys

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MESSAGES_AT_ONCE = 500


def upgrade() -> None:
    """Add the columns and tables, and index what has been said."""
    op.add_column("room", sa.Column("retention_days", sa.Integer, nullable=True))
    op.add_column(
        "message", sa.Column("stream", sa.String(80), nullable=False, server_default=ROOM)
    )
    op.add_column("message", sa.Column("recipient", sa.String(64), nullable=True))
    op.add_column("message", sa.Column("mentions", sa.JSON, nullable=True))
    op.add_column("message", sa.Column("titles", sa.JSON, nullable=True))
    op.add_column("message", sa.Column("folded", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_message_age", "message", ["room_id", "deleted", "at_ms"])
    op.create_table(
        "reaction",
        sa.Column("room_id", sa.String(64), sa.ForeignKey("room.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("identity", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
    )
    gram = op.create_table(
        "message_gram",
        sa.Column("gram", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    _index_all(gram)


def _index_all(gram: sa.Table) -> None:
    message = sa.table(
        "message",
        sa.column("room_id", sa.String),
        sa.column("seq", sa.Integer),
        sa.column("text", sa.Text),
        sa.column("folded", sa.Text),
    )
    connection = op.get_bind()
    order = (message.c.room_id, message.c.seq)
    after: tuple[str, int] = ("", 0)
    while rows := connection.execute(
        sa.select(*order, message.c.text)
        .where(sa.tuple_(*order) > after)
        .order_by(*order)
        .limit(MESSAGES_AT_ONCE)
    ).all():
        for room_id, seq, text in rows:
            said = folded(text)
            one = (message.c.room_id == room_id) & (message.c.seq == seq)
            connection.execute(sa.update(message).where(one).values(folded=said))
            numbers = keys(RoomId(room_id), ROOM, grams(said))
            if found := [{"gram": number, "seq": seq} for number in numbers]:
                connection.execute(sa.insert(gram), found)
        after = (rows[-1].room_id, rows[-1].seq)
