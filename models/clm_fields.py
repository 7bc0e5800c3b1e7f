from odoo import fields


class UnenforcedMany2one(fields.Many2one):
    """A many2one without a foreign key in the database, for tables that grow by millions of rows.

    Checking the keys of a visit takes twice as long as storing it, and would lock the same few stages from all
    workers. What it points to must be looked after in Python: see the ``ondelete`` methods of stages and rules, and
    ``unlink`` and the merge of contacts.
    """

    def update_db_foreign_key(self, model, column):
        """Leave the column without foreign key."""
