from odoo import api, models
from odoo.tools import SQL


class ClmBillingReport(models.Model):
    """What invoices, credit notes and payments say about each installment."""

    _inherit = "clm.billing.report"

    @api.model
    def _with(self) -> SQL:
        """:return: SQL of the tables ``line``, …, ``bill``: one row per installment (or line without one)"""
        return SQL(
            """
            line AS MATERIALIZED (%(lines)s),
            document AS MATERIALIZED (
                SELECT DISTINCT move_id, root_id, total, direction, as_of FROM line WHERE counts
            ),
            settled AS (%(settled)s),
            family AS (%(families)s),
            item AS (%(items)s),
            paid_item AS (%(paid_items)s),
            bill AS (%(bills)s)
            """,
            lines=self._document_lines(), settled=self._settled(), families=self._families(), items=self._items(),
            paid_items=self._paid_items(), bills=self._bills(),
        )

    @api.model
    def _settled(self) -> SQL:
        """What settled each document, with taxes, signed as the document: ``paid``, and ``given`` by credit notes that
        name no contract. Exchange differences have no amount in the document's currency.
        """
        return SQL(
            """
            SELECT side.move_id,
                   SUM(amount.signed) FILTER (WHERE counterpart.move_type = 'entry') AS paid,
                   SUM(amount.signed) FILTER (WHERE counterpart.move_type != 'entry' AND known.move_id IS NULL) AS given
              FROM (%(debits)s UNION ALL %(credits)s) side
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN side.direction = 'supplier' THEN -side.amount ELSE side.amount END AS signed
                   ) amount
              JOIN account_move counterpart ON counterpart.id = side.other_id
              LEFT JOIN (SELECT DISTINCT move_id FROM document) known ON known.move_id = side.other_id
             GROUP BY side.move_id
            """,
            debits=self._settled_side("debit", "credit", 1),
            credits=self._settled_side("credit", "debit", -1),
        )

    @api.model
    def _settled_side(self, own, counter, sign) -> SQL:
        return SQL(
            """
            SELECT document.move_id, document.direction, %s * %s AS amount, other.move_id AS other_id
              FROM document
              JOIN account_move_line term ON term.move_id = document.move_id AND term.display_type = 'payment_term'
              JOIN account_partial_reconcile p ON %s = term.id AND p.max_date <= document.as_of
              JOIN account_move_line other ON other.id = %s
            """,
            sign, SQL.identifier("p", f"{own}_amount_currency"), SQL.identifier("p", f"{own}_move_id"),
            SQL.identifier("p", f"{counter}_move_id"),
        )

    @api.model
    def _families(self) -> SQL:
        """An invoice and the credit notes about it: what is left of it, and how much of that is paid."""
        return SQL(
            """
            SELECT f.root_id,
                   f.given / NULLIF(f.total, 0) AS given_share,
                   share.paid AS paid_share,
                   (f.paid - share.paid * (f.total - f.given)) / NULLIF(f.taken_back, 0) AS excess_share,
                   m.invoice_date_due
              FROM (
                    SELECT document.root_id,
                           SUM(document.total) AS total,
                           -SUM(CASE WHEN document.move_id != document.root_id THEN document.total ELSE 0 END)
                               AS taken_back,
                           SUM(COALESCE(settled.paid, 0)) AS paid,
                           SUM(COALESCE(settled.given, 0)) AS given
                      FROM document
                      LEFT JOIN settled ON settled.move_id = document.move_id
                     GROUP BY document.root_id
                   ) f
              JOIN account_move m ON m.id = f.root_id
             CROSS JOIN LATERAL (
                   SELECT COALESCE(LEAST(GREATEST(f.paid / NULLIF(f.total - f.given, 0), 0), 1), 0) AS paid
                   ) share
            """
        )

    @api.model
    def _items(self) -> SQL:
        """What an invoice and its credit notes say about one installment."""
        return SQL(
            """
            SELECT key, root_id, MIN(as_of) AS as_of, MIN(digits) AS digits, MIN(company_digits) AS company_digits,
                   BOOL_OR(counts) AS counts,
                   COALESCE(SUM(net) FILTER (WHERE counts AND NOT refund), 0) AS invoiced,
                   COALESCE(SUM(value) FILTER (WHERE counts AND NOT refund), 0) AS invoiced_value,
                   COALESCE(-SUM(net) FILTER (WHERE counts AND refund), 0) AS credited,
                   COALESCE(-SUM(value) FILTER (WHERE counts AND refund), 0) AS credited_value,
                   COALESCE(-SUM(net) FILTER (WHERE counts AND takes_back), 0) AS taken_back,
                   COALESCE(SUM(net) FILTER (WHERE draft), 0) AS drafted,
                   COALESCE(SUM(value) FILTER (WHERE draft), 0) AS drafted_value
              FROM line
             GROUP BY key, root_id
            """
        )

    @api.model
    def _paid_items(self) -> SQL:
        """Payments and credit notes of a whole invoice, split over its installments without losing a cent."""
        return SQL(
            """
            SELECT split.*,
                   split.invoiced - split.credited - split.given - split.collected AS outstanding
              FROM (
                    SELECT item.*,
                           family.invoice_date_due,
                           %(given)s AS given,
                           %(collected)s AS collected
                      FROM item
                      LEFT JOIN family ON family.root_id = item.root_id
                     CROSS JOIN LATERAL (
                           SELECT COALESCE((item.invoiced - item.credited) * family.given_share, 0) AS given,
                                  COALESCE((item.invoiced - item.credited) * (1 - COALESCE(family.given_share, 0))
                                           * family.paid_share, 0)
                                  + COALESCE(item.taken_back * family.excess_share, 0) AS collected
                           ) exact
                   ) split
            """,
            given=self._split(SQL("exact.given")), collected=self._split(SQL("exact.collected")),
        )

    @api.model
    def _split(self, part) -> SQL:
        """:return: SQL that rounds parts of a document so that their sum is the rounded sum"""
        upto = SQL("OVER (PARTITION BY item.root_id ORDER BY item.key)")
        return SQL(
            "ROUND(SUM(%(part)s) %(upto)s, item.digits) - ROUND(SUM(%(part)s) %(upto)s - %(part)s, item.digits)",
            part=part, upto=upto,
        )

    @api.model
    def _bills(self) -> SQL:
        """The rate of an installment is that of its documents: what is settled in its currency is so in every one."""
        return SQL(
            """
            SELECT p.key,
                   BOOL_OR(p.counts) AS counts,
                   SUM(p.invoiced) AS invoiced,
                   SUM(p.invoiced_value) AS invoiced_value,
                   SUM(p.credited + p.given) AS credited,
                   SUM(v.credited) AS credited_value,
                   SUM(p.collected) AS collected,
                   SUM(v.collected) AS collected_value,
                   SUM(p.drafted) AS drafted,
                   SUM(p.drafted_value) AS drafted_value,
                   SUM(p.outstanding) FILTER (WHERE p.invoice_date_due < p.as_of) AS overdue,
                   SUM(p.invoiced_value - v.credited - v.collected) FILTER (WHERE p.invoice_date_due < p.as_of)
                       AS overdue_value,
                   MIN(p.invoice_date_due) FILTER (WHERE p.outstanding != 0) AS date_due
              FROM paid_item p
             CROSS JOIN LATERAL (
                   SELECT COALESCE(p.invoiced_value / NULLIF(p.invoiced, 0),
                                   p.credited_value / NULLIF(p.credited, 0), 1) AS rate
                   ) r
             CROSS JOIN LATERAL (
                   SELECT p.credited_value + ROUND(p.given * r.rate, p.company_digits) AS credited
                   ) c
             CROSS JOIN LATERAL (
                   SELECT c.credited,
                          CASE WHEN p.outstanding = 0 THEN p.invoiced_value - c.credited
                               ELSE ROUND(p.collected * r.rate, p.company_digits) END AS collected
                   ) v
             GROUP BY p.key
            """
        )
