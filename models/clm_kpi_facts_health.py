from odoo import api, models
from odoo.tools import SQL


class ClmKpiFacts(models.AbstractModel):
    """The facts about the health of customers."""

    _inherit = "clm.kpi.facts"

    @api.model
    def _facts_health(self, periods) -> SQL:
        """Customers whose health was known at the end of the period (``customers``), and those of them who were green
        (``healthy``), counted by team: they are nearly all customers.

        A period that is not over, and one that ended in the running month, tells of today; one that is over tells of
        the end of its month.
        """
        return SQL(
            """
            SELECT p.id AS period_id, h.team_id, NULL::int4 AS res_id, h.customers, h.healthy
              FROM period p
             CROSS JOIN LATERAL (
                   SELECT cu.sale_team_id AS team_id, COUNT(*) AS customers,
                          COUNT(*) FILTER (WHERE s.band = 'green') AS healthy
                     FROM (%s) s %s WHERE %s GROUP BY cu.sale_team_id
                   ) h
            """,
            self._health_at(SQL("p.until")), self._join_customer(SQL("s.partner_id")),
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
              FROM period p CROSS JOIN LATERAL (%s) s %s
             WHERE %s
            """,
            self._health_at(SQL("p.until")), self._join_customer(SQL("s.partner_id")),
            self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _health_at(self, day) -> SQL:
        """:return: SELECT of the customers whose health was known on a day, and its band"""
        month = SQL("date_trunc('month', %s)::date", day)
        running = self.env["clm.customer.score"]._today().replace(day=1)
        return SQL(
            """
            SELECT n.partner_id, n.band FROM clm_customer_score n WHERE n.band IS NOT NULL AND %(month)s >= %(running)s
             UNION ALL
            SELECT h.partner_id, h.band FROM clm_customer_score_history h WHERE %(month)s < %(running)s AND %(at)s
            """,
            month=month, running=running, at=self.env["clm.customer.score.history"]._at(month),
        )
