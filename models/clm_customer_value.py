from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.kinds import PURCHASE_KINDS
from ..tools.transitions import BINDING, CANCELLED

#: Columns that are computed, in the order of :meth:`ClmCustomerValue._select`.
COLUMNS = (
    "first_purchase", "last_purchase", "purchases", "purchases_year", "ordered", "ordered_year", "contract_revenue",
    "twice", "twice_year", "mrr", "contracts",
)


class ClmCustomerValue(models.Model):
    """What a customer bought of a company and brings per month, added up in the background for the report.

    Money is in the currency of the company. Every six hours the cron adds up the documents of each company in one
    statement and writes the rows that differ. Cost: one pass over its orders, invoices, revenue movements and
    contracts; it grows with their number alone. The report reads these rows, however many documents there are.
    """

    _name = "clm.customer.value"
    _description = "Customer Value, Added Up"
    _inherit = "clm.due.mixin"
    _log_access = False
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    currency_id = fields.Many2one(related="company_id.currency_id")
    first_purchase = fields.Date(readonly=True)
    last_purchase = fields.Date(readonly=True)
    purchases = fields.Integer(readonly=True)
    purchases_year = fields.Integer(readonly=True, help="Of the last 12 months.")
    ordered = fields.Monetary(readonly=True)
    ordered_year = fields.Monetary(readonly=True, help="In the last 12 months.")
    contract_revenue = fields.Monetary(readonly=True)
    twice = fields.Monetary(readonly=True, help="Part of what was ordered that a contract bills.")
    twice_year = fields.Monetary(readonly=True, help="The same, ordered in the last 12 months.")
    mrr = fields.Monetary("MRR", readonly=True)
    contracts = fields.Integer(readonly=True)

    _customer_uniq = models.UniqueIndex("(partner_id, company_id)")
    _company_index = models.Index("(company_id)")

    # === REFRESH === #

    @api.model
    def _cron_refresh(self):
        """Bring the rows of all companies in line with their documents. Commits after each company (not in a test)."""
        companies = self.env["res.company"]._lifecycle_companies()
        for number, company in enumerate(companies, start=1):
            self._refresh(company)
            if not self._clm_commit(1, len(companies) - number):
                return

    @api.model
    def _refresh(self, company):
        """Bring the rows of a company in line with its documents."""
        self.env.flush_all()
        columns = SQL(", ").join(map(SQL.identifier, COLUMNS))
        new = SQL(", ").join(SQL.identifier("excluded", column) for column in COLUMNS)
        old = SQL(", ").join(SQL.identifier(self._table, column) for column in COLUMNS)
        self.env.cr.execute(SQL(
            """
            WITH found AS MATERIALIZED (%(select)s),
            gone AS (
                DELETE FROM clm_customer_value v
                 WHERE v.company_id = %(company)s
                   AND NOT EXISTS (SELECT FROM found f WHERE f.partner_id = v.partner_id)
            )
            INSERT INTO clm_customer_value (partner_id, company_id, %(columns)s)
            SELECT partner_id, %(company)s, %(columns)s FROM found
                ON CONFLICT (partner_id, company_id) DO UPDATE SET (%(columns)s) = (%(new)s)
             WHERE (%(old)s) IS DISTINCT FROM (%(new)s)
            """,
            select=self._select(company), company=company.id, columns=columns, new=new, old=old,
        ))
        self.invalidate_model()

    @api.model
    def _select(self, company) -> SQL:
        """:return: SQL of the rows of a company, as they should be today"""
        today = company._lifecycle_today()
        params = {"company": company.id, "today": today, "year_ago": fields.Date.subtract(today, years=1)}
        return SQL(
            """
            SELECT d.partner_id,
                   MIN(d.day) FILTER (WHERE d.purchases = 1) AS first_purchase,
                   MAX(d.day) FILTER (WHERE d.purchases = 1) AS last_purchase,
                   SUM(d.purchases)::int4 AS purchases,
                   COALESCE(SUM(d.purchases) FILTER (WHERE d.day > %(year_ago)s), 0)::int4 AS purchases_year,
                   ROUND(SUM(d.ordered), 6) AS ordered,
                   ROUND(COALESCE(SUM(d.ordered) FILTER (WHERE d.day > %(year_ago)s), 0), 6) AS ordered_year,
                   SUM(d.contract_revenue) AS contract_revenue,
                   ROUND(SUM(d.twice), 6) AS twice,
                   ROUND(COALESCE(SUM(d.twice) FILTER (WHERE d.day > %(year_ago)s), 0), 6) AS twice_year,
                   SUM(d.mrr) AS mrr,
                   SUM(d.contracts)::int4 AS contracts
              FROM (%(sources)s) d
             WHERE d.partner_id IS NOT NULL
             GROUP BY d.partner_id
            """,
            sources=SQL(" UNION ALL ").join(self._sources(params)), **params,
        )

    @api.model
    def _sources(self, params):
        """Hook: what is added up.

        :return: list of SQL with the columns partner_id, day, purchases, ordered, twice, contract_revenue, mrr,
            contracts
        """
        return [
            self._source_purchases(params), self._source_twice(params), self._source_contract_invoices(params),
            self._source_mrr(params), self._source_contracts(params),
        ]

    @api.model
    def _source_purchases(self, params) -> SQL:
        """Orders and invoices without one; credit notes count negative, and are no purchase."""
        return SQL(
            """
            SELECT e.partner_id, e.day, CASE WHEN e.kind = 'refund' THEN 0 ELSE 1 END AS purchases,
                   e.amount AS ordered, 0::numeric AS twice, 0::numeric AS contract_revenue, 0::numeric AS mrr,
                   0 AS contracts
              FROM (%(events)s) e
             WHERE e.kind IN %(kinds)s AND e.company_id = %(company)s AND e.day <= %(today)s
            """,
            events=self.env["clm.event"]._table_query, kinds=(*PURCHASE_KINDS, "refund"), **params,
        )

    @api.model
    def _source_twice(self, params) -> SQL:
        """What orders say of lines that a contract bills."""
        return SQL(
            """
            SELECT c.commercial_partner_id, placed.day, 0, 0,
                   l.price_subtotal / COALESCE(NULLIF(o.currency_rate, 0), 1), 0, 0, 0
              FROM sale_order_line l
              JOIN sale_order o ON o.id = l.order_id AND o.state = 'sale' AND o.company_id = %(company)s
             CROSS JOIN LATERAL (
                   SELECT (o.date_order AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date AS day
                   ) placed
              JOIN res_partner c ON c.id = o.partner_id
             WHERE placed.day <= %(today)s AND l.id IN (
                   SELECT k.sale_line_id FROM clm_contract_line k JOIN clm_contract b ON b.id = k.contract_id
                    WHERE k.sale_line_id IS NOT NULL AND b.state != %(cancelled)s AND b.billing_mode != 'none'
                   )
            """,
            zone=self.env["clm.event"]._event_timezone(SQL("o.company_id")), cancelled=CANCELLED, **params,
        )

    @api.model
    def _source_contract_invoices(self, params) -> SQL:
        """Invoices that bill contracts, and their credit notes."""
        return SQL(
            """
            SELECT c.commercial_partner_id, COALESCE(m.invoice_date, m.date), 0, 0, 0, m.amount_untaxed_signed, 0, 0
              FROM account_move m
              JOIN res_partner c ON c.id = m.partner_id
             WHERE m.state = 'posted' AND m.move_type IN ('out_invoice', 'out_receipt', 'out_refund')
               AND m.company_id = %(company)s AND COALESCE(m.invoice_date, m.date) <= %(today)s
               AND m.id IN (SELECT l.move_id FROM account_move_line l WHERE l.clm_contract_id IS NOT NULL)
            """,
            **params,
        )

    @api.model
    def _source_mrr(self, params) -> SQL:
        return SQL(
            """
            SELECT m.partner_id, m.date, 0, 0, 0, 0, m.value, 0
              FROM clm_mrr_movement m WHERE m.company_id = %(company)s AND m.date <= %(today)s
            """,
            **params,
        )

    @api.model
    def _source_contracts(self, params) -> SQL:
        return SQL(
            """
            SELECT k.commercial_partner_id, k.date_start, 0, 0, 0, 0, 0, 1
              FROM clm_contract k
             WHERE k.company_id = %(company)s AND k.direction = 'customer' AND k.amends_id IS NULL
               AND k.state IN %(binding)s
            """,
            binding=tuple(BINDING), **params,
        )
