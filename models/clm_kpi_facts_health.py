from odoo import api, fields, models
from odoo.tools import SQL


class ClmKpiFacts(models.AbstractModel):
    """The facts about the health of customers.

    A period that is not over, and one that ended in the running month, tells of today; one that is over tells of the
    end of its month.
    """

    _inherit = "clm.kpi.facts"

    @api.model
    def _facts_health(self, periods) -> SQL:
        """Customers whose health was known at the end of the period (``customers``), and those of them who were green
        (``healthy``), counted by team: they are nearly all customers. Each month is read once.
        """
        months = {self._health_month(period) for period in periods}
        return SQL(
            """
            SELECT p.id AS period_id, h.team_id, NULL::int4 AS res_id, h.customers, h.healthy
              FROM (%s) h
              JOIN period p ON h.month = LEAST(date_trunc('month', p.until)::date, %s)
            """,
            SQL(" UNION ALL ").join(self._health_counts(month) for month in sorted(months)), self._running_month(),
        )

    @api.model
    def _health_counts(self, month) -> SQL:
        return SQL(
            """
            SELECT %s::date AS month, cu.sale_team_id AS team_id, COUNT(*) AS customers,
                   COUNT(*) FILTER (WHERE s.band = 'green') AS healthy
              FROM (%s) s %s WHERE %s GROUP BY cu.sale_team_id
            """,
            month, self._health_at(month), self._join_customer(SQL("s.partner_id")),
            self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _counted_facts(self, family, period, team) -> SQL:
        """One by one: the customers behind the numbers."""
        if family != "health":
            return super()._counted_facts(family, period, team)
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, s.partner_id AS res_id, 1 AS customers,
                   (s.band = 'green')::int4 AS healthy
              FROM (%s) s CROSS JOIN period p %s
             WHERE %s
            """,
            self._health_at(self._health_month(period)), self._join_customer(SQL("s.partner_id")),
            self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _health_month(self, period):
        """:return: first day of the month of which a period tells"""
        return min(fields.Date.start_of(self._until(period), "month"), self._running_month())

    @api.model
    def _running_month(self):
        return fields.Date.start_of(self.env["clm.customer.score"]._today(), "month")

    @api.model
    def _health_at(self, month) -> SQL:
        """:return: SELECT of the customers whose health was known at the end of a month, or is today, and its band"""
        if month >= self._running_month():
            return SQL("SELECT n.partner_id, n.band FROM clm_customer_score n WHERE n.band IS NOT NULL")
        return SQL(
            "SELECT h.partner_id, h.band FROM clm_customer_score_history h WHERE %s",
            self.env["clm.customer.score.history"]._at(SQL("%s::date", month)),
        )
