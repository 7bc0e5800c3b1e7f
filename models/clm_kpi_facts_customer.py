from odoo import api, models
from odoo.tools import SQL

from ..tools import kpi_periods


class ClmKpiFacts(models.AbstractModel):
    """The facts about customers and leads."""

    _inherit = "clm.kpi.facts"

    @api.model
    def _facts_entries(self, periods) -> SQL:
        """Customers that became known, and those that were won back: the first stay of each cycle."""
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, v.partner_id AS res_id,
                   v.number = 1 AS is_first, v.number > 1 AS is_return
              FROM clm_visit v
              JOIN period p ON v.entered_at >= p.start AND v.entered_at < p.stop
              %(customer)s
              LEFT JOIN clm_visit before ON before.partner_id = v.partner_id AND before.number = v.number - 1
                   AND before.superseded_at IS NULL
             WHERE v.superseded_at IS NULL AND before.cycle IS DISTINCT FROM v.cycle
               AND %(between)s AND %(company)s
            """,
            customer=self._join_customer(SQL("v.partner_id")), between=self._between(SQL("v.entered_at"), periods),
            company=self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _facts_stage_exits(self, periods) -> SQL:
        """Stays that ended."""
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, v.id AS res_id, v.stage_id, v.days
              FROM clm_visit v
              JOIN period p ON v.exited_at >= p.start AND v.exited_at < p.stop
              %(customer)s
             WHERE v.superseded_at IS NULL AND %(between)s AND %(company)s
            """,
            customer=self._join_customer(SQL("v.partner_id")), between=self._between(SQL("v.exited_at"), periods),
            company=self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _became_customer(self, between) -> SQL:
        """:return: SELECT of those who became customers: their first stay ever in a stage of customers, with what was
            bought. It belongs to the company and the team of the document that caused it.

        :param SQL between: condition on the stay ``v``
        """
        return SQL(
            """
            SELECT v.partner_id, v.entered_at, COALESCE(d.team_id, c.team_id) AS team_id, d.amount
              FROM (
                    SELECT v.partner_id, v.entered_at, v.evidence_model, v.evidence_id
                      FROM clm_visit v
                      JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
                     WHERE v.superseded_at IS NULL AND %(between)s
                       AND NOT EXISTS (
                           SELECT FROM clm_visit b JOIN clm_stage bs ON bs.id = b.stage_id AND bs.is_customer
                            WHERE b.partner_id = v.partner_id AND b.superseded_at IS NULL AND b.number < v.number
                       )
                    OFFSET 0  -- they and their documents are looked up one by one
                   ) v
             CROSS JOIN LATERAL (
                   SELECT x.company_id, cu.sale_team_id AS team_id
                     FROM res_partner x LEFT JOIN res_users cu ON cu.id = x.user_id WHERE x.id = v.partner_id OFFSET 0
                   ) c
              LEFT JOIN LATERAL (
                   SELECT o.team_id, o.company_id, %(order)s AS amount
                     FROM sale_order o WHERE v.evidence_model = 'sale.order' AND o.id = v.evidence_id
                    UNION ALL
                   SELECT m.team_id, m.company_id, m.amount_untaxed_signed
                     FROM account_move m WHERE v.evidence_model = 'account.move' AND m.id = v.evidence_id
                    UNION ALL
                   SELECT k.team_id, k.company_id, NULL
                     FROM clm_contract k WHERE v.evidence_model = 'clm.contract' AND k.id = v.evidence_id
                   ) d ON TRUE
             WHERE %(company)s
            """,
            between=between, order=self.env["clm.event"]._event_order_amount(),
            company=self._of_company(SQL("COALESCE(d.company_id, c.company_id)")),
        )

    @api.model
    def _facts_customers(self, periods) -> SQL:
        """New customers, with the days since their first lead and the amount of their first purchase."""
        return SQL(
            """
            SELECT p.id AS period_id, n.team_id, n.partner_id AS res_id, n.amount,
                   EXTRACT(EPOCH FROM n.entered_at - n.lead_at) / 86400 AS days
              FROM (
                    SELECT b.*, (
                           SELECT MIN(l.create_date) FROM crm_lead l JOIN res_partner lc ON lc.id = l.partner_id
                            WHERE lc.commercial_partner_id = b.partner_id AND l.create_date <= b.entered_at
                           ) AS lead_at
                      FROM (%s) b OFFSET 0  -- once for each customer, and only where days are asked for
                   ) n
              JOIN period p ON n.entered_at >= p.start AND n.entered_at < p.stop
            """,
            self._became_customer(self._between(SQL("v.entered_at"), periods)),
        )

    @api.model
    def _facts_leads(self, periods) -> SQL:
        """Leads and opportunities by the day on which they were made, and what became of them until now."""
        return SQL(
            """
            SELECT p.id AS period_id, l.team_id, l.id AS res_id,
                   l.type = 'lead' OR l.date_conversion > l.create_date AS was_lead,
                   l.type = 'opportunity' AS is_converted,
                   COALESCE(l.won_status = 'won', FALSE) AS is_won
              FROM crm_lead l
              JOIN period p ON l.create_date >= p.start AND l.create_date < p.stop
             WHERE %s AND %s
            """,
            self._between(SQL("l.create_date"), periods), self._of_company(SQL("l.company_id")),
        )

    @api.model
    def _facts_closed_leads(self, periods) -> SQL:
        """Opportunities that were won or lost."""
        return SQL(
            """
            SELECT p.id AS period_id, l.team_id, l.id AS res_id, l.won_status = 'won' AS is_won
              FROM crm_lead l
              JOIN period p ON l.date_closed >= p.start AND l.date_closed < p.stop
             WHERE l.type = 'opportunity' AND l.won_status IN ('won', 'lost') AND %s AND %s
            """,
            self._between(SQL("l.date_closed"), periods), self._of_company(SQL("l.company_id")),
        )

    @api.model
    def _facts_spend(self, periods) -> SQL:
        """What was spent to win customers; each amount is spread evenly over its days."""
        return SQL(
            """
            SELECT p.id AS period_id, s.team_id, s.id AS res_id,
                   s.company_amount * (LEAST(s.date_to, p.until) - GREATEST(s.date_from, p.first) + 1)
                       / (s.date_to - s.date_from + 1) AS amount
              FROM clm_spend s
              JOIN period p ON s.date_from <= p.until AND s.date_to >= p.first
             WHERE s.active AND s.company_id = %s
            """,
            self.env.company.id,
        )

    @api.model
    def _facts_customer_stays(self, periods) -> SQL:
        """Customers who lapsed in the period (``lapsed``), one by one, and how many there were at its start, who had
        bought and had not lapsed (``at_start``), counted by team: they are nearly all customers.
        """
        return SQL("%s UNION ALL %s", self._customers_lapsed(periods), self._customers_at_start(periods))

    @api.model
    def _customers_lapsed(self, periods) -> SQL:
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, v.partner_id AS res_id, 0 AS at_start, 1 AS lapsed
              FROM clm_visit v
              JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
              JOIN period p ON v.entered_at < p.start AND v.exited_at >= p.start AND v.exited_at < p.stop
              %(customer)s
             WHERE v.superseded_at IS NULL AND %(between)s AND %(company)s
               AND EXISTS (
                   SELECT FROM clm_visit n JOIN clm_stage ns ON ns.id = n.stage_id AND ns.is_lapsed
                    WHERE n.partner_id = v.partner_id AND n.superseded_at IS NULL
                      AND n.entered_at >= p.start AND n.entered_at < p.stop
               )
            """,
            customer=self._join_customer(SQL("v.partner_id")), between=self._between(SQL("v.exited_at"), periods),
            company=self._of_company(SQL("c.company_id")),
        )

    @api.model
    def _customers_at_start(self, periods) -> SQL:
        return SQL(
            "SELECT c.period_id, c.team_id, NULL, c.customers, 0 FROM (%s) c", self._customers_at(periods, "start"),
        )

    @api.model
    def _customers_at(self, periods, bound) -> SQL:
        """Count who stood in a stage of customers, in one pass over the stays, whatever the number of periods: each
        stay counts between two of their bounds.

        :param str bound: ``start`` or ``stop`` of the periods
        :return: SELECT of ``period_id``, ``team_id`` and ``customers``
        """
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        place = ("start", "stop").index(bound)
        instants = sorted({kpi_periods.bounds(period, zone)[place] for period in periods})
        return SQL(
            """
            SELECT p.id AS period_id, stay.team_id, stay.customers
              FROM (
                    SELECT cu.sale_team_id AS team_id, width_bucket(v.entered_at, %(instants)s::timestamp[]) AS entered,
                           width_bucket(COALESCE(v.exited_at, 'infinity'), %(instants)s::timestamp[]) AS exited,
                           COUNT(*) AS customers
                      FROM clm_visit v
                      JOIN clm_stage s ON s.id = v.stage_id AND s.is_customer
                      %(customer)s
                     WHERE v.superseded_at IS NULL AND v.entered_at < %(last)s
                       AND (v.exited_at IS NULL OR v.exited_at >= %(first)s) AND %(company)s
                     GROUP BY 1, 2, 3
                   ) stay
              JOIN period p
                ON array_position(%(instants)s::timestamp[], %(bound)s) BETWEEN stay.entered + 1 AND stay.exited
            """,
            customer=self._join_customer(SQL("v.partner_id")), instants=instants, first=instants[0], last=instants[-1],
            company=self._of_company(SQL("c.company_id")), bound=SQL.identifier("p", bound),
        )
