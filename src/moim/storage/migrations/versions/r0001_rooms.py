"""Rooms, their journal and its projections."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "room",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("slug", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("locked", sa.Boolean, nullable=False),
        sa.Column("people", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("active_ms", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.create_index("ix_room_listed", "room", ["listed", "people"])
    op.create_table(
        "event",
        sa.Column("room_id", sa.String(64), sa.ForeignKey("room.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("command_id", sa.String(96), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("v", sa.Integer, nullable=False),
        sa.Column("stream", sa.String(80), nullable=False),
        sa.Column("about", sa.Integer, nullable=True),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.UniqueConstraint("room_id", "actor", "command_id", "n"),
    )
    op.create_index("ix_event_about", "event", ["room_id", "about"])
    op.create_table(
        "snapshot",
        sa.Column("room_id", sa.String(64), sa.ForeignKey("room.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state_version", sa.Integer, nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
    )
    op.create_table(
        "message",
        sa.Column("room_id", sa.String(64), sa.ForeignKey("room.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("command_id", sa.String(96), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reply_to", sa.Integer, nullable=True),
        sa.Column("image", sa.JSON, nullable=True),
        sa.Column("edited_ms", sa.BigInteger, nullable=True),
        sa.Column("deleted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "host_link",
        sa.Column("secret_hash", sa.String(64), primary_key=True),
        sa.Column("room_id", sa.String(64), sa.ForeignKey("room.id"), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("used_ms", sa.BigInteger, nullable=True),
        sa.Column("used_by", sa.String(64), nullable=True),
    )
    op.create_index("ix_host_link_room_id", "host_link", ["room_id"])
    op.create_table(
        "doomed_file",
        sa.Column("room_id", sa.String(64), sa.ForeignKey("room.id"), primary_key=True),
        sa.Column("file_id", sa.String(64), primary_key=True),
    )
