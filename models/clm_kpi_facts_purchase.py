from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import kpi_periods


class ClmKpiFacts(models.AbstractModel):
    """The facts about purchases, from the timeline."""

    _inherit = "clm.kpi.facts"

    @api.model
    def _facts_purchases(self, periods) -> SQL:
        """Orders, invoices without an order, and credit notes, with the stage in which the customer was."""
        return SQL(
            """
            SELECT p.id AS period_id, e.team_id, e.id AS res_id, e.partner_id, e.amount, e.is_purchase, e.stage_id
              FROM (
                    SELECT e.*, %s AS stage_id
                      FROM (%s) e OFFSET 0  -- once for each purchase, and only where the stage is asked for
                   ) e
              JOIN period p ON e.day BETWEEN p.first AND p.last
            """,
            self._stage_at(SQL("e")), self._purchases(min(p.start for p in periods), max(p.end for p in periods)),
        )

    @api.model
    def _stage_at(self, event) -> SQL:
        """:return: SQL of the stage in which the customer was at the time of an event

        :param SQL event: alias of a row of the timeline
        """
        return SQL(
            """
            (SELECT v.stage_id FROM clm_visit v
              WHERE v.partner_id = %(event)s.partner_id AND v.superseded_at IS NULL
                AND v.entered_at <= %(event)s.date AND (v.exited_at IS NULL OR v.exited_at > %(event)s.date)
              ORDER BY v.number DESC LIMIT 1)
            """,
            event=event,
        )

    @api.model
    def _counted_purchase(self, measure, period, team, params, event) -> SQL:
        """:return: SQL condition on a row of the timeline that has purchases only: a KPI counts it

        :param SQL event: alias of the row
        """
        first, last = period.start, period.end
        if measure.family == "year_purchases":
            last = self._until(period)
            first = fields.Date.add(fields.Date.subtract(last, years=1), days=1)
        return SQL(
            """
            %(event)s.day BETWEEN %(first)s AND %(last)s AND %(event)s.company_id = %(company)s AND %(team)s
            AND EXISTS (
                SELECT FROM (SELECT %(event)s.kind != 'refund' AS is_purchase, %(stage)s AS stage_id) f
                 WHERE %(counted)s
            )
            """,
            event=event, first=first, last=last, company=self.env.company.id, stage=self._stage_at(event),
            team=SQL("%s.team_id = %s", event, team.id) if team else SQL("TRUE"),
            counted=SQL(measure.counted, **params),
        )

    @api.model
    def _facts_year_purchases(self, periods) -> SQL:
        """The same, of the year until the end of the period."""
        first = min(fields.Date.subtract(period.start, years=1) for period in periods)
        return SQL(
            """
            SELECT p.id AS period_id, e.team_id, e.id AS res_id, e.partner_id, e.amount, e.is_purchase
              FROM (%s) e
              JOIN period p ON e.day > p.year_ago AND e.day <= p.until
            """,
            self._purchases(first, max(period.end for period in periods)),
        )

    @api.model
    def _facts_cohorts(self, periods) -> SQL:
        """New customers whose first year ended in the period, and whether they came back in it."""
        return self._cohorts(periods, 365)

    @api.model
    def _facts_cohorts_90(self, periods) -> SQL:
        """The same with their first 90 days."""
        return self._cohorts(periods, 90)

    @api.model
    def _cohorts(self, periods, days) -> SQL:
        """New customers whose time to come back ended in the period, and whether they did.

        A second purchase counts from the day after the first one on, until ``days`` days after it.
        """
        first = fields.Date.subtract(min(period.start for period in periods), days=days)
        last = fields.Date.subtract(max(map(self._until, periods)), days=days)
        whole = [kpi_periods.Period(kpi_periods.MONTH, first, last)]
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        return SQL(
            """
            SELECT p.id AS period_id, n.team_id, n.partner_id AS res_id, n.came_back
              FROM (
                    SELECT b.*, EXISTS (
                           SELECT FROM (%(purchases)s) e
                            WHERE e.company_id = %(company)s AND e.kind != 'refund'
                              AND e.day > b.day AND e.day <= b.day + %(days)s
                           ) AS came_back
                      FROM (
                            SELECT c.partner_id, c.team_id,
                                   (c.entered_at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date AS day
                              FROM (%(customers)s) c WHERE c.amount IS NOT NULL
                           ) b OFFSET 0  -- once for each customer
                   ) n
              JOIN period p ON n.day + %(days)s BETWEEN p.first AND p.until
            """,
            zone=zone, days=days, company=self.env.company.id,
            customers=self._became_customer(self._between(SQL("v.entered_at"), whole)),
            purchases=self.env["clm.event"]._purchases_of(SQL("b.partner_id")),
        )

    @api.model
    def _purchases(self, first, last) -> SQL:
        """:return: SELECT of the purchases and credit notes of the company on some days, and some of the days around
            them: ``day`` tells

        :param date first: first day
        :param date last: last day
        """
        zone = self.env["res.company"]._lifecycle_timezones()[self.env.company.id]
        start, stop = kpi_periods.bounds(kpi_periods.Period(kpi_periods.MONTH, first, last), zone)
        return SQL(
            """
            SELECT e.id, e.partner_id, e.day, e.date, e.amount, e.kind != 'refund' AS is_purchase, e.team_id
              FROM (%s) e
            """,
            self.env["clm.event"]._purchases_between(start, stop, self.env.company.id),
        )
