"""imports: how far undoing is"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

COLUMNS = ('undo_total', 'undo_deleted', 'undo_restored')


def upgrade():
    for name in COLUMNS:
        op.add_column('imports', sa.Column(name, sa.Integer(), nullable=False, server_default='0'))


def downgrade():
    with op.batch_alter_table('imports', schema=None) as batch_op:
        for name in COLUMNS:
            batch_op.drop_column(name)
