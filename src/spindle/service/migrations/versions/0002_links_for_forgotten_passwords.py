"""Links for forgotten passwords."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = "fk_invitations_account_id_accounts"


def upgrade() -> None:
    """Let an invitation be for an account that is there already."""
    with op.batch_alter_table("invitations") as table:
        table.add_column(sa.Column("account_id", sa.String(length=32), nullable=True))
        table.create_foreign_key(KEY, "accounts", ["account_id"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    """Take it back; links for passwords that are on their way become void."""
    op.execute("DELETE FROM invitations WHERE account_id IS NOT NULL")
    with op.batch_alter_table("invitations") as table:
        table.drop_constraint(KEY, type_="foreignkey")
        table.drop_column("account_id")
