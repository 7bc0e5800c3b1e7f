from odoo import api, fields, models
from odoo.tools import SQL

#: Context key: the report has only the installments that are planned between two days, pair of dates or texts.
PLANNED_KEY = "clm_planned_between"


class ClmBillingReport(models.Model):
    """The report of some months reads the documents of these months, not those of all years."""

    _inherit = "clm.billing.report"

    @api.model
    def _planned_limit(self, column) -> SQL:
        """:return: SQL condition on a column of days"""
        first, last = map(fields.Date.to_date, self.env.context[PLANNED_KEY])
        return SQL("%s BETWEEN %s AND %s", column, first, last)

    @api.model
    def _rows(self) -> SQL:
        """Lines of no installment are not planned."""
        if PLANNED_KEY not in self.env.context:
            return super()._rows()
        return SQL(
            "SELECT * FROM (%s) every WHERE installment_id IS NOT NULL AND %s",
            super()._rows(), self._planned_limit(SQL("every.date_planned")),
        )

    @api.model
    def _documents_limit(self) -> SQL:
        """The documents of these installments, the credit notes about them, and those that settle them: whether one of
        these names a contract decides for whom it counts.
        """
        if PLANNED_KEY not in self.env.context:
            return super()._documents_limit()
        return SQL(
            """
            l.move_id IN (
                WITH root AS MATERIALIZED (
                    SELECT DISTINCT COALESCE(dm.reversed_entry_id, dm.id) AS id
                      FROM clm_installment di
                      JOIN account_move_line dl ON dl.clm_installment_id = di.id
                      JOIN account_move dm ON dm.id = dl.move_id
                     WHERE %s
                ), known AS MATERIALIZED (
                    SELECT id FROM root
                     UNION
                    SELECT dm.id FROM account_move dm JOIN root ON root.id = dm.reversed_entry_id
                )
                SELECT id FROM known
                 UNION ALL
                SELECT other.move_id
                  FROM known
                  JOIN account_move_line own ON own.move_id = known.id AND own.display_type = 'payment_term'
                  JOIN account_partial_reconcile dp ON own.id IN (dp.debit_move_id, dp.credit_move_id)
                  JOIN account_move_line other ON other.id = dp.debit_move_id + dp.credit_move_id - own.id
            )
            """,
            self._planned_limit(SQL("di.date_planned")),
        )
