from odoo import fields


class UnenforcedMany2one(fields.Many2one):
    """A many2one without a foreign key in the database, for tables that grow by millions of rows.

    Checking the key costs more than storing the row, and would lock the same few stages from all workers. The
    deletion of what it points to must be refused in Python; see the ``ondelete`` methods of stages and rules.
    """

    def update_db_foreign_key(self, model, column):
        """Leave the column without foreign key."""
