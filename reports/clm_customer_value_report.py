from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.transitions import BINDING, CANCELLED
from .clm_cohort_report import PURCHASE_KINDS

#: Keeps the ids of a customer's rows apart, one per company.
KEY_STEP = 1 << 20


class ClmCustomerValueReport(models.Model):
    """What each customer bought, brings per month and is worth; one row per customer and selling company.

    Only companies that the user works in at the moment count; money is in the currency of the first of them, at
    today's rate. Purchases are those of the KPIs "Revenue" and "Average Order Value". What an order began and a
    contract bills counts once in ``revenue`` and ``lifetime_value``.

    Cost: one pass over the orders, invoices, MRR movements and contracts of all customers, added up in one hash table;
    it grows with their number (1 million purchases take some seconds). A filter on customers is applied before.
    """

    _name = "clm.customer.value.report"
    _description = "Customer Value"
    _inherit = "clm.report.mixin"
    _auto = False
    _rec_name = "partner_id"
    _order = "revenue desc, id"
    _depends = {
        "clm.event": ["partner_id", "day", "kind", "amount", "company_id"],
        "clm.mrr.movement": ["partner_id", "company_id", "date", "value"],
        "clm.contract": ["commercial_partner_id", "company_id", "state", "direction", "amends_id", "billing_mode"],
        "clm.contract.line": ["contract_id", "sale_line_id"],
        "account.move": [
            "partner_id", "company_id", "state", "move_type", "amount_untaxed_signed", "invoice_date", "date",
        ],
        "account.move.line": ["move_id", "clm_contract_id"],
        "sale.order": ["state", "date_order", "currency_rate", "partner_id", "company_id"],
        "sale.order.line": ["order_id", "price_subtotal"],
        "res.partner": ["commercial_partner_id", "lifecycle_stage_id", "user_id", "country_id"],
        "res.company": ["clm_customer_years", "clm_gross_margin", "lifecycle_tz"],
    }

    partner_id = fields.Many2one("res.partner", string="Customers", readonly=True, aggregator="count_distinct")
    company_id = fields.Many2one("res.company", readonly=True, help="The company that sold.")
    currency_id = fields.Many2one("res.currency", readonly=True)
    stage_id = fields.Many2one("clm.stage", string="Stage Now", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    country_id = fields.Many2one("res.country", readonly=True)
    first_purchase = fields.Date(readonly=True, help="Order, or invoice without one.")
    last_purchase = fields.Date(readonly=True)
    purchases = fields.Integer(readonly=True, help="Orders, and invoices without one.")
    purchases_year = fields.Integer("Purchases per Year", readonly=True, help="Those of the last 12 months.")
    ordered = fields.Monetary(readonly=True, help="What the purchases cost without taxes, less credit notes.")
    contract_revenue = fields.Monetary(
        "Invoiced for Contracts", readonly=True, help="Without taxes: invoices that bill contracts, less credit notes.",
    )
    revenue = fields.Monetary(
        readonly=True,
        help="Ordered and invoiced for contracts, to date. What a contract bills of an order counts once.",
    )
    aov = fields.Monetary(
        "Average Order Value", readonly=True, aggregator="avg", help="Ordered / purchases.",
    )
    mrr = fields.Monetary("MRR", readonly=True, help="Monthly recurring revenue of today.")
    contracts = fields.Integer("Contracts in Force", readonly=True, help="Signed or active.")
    lifetime_value = fields.Monetary(
        readonly=True,
        help="Ordered in the last 12 months plus 12 times MRR, times years as a customer, times gross margin. The last"
        " two are those of the settings of the company.",
    )

    @property
    def _table_query(self) -> SQL:
        return SQL("WITH %s %s %s", self._setup(), self._select(), self._from())

    @api.model
    def _setup(self) -> SQL:
        """:return: SQL of a table ``s``: per company today, the day a year before, the exchange rate, and what a year
            of revenue is worth
        """
        own = self.env.company.currency_id
        rows = []
        for company in self.env.companies:
            today = company._lifecycle_today()
            rows.append((
                company.id, today, fields.Date.subtract(today, years=1),
                self.env["res.currency"]._get_conversion_rate(company.currency_id, own, self.env.company, today),
                company.clm_customer_years * company.clm_gross_margin,
            ))
        columns = [list(column) for column in zip(*rows, strict=True)]
        return SQL(
            """
            s AS MATERIALIZED (
                SELECT * FROM unnest(%s::int4[], %s::date[], %s::date[], %s::numeric[], %s::numeric[])
                           AS s(company_id, today, year_ago, rate, worth)
            )
            """,
            *columns,
        )

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT v.partner_id::int8 * %(step)s + v.company_id AS id,
                   v.partner_id,
                   v.company_id,
                   %(currency)s AS currency_id,
                   p.lifecycle_stage_id AS stage_id,
                   p.user_id,
                   p.country_id,
                   v.first_purchase,
                   v.last_purchase,
                   v.purchases::int4 AS purchases,
                   v.purchases_year::int4 AS purchases_year,
                   s.rate * v.ordered AS ordered,
                   s.rate * v.contract_revenue AS contract_revenue,
                   s.rate * (v.ordered + v.contract_revenue - v.twice) AS revenue,
                   s.rate * v.ordered / NULLIF(v.purchases, 0) AS aov,
                   s.rate * v.mrr AS mrr,
                   v.contracts::int4 AS contracts,
                   s.rate * s.worth * (v.ordered_year - v.twice_year + 12 * v.mrr) AS lifetime_value
            """,
            step=KEY_STEP, currency=self.env.company.currency_id.id,
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
              FROM (
                    SELECT d.partner_id, d.company_id,
                           MIN(d.day) FILTER (WHERE d.purchases = 1) AS first_purchase,
                           MAX(d.day) FILTER (WHERE d.purchases = 1) AS last_purchase,
                           SUM(d.purchases) AS purchases,
                           COALESCE(SUM(d.purchases) FILTER (WHERE d.day > d.year_ago), 0) AS purchases_year,
                           SUM(d.ordered) AS ordered,
                           COALESCE(SUM(d.ordered) FILTER (WHERE d.day > d.year_ago), 0) AS ordered_year,
                           SUM(d.twice) AS twice,
                           COALESCE(SUM(d.twice) FILTER (WHERE d.day > d.year_ago), 0) AS twice_year,
                           SUM(d.contract_revenue) AS contract_revenue,
                           SUM(d.mrr) AS mrr,
                           SUM(d.contracts) AS contracts
                      FROM (%s) d
                     GROUP BY d.partner_id, d.company_id
                   ) v
              JOIN s ON s.company_id = v.company_id
              JOIN res_partner p ON p.id = v.partner_id
            """,
            SQL(" UNION ALL ").join(self._sources()),
        )

    @api.model
    def _sources(self):
        """:return: list of SQL with the same columns: what is added up, each with its customer, company and day"""
        return [
            self._source_purchases(), self._source_twice(), self._source_contract_invoices(), self._source_mrr(),
            self._source_contracts(),
        ]

    @api.model
    def _source_purchases(self) -> SQL:
        return SQL(
            """
            SELECT e.partner_id, e.company_id, e.day, s.year_ago,
                   CASE WHEN e.kind = 'refund' THEN 0 ELSE 1 END AS purchases,
                   e.amount AS ordered, 0::numeric AS twice, 0::numeric AS contract_revenue, 0::numeric AS mrr,
                   0 AS contracts
              FROM (%s) e
              JOIN s ON s.company_id = e.company_id AND e.day <= s.today
             WHERE e.kind IN %s
            """,
            self.env["clm.event"]._table_query, (*PURCHASE_KINDS, "refund"),
        )

    @api.model
    def _source_twice(self) -> SQL:
        """What orders say of lines that a contract bills."""
        return SQL(
            """
            SELECT c.commercial_partner_id, o.company_id, ordered.day, s.year_ago, 0, 0,
                   l.price_subtotal / COALESCE(NULLIF(o.currency_rate, 0), 1), 0, 0, 0
              FROM sale_order_line l
              JOIN sale_order o ON o.id = l.order_id AND o.state = 'sale'
             CROSS JOIN LATERAL (
                   SELECT (o.date_order AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date AS day
                   ) ordered
              JOIN s ON s.company_id = o.company_id AND ordered.day <= s.today
              JOIN res_partner c ON c.id = o.partner_id
             WHERE l.id IN (
                   SELECT k.sale_line_id FROM clm_contract_line k JOIN clm_contract b ON b.id = k.contract_id
                    WHERE k.sale_line_id IS NOT NULL AND b.state != %(cancelled)s AND b.billing_mode != 'none'
                   )
            """,
            zone=self.env["clm.event"]._event_timezone(SQL("o.company_id")), cancelled=CANCELLED,
        )

    @api.model
    def _source_contract_invoices(self) -> SQL:
        return SQL(
            """
            SELECT c.commercial_partner_id, m.company_id, COALESCE(m.invoice_date, m.date), s.year_ago, 0, 0, 0,
                   m.amount_untaxed_signed, 0, 0
              FROM account_move m
              JOIN s ON s.company_id = m.company_id AND COALESCE(m.invoice_date, m.date) <= s.today
              JOIN res_partner c ON c.id = m.partner_id
             WHERE m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_receipt', 'out_refund')
               AND m.id IN (SELECT l.move_id FROM account_move_line l WHERE l.clm_contract_id IS NOT NULL)
            """
        )

    @api.model
    def _source_mrr(self) -> SQL:
        return SQL(
            """
            SELECT m.partner_id, m.company_id, m.date, s.year_ago, 0, 0, 0, 0, m.value, 0
              FROM clm_mrr_movement m JOIN s ON s.company_id = m.company_id AND m.date <= s.today
            """
        )

    @api.model
    def _source_contracts(self) -> SQL:
        return SQL(
            """
            SELECT k.commercial_partner_id, k.company_id, k.date_start, s.year_ago, 0, 0, 0, 0, 0, 1
              FROM clm_contract k JOIN s ON s.company_id = k.company_id
             WHERE k.direction = 'customer' AND k.amends_id IS NULL AND k.state IN %s
            """,
            tuple(BINDING),
        )

    @api.model
    def _measures(self):
        return {**super()._measures(), "aov:avg": self._average_order}

    def _average_order(self, query) -> SQL:
        ordered = self._field_to_sql(self._table, "ordered", query)
        purchases = self._field_to_sql(self._table, "purchases", query)
        return SQL("SUM(%s) / NULLIF(SUM(%s), 0)", ordered, purchases)

    @api.readonly
    def action_open(self):
        """The customer."""
        self.ensure_one()
        return self.partner_id._get_records_action()
