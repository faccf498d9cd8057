"""The tables, as queries need them. Migrations make them; a test keeps the two alike.

`event` is the truth; `room`, `message` and what belongs to it are projections, written in its
transactions. Times are Unix milliseconds.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from moim.meeting.ids import ROOM

LAST_SEQ: Final = 2**31 - 1
"""What a column of seqs holds; a client may ask for more, and PostgreSQL refuses to compare."""

metadata = MetaData()

room = Table(
    "room",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("people", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("active_ms", BigInteger, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("retention_days", Integer, nullable=True),
    Index("ix_room_listed", "listed", "people"),
)

event = Table(
    "event",
    metadata,
    Column("room_id", ForeignKey("room.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("command_id", String(96), nullable=False),
    Column("n", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("v", Integer, nullable=False),
    Column("stream", String(80), nullable=False),
    Column("about", Integer, nullable=True),
    Column("payload", JSON, nullable=False),
    UniqueConstraint("room_id", "actor", "command_id", "n"),
    Index("ix_event_about", "room_id", "about"),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("room_id", ForeignKey("room.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("state_version", Integer, nullable=False),
    Column("state", JSON, nullable=False),
)

message = Table(
    "message",
    metadata,
    Column("room_id", ForeignKey("room.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("command_id", String(96), nullable=False),
    Column("author", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("reply_to", Integer, nullable=True),
    Column("image", JSON(none_as_null=True), nullable=True),
    Column("edited_ms", BigInteger, nullable=True),
    Column("deleted", Boolean, nullable=False),
    Column("stream", String(80), nullable=False, server_default=ROOM),
    Column("recipient", String(64), nullable=True),
    Column("mentions", JSON(none_as_null=True), nullable=True),
    Column("titles", JSON(none_as_null=True), nullable=True),
    Column("folded", Text, nullable=False, server_default=""),
    Index("ix_message_age", "room_id", "deleted", "at_ms"),
)

reaction = Table(
    "reaction",
    metadata,
    Column("room_id", ForeignKey("room.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("identity", String(64), primary_key=True),
    Column("kind", String(64), nullable=False),
)

# Millions of rows in a room that talks: two numbers each, and no more (see `grams`).
message_gram = Table(
    "message_gram",
    metadata,
    Column("gram", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Which event holds the value of a key that a mini-app has stored.
app_value = Table(
    "app_value",
    metadata,
    Column("room_id", ForeignKey("room.id"), primary_key=True),
    Column("app", String(64), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("seq", Integer, nullable=False),
)

host_link = Table(
    "host_link",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    Column("room_id", ForeignKey("room.id"), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger, nullable=True),
    Column("used_by", String(64), nullable=True),
)

# A file from the beginning of its upload on. It is whole once it has a digest, and everybody knows
# of it once it is announced: what a crash left between the two is made up for at the next start.
file = Table(
    "file",
    metadata,
    Column("room_id", ForeignKey("room.id"), primary_key=True),
    Column("file_id", String(64), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("owner_name", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("transfer", String(64), nullable=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=True),
    Column("announced", Boolean, nullable=False),
)

# A file whose message was deleted: named here in the deletion's own transaction, so that a crash
# before the file is gone from the disk is made up for at the next start.
doomed_file = Table(
    "doomed_file",
    metadata,
    Column("room_id", ForeignKey("room.id"), primary_key=True),
    Column("file_id", String(64), primary_key=True),
)

# The servers of a deployment; `seen_ms` is the database's time.
node = Table(
    "node",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("seen_ms", BigInteger, nullable=False),
)

# Which server holds the connection of a seat. Written often and lost without harm: no foreign keys.
holder = Table(
    "holder",
    metadata,
    Column("sid", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("node_id", String(64), nullable=False, index=True),
    Column("tab", String(64), nullable=False),
)

# The servers that have an SFU of their own: where browsers and where other servers reach it.
sfu = Table(
    "sfu",
    metadata,
    Column("node_id", String(64), primary_key=True),
    Column("url", Text, nullable=False),
    Column("api_url", Text, nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
)

# On which of them a room's media are; the epoch grows with each change of hands.
place = Table(
    "place",
    metadata,
    Column("room", String(256), primary_key=True),
    Column("node_id", String(64), nullable=False, index=True),
    Column("epoch", BigInteger, nullable=False),
)
