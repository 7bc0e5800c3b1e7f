from odoo import api, fields, models
from odoo.tools import SQL

from .clm_billing_report_mixin import DOCUMENT_FIELDS

#: More months than the period of an invoice line can have.
MAX_MONTHS = 4096
MEASURES = ("invoiced", "recognised", "deferred")


class ClmDeferredReport(models.Model):
    """Deferred revenue: what was invoiced by the month in which it is served; one row per invoice line and month.

    A line is earned day by day over its period, to the day of the report; what is left is deferred. Months are
    rounded cumulatively, so that they add up to the line, and recognised + deferred = invoiced in every row.
    Credit notes are rows of their own, negative, over the period that they take back. A line of no installment is
    earned on the day of its invoice. Amounts are without taxes; those of supplier contracts are prepaid costs.
    """

    _name = "clm.deferred.report"
    _description = "Deferred Revenue"
    _inherit = "clm.billing.report.mixin"
    _auto = False
    _order = "month desc, contract_id, id desc"
    _depends = {
        **DOCUMENT_FIELDS,
        "clm.installment": ["period_start", "period_end"],
        "clm.contract": ["type_id", "commercial_partner_id", "user_id", "team_id", "company_id", "direction",
                         "currency_id"],
    }

    move_id = fields.Many2one("account.move", "Invoice", readonly=True)
    move_line_id = fields.Many2one("account.move.line", "Invoice Line", readonly=True)
    installment_id = fields.Many2one("clm.installment", readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    date_invoice = fields.Date("Invoice Date", readonly=True)
    period_start = fields.Date("From", readonly=True)
    period_end = fields.Date("Until", readonly=True)
    month = fields.Date("Month of Service", readonly=True, help="Its first day.")
    timing = fields.Selection(
        [("same", "In the month of service"), ("before", "Before the service"), ("after", "After the service")],
        "Invoice Comes", readonly=True,
    )
    invoiced = fields.Monetary(
        currency_field="company_currency_id", readonly=True, help="Posted by the day of the report, for this month.",
    )
    recognised = fields.Monetary(
        currency_field="company_currency_id", readonly=True, help="Served up to and with the day of the report.",
    )
    deferred = fields.Monetary(
        currency_field="company_currency_id", readonly=True, help="Invoiced and still to be served.",
    )
    invoiced_currency = fields.Monetary("Invoiced (Contract Currency)", readonly=True, aggregator=None)
    recognised_currency = fields.Monetary("Recognised (Contract Currency)", readonly=True, aggregator=None)
    deferred_currency = fields.Monetary("Deferred (Contract Currency)", readonly=True, aggregator=None)

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s", self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT line.id::int8 * %(months)s + month.number AS id,
                   line.id AS move_line_id,
                   line.move_id,
                   line.installment_id,
                   l.product_id,
                   line.day AS date_invoice,
                   span.first AS period_start,
                   span.last AS period_end,
                   month.first AS month,
                   CASE WHEN line.day < month.first THEN 'before' WHEN line.day > month.last THEN 'after'
                        ELSE 'same' END AS timing,
                   c.currency_id,
                   %(currency)s AS company_currency_id,
                   %(contract)s,
                   %(money)s
            """,
            months=MAX_MONTHS, currency=self.env.company.currency_id.id, contract=self._select_contract(),
            money=self._money_columns(MEASURES),
        )

    @api.model
    def _from(self) -> SQL:
        earned = self._earned
        upto, before, now = SQL("month.last"), SQL("month.first - 1"), SQL("LEAST(month.last, s.as_of)")
        return SQL(
            """
              FROM (%(lines)s) line
              JOIN account_move_line l ON l.id = line.id
              JOIN clm_contract c ON c.id = line.contract_id AND %(limit)s
              %(setup)s
              LEFT JOIN clm_installment i ON i.id = line.installment_id
             CROSS JOIN LATERAL (
                   SELECT COALESCE(i.period_start, line.day) AS first, COALESCE(i.period_end, line.day) AS last
                   ) span
             CROSS JOIN LATERAL (
                   SELECT n.number, n.first::date AS first,
                          (n.first + interval '1 month' - interval '1 day')::date AS last
                     FROM generate_series(date_trunc('month', span.first::timestamp), span.last::timestamp,
                                          interval '1 month') WITH ORDINALITY AS n(first, number)
                   ) month
             CROSS JOIN LATERAL (
                   SELECT %(net_upto)s - %(net_before)s AS invoiced,
                          %(value_upto)s - %(value_before)s AS invoiced_value
                   ) whole
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN s.as_of < month.first THEN 0 ELSE %(net_now)s - %(net_before)s END AS recognised,
                          CASE WHEN s.as_of < month.first THEN 0 ELSE %(value_now)s - %(value_before)s END
                              AS recognised_value
                   ) served
             CROSS JOIN LATERAL (
                   SELECT whole.invoiced, whole.invoiced_value, served.recognised, served.recognised_value,
                          whole.invoiced - served.recognised AS deferred,
                          whole.invoiced_value - served.recognised_value AS deferred_value
                   ) amounts
             WHERE line.counts
            """,
            lines=self._document_lines(), limit=self._contracts_limit(SQL("c.id")), setup=self._of_setup(),
            net_upto=earned("net", upto), net_before=earned("net", before), net_now=earned("net", now),
            value_upto=earned("value", upto), value_before=earned("value", before), value_now=earned("value", now),
        )

    @api.model
    def _earned(self, amount, day) -> SQL:
        """:return: SQL of what is earned of a line up to and with a day, rounded"""
        return SQL(
            "ROUND(%(amount)s * GREATEST(LEAST(%(day)s, span.last) - span.first + 1, 0)"
            " / (span.last - span.first + 1), %(digits)s)",
            amount=SQL.identifier("line", amount), day=day,
            digits=SQL.identifier("s", "digits" if amount == "net" else "company_digits"),
        )

    @api.readonly
    def action_open(self):
        """Open the invoice of the row, or its contract for users who may not read invoices."""
        self.ensure_one()
        if self.move_id.has_access("read"):
            return self.move_id._get_records_action()
        return self.action_open_contract()
