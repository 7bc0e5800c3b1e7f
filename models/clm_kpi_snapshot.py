from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import kpi_periods

COHORT_MONTHS = 24
KINDS = [("funnel", "Funnel"), ("cohorts", "Cohorts"), ("rotting", "Overdue in stage")]


class ClmKpiSnapshot(models.Model):
    """Pictures that take the database long to draw, drawn by night for the cockpit; one row per company, kind, month.

    * ``funnel``: ``{variant: {team or "": {stage: customers}}}`` of the 12 months until the end of the month:
      ``strict`` of those who started in them, ``any`` of whoever stood in the stage.
    * ``cohorts``: list of ``[month, age, customers, amount]`` in company currency, of the last months only.
    * ``rotting``: ``{team or "": {stage: [overdue, all]}}`` as it is now.
    """

    _name = "clm.kpi.snapshot"
    _description = "Cockpit Snapshot"
    _log_access = False
    _order = "date_from desc, id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    kind = fields.Selection(KINDS, required=True, readonly=True)
    date_from = fields.Date("Month", required=True, readonly=True)
    data = fields.Json(readonly=True)
    computed_at = fields.Datetime(readonly=True)

    _month_uniq = models.UniqueIndex("(company_id, kind, date_from)")

    @api.model
    def _refresh(self, company):
        """Draw the pictures of now."""
        year_start = self.env["clm.kpi"]._year_start(company)
        month = kpi_periods.period_of(kpi_periods.MONTH, company._lifecycle_today(), year_start)
        drawer = self._drawer(company)
        self._keep(company, "cohorts", month.start, drawer._draw_cohorts())
        self._keep(company, "rotting", month.start, drawer._draw_rotting())
        self._fill(company, [kpi_periods.shift(month, -1, year_start), month])

    @api.model
    def _fill(self, company, months):
        """Draw the funnels of some months.

        :param months: list of ``Period``
        """
        drawer = self._drawer(company)
        for month in months:
            self._keep(company, "funnel", month.start, drawer._draw_funnel(month))

    @api.model
    def _drawer(self, company):
        # sudo: numbers are the same for everybody
        return self.sudo().with_company(company).with_context(allowed_company_ids=company.ids)

    @api.model
    def _keep(self, company, kind, day, data):
        domain = [("company_id", "=", company.id), ("kind", "=", kind)]
        if kind != "funnel":  # of the others there is one alone
            rows = self.sudo().search(domain)
        else:
            rows = self.sudo().search([*domain, ("date_from", "=", day)])
        vals = {"data": data, "computed_at": fields.Datetime.now(), "date_from": day}
        if rows:
            rows[0].write(vals)
            rows[1:].unlink()
        else:
            self.sudo().create({"company_id": company.id, "kind": kind, **vals})

    @api.model
    def _funnel_limits(self, month, company):
        """:return: two instants: customers who started between them are in the funnel of the month"""
        zone = self.env["res.company"]._lifecycle_timezones()[company.id]
        last = min(month.end, company._lifecycle_today())
        first = fields.Date.add(fields.Date.subtract(last, years=1), days=1)
        return kpi_periods.bounds(kpi_periods.Period(kpi_periods.MONTH, first, last), zone)

    @api.model
    def _draw_funnel(self, month):
        start, stop = self._funnel_limits(month, self.env.company)
        return {
            "strict": self._count_customers(SQL("(%s)", self._funnel_rows(start, stop)), SQL("TRUE")),
            "any": self._count_customers(
                SQL("clm_visit"),
                SQL(
                    "r.superseded_at IS NULL AND r.entered_at < %s"
                    " AND (r.entered_at >= %s OR r.exited_at IS NULL OR r.exited_at > %s)", stop, start, start,
                ),
            ),
        }

    @api.model
    def _funnel_rows(self, start, stop) -> SQL:
        """The strict rows of ``clm.funnel.report`` of who entered the first stage in time: what they did in the cycle
        before that does not count, so that their paths begin there.

        :return: SELECT of customers and stages
        """
        stage_ids = self.env["clm.funnel.report"]._stage_ids() or [0]
        return SQL(
            """
            SELECT stays.partner_id, v.stage_id
              FROM (
                    SELECT begun.partner_id, begun.cycle, array_agg(stay.stage_id ORDER BY stay.number) AS path
                      FROM (%(begun)s) begun
                      JOIN clm_visit stay ON stay.partner_id = begun.partner_id AND stay.cycle = begun.cycle
                           AND stay.number >= begun.number AND stay.superseded_at IS NULL
                     GROUP BY begun.partner_id, begun.cycle
                   ) stays
             CROSS JOIN unnest(%(stage_ids)s) v(stage_id)
             WHERE %(place)s IS NOT NULL
            """,
            begun=self._funnel_begun(stage_ids[0], start, stop), stage_ids=stage_ids,
            place=self.env["clm.funnel.report"]._select_place(stage_ids),
        )

    @api.model
    def _funnel_begun(self, stage_id, start, stop) -> SQL:
        """:return: SELECT of customers, cycles and the number of the stay with which they began"""
        return SQL(
            """
            SELECT f.partner_id, f.cycle, f.number
              FROM clm_visit f
             WHERE f.superseded_at IS NULL AND f.stage_id = %(stage)s
               AND f.entered_at >= %(start)s AND f.entered_at < %(stop)s
               AND NOT EXISTS (
                   SELECT FROM clm_visit earlier
                    WHERE earlier.partner_id = f.partner_id AND earlier.cycle = f.cycle AND earlier.number < f.number
                      AND earlier.stage_id = %(stage)s AND earlier.superseded_at IS NULL
               )
            """,
            stage=stage_id, start=start, stop=stop,
        )

    @api.model
    def _count_customers(self, rows, condition):
        """:return: dict of team or "" -> dict of stage -> customers

        :param SQL rows: relation ``r`` with customers and stages
        :param SQL condition: which of them count
        """
        return _by_team(self.env.execute_query(SQL(
            """
            SELECT u.sale_team_id, GROUPING(u.sale_team_id) = 1, r.stage_id, COUNT(DISTINCT r.partner_id)
              FROM %s r
              JOIN res_partner c ON c.id = r.partner_id
              LEFT JOIN res_users u ON u.id = c.user_id
             WHERE %s AND %s
             GROUP BY GROUPING SETS ((r.stage_id), (r.stage_id, u.sale_team_id))
            """,
            rows, condition, self.env["clm.kpi.facts"]._of_company(SQL("c.company_id")),
        )))

    @api.model
    def _draw_cohorts(self):
        first = fields.Date.subtract(
            fields.Date.start_of(self.env.company._lifecycle_today(), "month"), months=COHORT_MONTHS - 1,
        )
        rows = self.env.execute_query(SQL(
            """
            SELECT r.cohort_date, r.age, COUNT(DISTINCT r.partner_id), SUM(r.revenue)
              FROM (%s) r
             WHERE r.cohort_date >= %s AND r.company_id = %s
             GROUP BY r.cohort_date, r.age ORDER BY r.cohort_date, r.age
            """,
            self.env["clm.cohort.report"]._table_query, first, self.env.company.id,
        ))
        return [
            [fields.Date.to_string(month), int(age), customers, float(amount or 0)]
            for month, age, customers, amount in rows
        ]

    @api.model
    def _draw_rotting(self):
        rows = self.env.execute_query(SQL(
            """
            SELECT u.sale_team_id, GROUPING(u.sale_team_id) = 1, c.lifecycle_stage_id,
                   COUNT(*) FILTER (
                       WHERE s.rotting_threshold_days > 0
                         AND c.lifecycle_since <= %s - (s.rotting_threshold_days + 1) * interval '1 day'
                   ),
                   COUNT(*)
              FROM res_partner c
              JOIN clm_stage s ON s.id = c.lifecycle_stage_id
              LEFT JOIN res_users u ON u.id = c.user_id
             WHERE c.lifecycle_cycle > 0 AND c.active AND %s
             GROUP BY GROUPING SETS ((c.lifecycle_stage_id), (c.lifecycle_stage_id, u.sale_team_id))
            """,
            fields.Datetime.now(), self.env["clm.kpi.facts"]._of_company(SQL("c.company_id")),
        ))
        return _by_team((team, total, stage, [overdue, everybody]) for team, total, stage, overdue, everybody in rows)


def _by_team(rows):
    """:return: dict of team id as text, or "" for all -> dict of stage id as text -> numbers"""
    found = {}
    for team, is_total, stage, numbers in rows:
        if is_total or team:
            found.setdefault("" if is_total else str(team), {})[str(stage)] = numbers
    return found
