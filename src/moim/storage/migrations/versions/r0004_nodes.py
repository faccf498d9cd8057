"""The servers of a deployment, and which of them holds which seat."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; a deployment of one server leaves them empty."""
    op.create_table(
        "node",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "holder",
        sa.Column("sid", sa.String(64), primary_key=True),
        sa.Column("room_id", sa.String(64), nullable=False, index=True),
        sa.Column("node_id", sa.String(64), nullable=False, index=True),
        sa.Column("tab", sa.String(64), nullable=False),
    )
