from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

DAY = timedelta(days=1)


class ClmKpiFacts(models.AbstractModel):
    """The facts about contracts, read from the reports that show them."""

    _inherit = "clm.kpi.facts"

    @api.model
    def _rows(self, model) -> SQL:
        """:return: SELECT of the rows of a report of contracts"""
        return self.env[model]._table_query

    @api.model
    def _counted_facts(self, family, period, team) -> SQL:
        if family == "recurring" and not team:
            return self._facts_recurring([period], totals=True)
        if family == "installments":
            return self._planned_installments([period])
        return super()._counted_facts(family, period, team)

    @api.model
    def _facts_recurring(self, periods, totals=False) -> SQL:
        """Customers with their MRR before the period, at its end, and a year before its end.

        A customer with contracts of several teams has a row for each, and one for all of them (``is_total``).
        One pass over the movements, whatever the number of periods: it adds up what was before each day asked for.

        :param bool totals: only the rows of all teams together
        """
        places = [(period.start, until + DAY, fields.Date.subtract(until, years=1) + DAY)
                  for period, until in ((period, self._until(period)) for period in periods)]
        days = sorted({day for place in places for day in place})
        return SQL(
            """
            SELECT p.id AS period_id, b.team_id, b.res_id, b.is_total, b.balances[place.opening] AS opening,
                   b.balances[place.closing] AS closing, b.balances[place.year_ago] AS year_ago
              FROM (
                    SELECT %(scope)s, m.partner_id AS res_id, MIN(m.date) AS first_date, ARRAY[%(balances)s] AS balances
                      FROM clm_mrr_movement m
                      %(contract)s
                     WHERE m.company_id = %(company)s AND m.date < %(last)s
                     GROUP BY %(groups)s
                   ) b
              JOIN period p ON b.first_date <= p.until
              JOIN unnest(%(ids)s::int4[], %(opening)s::int4[], %(closing)s::int4[], %(year_ago)s::int4[])
                   AS place(id, opening, closing, year_ago) ON place.id = p.id
            """,
            company=self.env.company.id, last=days[-1], ids=list(range(len(periods))),
            scope=SQL("NULL::int4 AS team_id, TRUE AS is_total") if totals
            else SQL("k.team_id, GROUPING(k.team_id) = 1 AS is_total"),
            contract=SQL() if totals else SQL("JOIN clm_contract k ON k.id = m.contract_id"),
            groups=SQL("m.partner_id") if totals
            else SQL("GROUPING SETS ((m.partner_id), (m.partner_id, k.team_id))"),
            balances=SQL(", ").join(SQL("COALESCE(SUM(m.value) FILTER (WHERE m.date < %s), 0)", day) for day in days),
            **{
                name: [days.index(place[number]) + 1 for place in places]
                for number, name in enumerate(("opening", "closing", "year_ago"))
            },
        )

    @api.model
    def _facts_movements(self, periods) -> SQL:
        """Changes of MRR."""
        return SQL(
            """
            SELECT p.id AS period_id, k.team_id, m.id AS res_id, m.kind, m.value
              FROM clm_mrr_movement m
              JOIN period p ON m.date BETWEEN p.first AND p.until
              JOIN clm_contract k ON k.id = m.contract_id
             WHERE m.company_id = %s
            """,
            self.env.company.id,
        )

    @api.model
    def _facts_renewals(self, periods) -> SQL:
        """Customer contracts that end or ended in the period, and what became of them."""
        return SQL(
            """
            SELECT p.id AS period_id, r.team_id, r.id AS res_id, r.outcome, r.renewed, r.gross_value, r.final_value,
                   r.decided_value, r.days_to_decide
              FROM (%s) r
              JOIN period p ON r.date_end BETWEEN p.first AND p.last
             WHERE r.direction = 'customer' AND r.company_id = %s
            """,
            self._rows("clm.contract.renewal.report"), self.env.company.id,
        )

    @api.model
    def _facts_cycles(self, periods) -> SQL:
        """Contracts signed in the period."""
        return SQL(
            """
            SELECT p.id AS period_id, r.team_id, r.id AS res_id, r.cycle_days, r.first_pass
              FROM (%s) r
              JOIN period p ON r.signed_at >= p.start AND r.signed_at < p.stop
             WHERE r.cycle_days IS NOT NULL AND r.company_id = %s
            """,
            self._rows("clm.contract.cycle.report"), self.env.company.id,
        )

    @api.model
    def _facts_contract_stays(self, periods) -> SQL:
        """Stays of contracts in a state that ended in the period."""
        return SQL(
            """
            SELECT p.id AS period_id, r.team_id, r.contract_id AS res_id, r.state, r.days
              FROM (%s) r
              JOIN period p ON r.exited_at >= p.start AND r.exited_at < p.stop
             WHERE r.company_id = %s
            """,
            self._rows("clm.contract.visit.report"), self.env.company.id,
        )

    @api.model
    def _facts_obligations(self, periods) -> SQL:
        """Our obligations that were due in the period; ``on_time`` is 1, 0, or unknown as long as they may be kept."""
        return SQL(
            """
            SELECT p.id AS period_id, r.team_id, r.id AS res_id, r.on_time
              FROM (%s) r
              JOIN period p ON r.date_due BETWEEN p.first AND p.last
             WHERE r.side = 'us' AND r.company_id = %s
            """,
            self._rows("clm.obligation.report"), self.env.company.id,
        )

    @api.model
    def _facts_installments(self, periods) -> SQL:
        """What was planned to be invoiced in the period, and what of it was not."""
        days = min(period.start for period in periods), max(map(self._until, periods))
        return SQL(
            """
            SELECT p.id AS period_id, r.team_id, r.installment_id AS res_id, r.contracted, r.leakage
              FROM (%s) r
              JOIN period p ON r.date_planned BETWEEN p.first AND p.until
             WHERE r.direction = 'customer' AND r.is_due AND r.installment_id IS NOT NULL AND r.company_id = %s
            """,
            self.with_context(clm_planned_between=days)._rows("clm.billing.report"), self.env.company.id,
        )

    @api.model
    def _planned_installments(self, periods) -> SQL:
        """The same without the amounts, for which all their documents would have to be read."""
        return SQL(
            """
            SELECT p.id AS period_id, k.team_id, i.id AS res_id
              FROM clm_installment i
              JOIN clm_contract k ON k.id = i.contract_id
              JOIN period p ON i.date_planned BETWEEN p.first AND p.until
             WHERE k.direction = 'customer' AND k.company_id = %s
            """,
            self.env.company.id,
        )
