from odoo import api, fields, models
from odoo.tools import SQL


class ClmCustomerValueReport(models.Model):
    """What each customer bought, brings per month and is worth; one row per customer and selling company.

    Only companies that the user works in at the moment count; money is in the currency of the first of them, at
    today's rate. Purchases are those of the KPIs "Revenue from Purchases" and "Average Order Value". What an order
    began and a contract bills counts once in ``revenue`` and ``lifetime_value``.

    Cost: it grows with the number of customers, not of documents; those are added up in ``clm.customer.value``.
    """

    _name = "clm.customer.value.report"
    _description = "Customer Value"
    _inherit = "clm.report.mixin"
    _auto = False
    _rec_name = "partner_id"
    _order = "revenue desc, id"
    _depends = {
        "clm.customer.value": [
            "partner_id", "company_id", "first_purchase", "last_purchase", "purchases", "purchases_year", "ordered",
            "ordered_year", "contract_revenue", "twice", "twice_year", "mrr", "contracts",
        ],
        "res.partner": ["lifecycle_stage_id", "user_id", "country_id"],
        "res.company": ["clm_customer_years", "clm_gross_margin"],
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
    aov = fields.Monetary("Average Order Value", readonly=True, aggregator="avg", help="Ordered / purchases.")
    mrr = fields.Monetary("MRR", readonly=True, help="Monthly recurring revenue of today.")
    contracts = fields.Integer("Contracts in Force", readonly=True, help="Signed or active.")
    lifetime_value = fields.Monetary(
        readonly=True,
        help="Ordered in the last 12 months plus 12 times MRR, times years as a customer, times gross margin. The last"
        " two are those of the settings of the company.",
    )

    @property
    def _table_query(self) -> SQL:
        own, today = self.env.company.currency_id, self.env.company._lifecycle_today()
        companies = self.env.companies
        rates = [
            self.env["res.currency"]._get_conversion_rate(company.currency_id, own, self.env.company, today)
            for company in companies
        ]
        return SQL(
            """
            SELECT v.id,
                   v.partner_id,
                   v.company_id,
                   %(currency)s AS currency_id,
                   p.lifecycle_stage_id AS stage_id,
                   p.user_id,
                   p.country_id,
                   v.first_purchase,
                   v.last_purchase,
                   v.purchases,
                   v.purchases_year,
                   s.rate * v.ordered AS ordered,
                   s.rate * v.contract_revenue AS contract_revenue,
                   s.rate * (v.ordered + v.contract_revenue - v.twice) AS revenue,
                   s.rate * v.ordered / NULLIF(v.purchases, 0) AS aov,
                   s.rate * v.mrr AS mrr,
                   v.contracts,
                   s.rate * s.worth * (v.ordered_year - v.twice_year + 12 * v.mrr) AS lifetime_value
              FROM clm_customer_value v
              JOIN unnest(%(companies)s::int4[], %(rates)s::float8[], %(worths)s::float8[])
                   AS s(company_id, rate, worth) ON s.company_id = v.company_id
              LEFT JOIN res_partner p ON p.id = v.partner_id
            """,
            currency=own.id, companies=companies.ids, rates=rates,
            worths=[company.clm_customer_years * company.clm_gross_margin for company in companies],
        )

    @api.model
    def _measures(self):
        measures = {**super()._measures(), "aov:avg": self._average_order}
        if len(self.env.companies) == 1:
            # a row per customer: no need to look for the same ones, which takes the database long
            measures["partner_id:count_distinct"] = lambda query: SQL("COUNT(*)")
        return measures

    def _average_order(self, query) -> SQL:
        ordered = self._field_to_sql(self._table, "ordered", query)
        purchases = self._field_to_sql(self._table, "purchases", query)
        return SQL("SUM(%s) / NULLIF(SUM(%s), 0)", ordered, purchases)

    @api.readonly
    def action_open(self):
        """The customer."""
        self.ensure_one()
        return self.partner_id._get_records_action()
