"""Every agent sends the four transfer events, also those that existed before (decision 10)."""

import json

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

TRANSFER_EVENTS = ["transfer_started", "transfer_bridged", "transfer_cancelled", "transfer_ended"]


def upgrade():
    agents = sa.table("agents", sa.column("id", sa.Integer), sa.column("events", sa.Text))
    connection = op.get_bind()
    for agent_id, events in connection.execute(sa.select(agents.c.id, agents.c.events)).all():
        sent = json.loads(events or "[]")
        missing = [name for name in TRANSFER_EVENTS if name not in sent]
        if missing:
            connection.execute(
                sa.update(agents).where(agents.c.id == agent_id).values(events=json.dumps(sent + missing, separators=(",", ":")))
            )


def downgrade():
    # An agent that sent them before cannot be told from one that was switched on here; sending more does no harm.
    pass
