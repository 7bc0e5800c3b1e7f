from odoo import api, fields, models

from ..tools import kpi_periods
from .clm_kpi_refresh import KINDS

#: Quarters of history that are computed after the installation: two years.
HISTORY_QUARTERS = 8
#: How long the computation waits for the reconstruction of the customers' history.
WAIT_MINUTES = 5


class ClmKpi(models.Model):
    """When KPIs are computed: each night the running and the previous week, month and quarter, older ones once."""

    _name = "clm.kpi"
    _inherit = ["clm.kpi", "clm.due.mixin"]

    @api.model
    def _cron_refresh(self):
        """Compute what is running, tell about missed goals, then go on with the history.

        Waits while the history of the customers is being reconstructed: half of it would make wrong numbers.
        """
        now = fields.Datetime.now()
        if self.env["clm.queue"].sudo().search_count([("bulk", "=", True)], limit=1):
            self.env.ref("clm.ir_cron_kpi")._trigger(fields.Datetime.add(now, minutes=WAIT_MINUTES))
            return
        companies = self.env["res.company"]._lifecycle_companies().filtered("active")
        for company in companies:
            # a run that goes on with the history has done this already
            if not company.clm_kpi_computed_at or company.clm_kpi_computed_at < fields.Datetime.subtract(now, hours=1):
                self._refresh_now(company)
                self.env["clm.kpi.target"]._alert(company)
                self._clm_commit(1, 1)
        self._fill(companies)

    @api.model
    def _refresh_now(self, company):
        """Compute the running and the previous periods of a company, and the pictures of the cockpit."""
        kpis = self.sudo().search([])  # pylint: disable=no-search-all
        kpis._refresh_company(company, self._periods(company))
        self.env["clm.kpi.snapshot"]._refresh(company)
        company.sudo().clm_kpi_computed_at = fields.Datetime.now()  # sudo: a note for everybody

    @api.model
    def _fill(self, companies):
        """Compute the history, a quarter of a company at a time, newest first."""
        kpis = self.sudo().search([])  # pylint: disable=no-search-all
        steps = [
            (company, kpis, back)
            for company in companies for back in range(company.clm_kpi_quarters, HISTORY_QUARTERS + 1)
        ]
        new = kpis.filtered("to_fill")
        if not steps:
            steps = [(company, new, back) for company in companies for back in range(HISTORY_QUARTERS + 1) if new]
        for number, (company, chosen, back) in enumerate(steps, start=1):
            chosen._fill_quarter(company, back)
            if chosen == kpis:
                company.sudo().clm_kpi_quarters = back + 1
            if number == len(steps):
                new.to_fill = False
            if not self._clm_commit(1, len(steps) - number):
                return

    def _fill_quarter(self, company, back):
        """Compute all periods that begin in a quarter.

        :param int back: how many quarters ago
        """
        year_start, today = self._year_start(company), company._lifecycle_today()
        quarter = kpi_periods.shift(
            kpi_periods.period_of(kpi_periods.QUARTER, today, year_start), -back, year_start,
        )
        periods = [
            period for kind in KINDS for period in kpi_periods.periods(kind, quarter.start, quarter.end, year_start)
            if quarter.start <= period.start <= min(quarter.end, today)
        ]
        self._refresh_company(company, periods)
        self.env["clm.kpi.snapshot"]._fill(company, [p for p in periods if p.kind == kpi_periods.MONTH])
