from odoo import api, fields, models
from odoo.tools import SQL

from ..const import INSTALLMENT_KINDS, INSTALLMENT_STATES
from .clm_billing_report_mixin import DOCUMENT_FIELDS

MEASURES = (
    "contracted", "discount", "agreed", "invoiced", "drafted", "credited", "collected", "outstanding", "overdue",
    "leakage", "unbilled", "skipped", "given", "changed", "forecast",
)
REPORT_GROUPS = "clm.group_manager,account.group_account_invoice,account.group_account_readonly"


def _money(label, **options):
    return fields.Monetary(label, currency_field="company_currency_id", readonly=True, **options)


def _foreign(label):
    return fields.Monetary(f"{label} (Contract Currency)", readonly=True, aggregator=None)


class ClmBillingReport(models.Model):
    """Reconciliation: what was contracted, invoiced, credited and collected; one row per installment.

    Invoice lines that name a contract but no installment have a row of their own. All amounts are without taxes, up to
    the day of the report, and add up in every row and total:

    * contracted - discount = agreed. A proposed credit that nobody confirmed is not agreed, a skipped one neither.
    * leakage = contracted - (invoiced - credited) = not invoiced + skipped + discount + credited + changed.
    * outstanding = invoiced - credited - collected.

    Collected is what was paid, not what a credit note settled. A payment of a document counts for its lines in
    proportion to what its credit notes left of them; what was paid beyond that, for what they took.
    """

    _name = "clm.billing.report"
    _description = "Billing Reconciliation"
    _inherit = "clm.billing.report.mixin"
    _auto = False
    _order = "date_planned desc, contract_id, id desc"
    _depends = {
        "clm.installment": [
            "contract_id", "line_id", "kind", "state", "period_start", "period_end", "date_planned", "amount",
            "discount_amount", "to_confirm", "move_line_id",
        ],
        "clm.contract": ["type_id", "commercial_partner_id", "user_id", "team_id", "company_id", "direction",
                         "currency_id"],
        "clm.contract.line": ["product_id"],
        **DOCUMENT_FIELDS,
        "account.partial.reconcile": [
            "debit_move_id", "credit_move_id", "debit_amount_currency", "credit_amount_currency", "max_date",
        ],
    }

    installment_id = fields.Many2one("clm.installment", readonly=True)
    move_id = fields.Many2one("account.move", "Invoice", readonly=True)
    line_id = fields.Many2one("clm.contract.line", readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    state = fields.Selection(INSTALLMENT_STATES, readonly=True)
    kind = fields.Selection(INSTALLMENT_KINDS, readonly=True)
    period_start = fields.Date("From", readonly=True)
    period_end = fields.Date("Until", readonly=True)
    date_planned = fields.Date("Invoice On", readonly=True)
    is_due = fields.Boolean("Due", readonly=True, help="Planned by the day of the report, or invoiced earlier.")
    date_due = fields.Date("Pay Until", readonly=True, help="The earliest due date of what is outstanding.")
    days_overdue = fields.Integer(readonly=True, aggregator="max")
    bucket = fields.Selection(
        [("0", "Not due"), ("1", "1-30 days"), ("31", "31-60 days"), ("61", "61-90 days"), ("91", "Over 90 days")],
        "Overdue", readonly=True, help="Days since the due date of what is outstanding.",
    )
    cause = fields.Selection(
        [
            ("unbilled", "Not invoiced"), ("skipped", "Skipped"), ("discount", "Discount"),
            ("given", "Credited or cancelled"), ("changed", "Changed on the invoice"),
        ],
        "Cause of Leakage", readonly=True, help="The largest one.",
    )
    contracted = _money("Contracted", help="Planned to date at list prices, without taxes.")
    discount = _money("Discount")
    agreed = _money("Agreed", help="Contracted to date less discount.")
    invoiced = _money("Invoiced", help="Posted by the day of the report.")
    drafted = _money("Draft Invoices")
    credited = _money("Credited", help="Posted credit notes.")
    collected = _money("Collected", help="Paid, without taxes.")
    outstanding = _money("Outstanding", help="Invoiced, neither credited nor collected.")
    overdue = _money("Overdue Amount", help="Outstanding after its due date.")
    leakage = _money("Leakage", help="Contracted to date and not invoiced, or credited.")
    unbilled = _money("Leakage: Not Invoiced")
    skipped = _money("Leakage: Skipped")
    given = _money("Leakage: Credited")
    changed = _money("Leakage: Changed", help="The invoice says another amount than the contract.")
    forecast = _money("To Invoice", help="Planned and due, proposed credits aside.")
    leakage_rate = fields.Float(
        readonly=True, aggregator="avg", help="Leakage / contracted to date.",
    )
    contracted_currency = _foreign("Contracted")
    discount_currency = _foreign("Discount")
    agreed_currency = _foreign("Agreed")
    invoiced_currency = _foreign("Invoiced")
    drafted_currency = _foreign("Draft Invoices")
    credited_currency = _foreign("Credited")
    collected_currency = _foreign("Collected")
    outstanding_currency = _foreign("Outstanding")
    overdue_currency = _foreign("Overdue Amount")
    leakage_currency = _foreign("Leakage")
    unbilled_currency = _foreign("Leakage: Not Invoiced")
    skipped_currency = _foreign("Leakage: Skipped")
    given_currency = _foreign("Leakage: Credited")
    changed_currency = _foreign("Leakage: Changed")
    forecast_currency = _foreign("To Invoice")

    @property
    def _table_query(self) -> SQL:
        return SQL("WITH %s %s %s", self._with(), self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT r.id, r.installment_id, r.move_id, r.line_id, r.product_id, r.state, r.kind,
                   r.period_start, r.period_end, r.date_planned, due.is_due,
                   CASE WHEN amounts.outstanding != 0 THEN b.date_due END AS date_due,
                   CASE WHEN amounts.outstanding != 0 THEN GREATEST(s.as_of - b.date_due, 0) END AS days_overdue,
                   CASE WHEN amounts.outstanding = 0 THEN NULL
                        WHEN s.as_of - b.date_due > 90 THEN '91' WHEN s.as_of - b.date_due > 60 THEN '61'
                        WHEN s.as_of - b.date_due > 30 THEN '31' WHEN s.as_of - b.date_due > 0 THEN '1'
                        ELSE '0' END AS bucket,
                   CASE GREATEST(
                            ABS(amounts.unbilled), ABS(amounts.skipped), ABS(amounts.discount), ABS(amounts.given),
                            ABS(amounts.changed))
                        WHEN 0 THEN NULL
                        WHEN ABS(amounts.unbilled) THEN 'unbilled' WHEN ABS(amounts.skipped) THEN 'skipped'
                        WHEN ABS(amounts.given) THEN 'given' WHEN ABS(amounts.changed) THEN 'changed'
                        ELSE 'discount' END AS cause,
                   amounts.leakage / NULLIF(amounts.contracted, 0) AS leakage_rate,
                   c.currency_id,
                   %(currency)s AS company_currency_id,
                   %(contract)s,
                   %(money)s
            """,
            currency=self.env.company.currency_id.id, contract=self._select_contract(),
            money=self._money_columns(MEASURES),
        )

    @api.model
    def _from(self) -> SQL:
        """Amounts per row, in contract currency and, as ``…_value``, in company currency at the rate of the row."""
        return SQL(
            """
              FROM (%(rows)s) r
              JOIN clm_contract c ON c.id = r.contract_id
              %(setup)s
              LEFT JOIN bill b ON b.key = r.id
              LEFT JOIN line billing ON billing.id = r.move_line_id AND billing.counts
             CROSS JOIN LATERAL (
                   SELECT r.date_planned <= s.as_of OR COALESCE(b.counts, FALSE) AS is_due,
                          r.state IN ('planned', 'due') AS is_open,
                          COALESCE(b.invoiced_value / NULLIF(b.invoiced, 0), b.credited_value / NULLIF(b.credited, 0),
                                   s.rate) AS rate
                   ) due
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN due.is_due AND NOT (r.to_confirm AND due.is_open)
                               AND NOT (r.kind = 'credit' AND r.state = 'skipped') THEN 1 ELSE 0 END AS bound
                   ) holds
             CROSS JOIN LATERAL (
                   SELECT holds.bound * r.amount AS agreed,
                          holds.bound * r.discount_amount AS discount,
                          ROUND(holds.bound * r.amount * due.rate, s.company_digits) AS agreed_value,
                          ROUND(holds.bound * r.discount_amount * due.rate, s.company_digits) AS discount_value,
                          CASE WHEN due.is_open AND NOT r.to_confirm THEN r.amount ELSE 0 END AS forecast
                   ) terms
             CROSS JOIN LATERAL (
                   SELECT COALESCE(b.invoiced, 0) AS invoiced, COALESCE(b.invoiced_value, 0) AS invoiced_value,
                          COALESCE(b.credited, 0) AS credited, COALESCE(b.credited_value, 0) AS credited_value,
                          COALESCE(b.collected, 0) AS collected, COALESCE(b.collected_value, 0) AS collected_value,
                          COALESCE(b.drafted, 0) AS drafted, COALESCE(b.drafted_value, 0) AS drafted_value,
                          COALESCE(b.overdue, 0) AS overdue, COALESCE(b.overdue_value, 0) AS overdue_value,
                          CASE WHEN r.installment_id IS NULL THEN -COALESCE(b.invoiced, 0)
                               WHEN billing.id IS NOT NULL THEN terms.agreed - billing.net ELSE 0 END AS changed,
                          CASE WHEN r.state = 'skipped' THEN 'skipped'
                               WHEN b.counts OR r.state = 'credited' THEN 'given' ELSE 'unbilled' END AS rest_cause
                   ) d
             CROSS JOIN LATERAL (
                   SELECT terms.agreed - d.invoiced + d.credited - d.changed AS rest,
                          ROUND(d.changed * due.rate, s.company_digits) AS changed_value
                   ) gap
             CROSS JOIN LATERAL (
                   SELECT terms.agreed_value - d.invoiced_value + d.credited_value - gap.changed_value AS rest_value
                   ) gap_value
             CROSS JOIN LATERAL (SELECT %(amounts)s) amounts
            """,
            rows=self._rows(), setup=self._of_setup(), amounts=self._amounts(),
        )

    @api.model
    def _amounts(self) -> SQL:
        """:return: SQL of each of ``MEASURES`` in contract currency, and as ``…_value`` in company currency"""
        return SQL(
            """
            terms.agreed, terms.agreed_value, terms.discount, terms.discount_value,
            terms.agreed + terms.discount AS contracted,
            terms.agreed_value + terms.discount_value AS contracted_value,
            d.invoiced, d.invoiced_value, d.drafted, d.drafted_value, d.credited, d.credited_value,
            d.collected, d.collected_value, d.overdue, d.overdue_value,
            d.invoiced - d.credited - d.collected AS outstanding,
            d.invoiced_value - d.credited_value - d.collected_value AS outstanding_value,
            terms.agreed + terms.discount - d.invoiced + d.credited AS leakage,
            terms.agreed_value + terms.discount_value - d.invoiced_value + d.credited_value AS leakage_value,
            CASE d.rest_cause WHEN 'unbilled' THEN gap.rest ELSE 0 END AS unbilled,
            CASE d.rest_cause WHEN 'unbilled' THEN gap_value.rest_value ELSE 0 END AS unbilled_value,
            CASE d.rest_cause WHEN 'skipped' THEN gap.rest ELSE 0 END AS skipped,
            CASE d.rest_cause WHEN 'skipped' THEN gap_value.rest_value ELSE 0 END AS skipped_value,
            CASE d.rest_cause WHEN 'given' THEN gap.rest ELSE 0 END AS given,
            CASE d.rest_cause WHEN 'given' THEN gap_value.rest_value ELSE 0 END AS given_value,
            d.changed, gap.changed_value,
            terms.forecast, ROUND(terms.forecast * s.rate, s.company_digits) AS forecast_value
            """
        )

    @api.model
    def _rows(self) -> SQL:
        """:return: SQL of the installments, and of invoice lines without one: their ids are negative"""
        return SQL(
            """
            SELECT i.id, i.id AS installment_id, bl.move_id, i.move_line_id, i.contract_id, i.line_id, cl.product_id,
                   i.state, i.kind, i.period_start, i.period_end, i.date_planned, i.amount,
                   COALESCE(i.discount_amount, 0) AS discount_amount, COALESCE(i.to_confirm, FALSE) AS to_confirm
              FROM clm_installment i
              JOIN clm_contract_line cl ON cl.id = i.line_id
              LEFT JOIN account_move_line bl ON bl.id = i.move_line_id
             WHERE %(installments)s
             UNION ALL
            SELECT line.key, NULL, line.move_id, line.id, line.contract_id, NULL, l.product_id,
                   NULL, CASE WHEN line.refund THEN 'credit' ELSE 'charge' END, line.day, line.day, line.day,
                   0, 0, FALSE
              FROM line
              JOIN account_move_line l ON l.id = line.id
             WHERE line.installment_id IS NULL AND %(lines)s
            """,
            installments=self._contracts_limit(SQL("i.contract_id")),
            lines=self._contracts_limit(SQL("line.contract_id")),
        )

    # === MEASURES AND ACTIONS === #

    @api.model
    def _measures(self):
        return {**super()._measures(), "leakage_rate:avg": self._leakage_rate}

    def _leakage_rate(self, query) -> SQL:
        leakage, contracted = (self._field_to_sql(self._table, name, query) for name in ("leakage", "contracted"))
        return SQL("(SUM(%s) / NULLIF(SUM(%s), 0))::float8", leakage, contracted)

    @api.readonly
    def action_open(self):
        """Open the invoice of the row; before there is one, its contract."""
        self.ensure_one()
        if self.move_id.has_access("read") and self.move_id:
            return self.move_id._get_records_action()
        return self.action_open_contract()
