from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.kinds import PURCHASE_KINDS


class ClmCohortReport(models.Model):
    """Who came back: one row for each customer, selling company and month in which they bought.

    Customers are grouped by the month of their first purchase (their cohort); age 0 is that month. Only sales of
    the companies that the user works in at the moment count, as in Odoo's sales analysis.
    One pass over the events: purchases are added up by month, then a window finds the first month.
    """

    _name = "clm.cohort.report"
    _description = "Cohort Analysis"
    _inherit = "clm.report.mixin"
    _auto = False
    _rec_name = "partner_id"
    _order = "cohort_date desc, age, id"
    _depends = {
        "clm.event": ["partner_id", "day", "kind", "amount", "company_id"],
        "res.partner": ["lifecycle_stage_id", "user_id", "country_id", "industry_id"],
    }

    partner_id = fields.Many2one("res.partner", string="Customers", readonly=True, aggregator="count_distinct")
    company_id = fields.Many2one("res.company", readonly=True, help="The company that sold.")
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    country_id = fields.Many2one("res.country", readonly=True)
    industry_id = fields.Many2one("res.partner.industry", readonly=True)
    stage_id = fields.Many2one("clm.stage", string="Stage Now", readonly=True)
    cohort_date = fields.Date("First Purchase", readonly=True, help="The month of the customer's first purchase.")
    date = fields.Date("Purchase", readonly=True, help="The month of the purchases.")
    age = fields.Integer(
        "Months Since First Purchase", readonly=True, aggregator=None, help="0 is the month of the first purchase."
    )
    orders = fields.Integer("Purchases", readonly=True)
    retention = fields.Float(
        readonly=True, aggregator="avg",
        help="Share of the customers of the cohort that bought in this month. Group by month of first purchase.",
    )
    revenue = fields.Monetary(readonly=True, help="Without taxes, before credit notes, in your company's currency.")
    currency_id = fields.Many2one("res.currency", readonly=True)

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s", self._select(), self._from())

    @api.model
    def _select(self) -> SQL:
        return SQL(
            """
            SELECT purchase.id,
                   purchase.partner_id,
                   purchase.company_id,
                   p.user_id,
                   p.country_id,
                   p.industry_id,
                   p.lifecycle_stage_id AS stage_id,
                   purchase.cohort_date,
                   purchase.date,
                   ((EXTRACT(YEAR FROM purchase.date) - EXTRACT(YEAR FROM purchase.cohort_date)) * 12
                    + EXTRACT(MONTH FROM purchase.date) - EXTRACT(MONTH FROM purchase.cohort_date))::int4 AS age,
                   purchase.orders,
                   1.0 AS retention,
                   purchase.amount * account_currency_table.rate AS revenue,
                   %s AS currency_id
            """,
            self.env.company.currency_id.id,
        )

    @api.model
    def _from(self) -> SQL:
        return SQL(
            """
              FROM (%(purchases)s) purchase
              LEFT JOIN res_partner p ON p.id = purchase.partner_id
              JOIN %(currency_table)s ON account_currency_table.company_id = purchase.company_id
            """,
            purchases=self._purchases(),
            currency_table=self.env["res.currency"]._get_simple_currency_table(self.env.companies),
        )

    @api.model
    def _purchases(self) -> SQL:
        """:return: SQL of the purchases by customer, company and month, with the month of the first of them"""
        return SQL(
            """
            SELECT MIN(event.id) AS id,
                   event.partner_id,
                   event.company_id,
                   date_trunc('month', event.day::timestamp)::date AS date,
                   date_trunc('month', MIN(MIN(event.day)) OVER (PARTITION BY event.partner_id)::timestamp)::date
                       AS cohort_date,
                   COUNT(*) AS orders,
                   SUM(event.amount) AS amount
              FROM (%s) event
             WHERE event.kind IN %s AND event.company_id = ANY(%s)
             GROUP BY event.partner_id, event.company_id, date_trunc('month', event.day::timestamp)::date
            """,
            self.env["clm.event"]._table_query,
            PURCHASE_KINDS,
            self.env.companies.ids,
        )

    @api.model
    def _measures(self):
        return {**super()._measures(), "retention:avg": self._retention}

    def _retention(self, query) -> SQL:
        """Customers of the group to those of its cohort, who all bought at age 0.

        None where cohorts of several ages are thrown together: the young ones had no time yet to come back.
        """
        cohort = next((group for group in self._groups() if group in ("cohort_date:month", "cohort_date:day")), None)
        if not cohort:
            return SQL("NULL::float8")
        customers = SQL("COUNT(DISTINCT %s)", self._field_to_sql(self._table, "partner_id", query))
        return SQL(
            """
            CASE WHEN GROUPING(%(cohort)s) = 0 THEN
                %(customers)s::float8 / NULLIF(MAX(%(customers)s FILTER (WHERE %(age)s = 0)) %(window)s, 0)
            END
            """,
            cohort=self._read_group_groupby(self._table, cohort, query),
            customers=customers,
            age=self._field_to_sql(self._table, "age", query),
            window=self._over_groups("age", query),
        )
