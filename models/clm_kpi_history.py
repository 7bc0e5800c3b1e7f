import logging

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..tools import kpi_periods
from .clm_kpi_refresh import KINDS

_logger = logging.getLogger(__name__)

#: Quarters of history that are computed after the installation: two years.
HISTORY_QUARTERS = 8
#: How long the computation waits for the reconstruction of the customers' history.
WAIT_MINUTES = 1


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
            self._run_again()
            return
        companies = self.env["res.company"]._lifecycle_companies().filtered("active")
        for company in companies:
            # a run that goes on with the history has done this already
            if not company.clm_kpi_computed_at or company.clm_kpi_computed_at < fields.Datetime.subtract(now, hours=1):
                try:
                    self._refresh_now(company)
                    self.env["clm.kpi.target"]._alert(company)
                    self._clm_commit(1, 1)
                except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                    _logger.info("KPIs of %s: somebody else is computing them, trying again later", company.name)
                    self.env.cr.rollback()
                    self._run_again()
                    return
        self._fill(companies)

    @api.model
    def _run_again(self):
        """Let the cron run in a little while."""
        self.env.ref("clm.ir_cron_kpi")._trigger(fields.Datetime.add(fields.Datetime.now(), minutes=WAIT_MINUTES))

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
        quarters = range(HISTORY_QUARTERS + 1)
        steps = [(company, back) for company in companies for back in quarters[company.clm_kpi_quarters:]]
        new = kpis.filtered("to_fill")
        again = [(kpi, back) for kpi in new for back in quarters[kpi.fill_done:]]
        left = len(steps) + len(again)
        for company, back in steps:
            periods = kpis._fill_quarter(company, back)
            self.env["clm.kpi.snapshot"]._fill(company, [p for p in periods if p.kind == kpi_periods.MONTH])
            company.sudo().clm_kpi_quarters = back + 1  # sudo: a note for the cron
            left -= 1
            if not self._clm_commit(1, left):
                return
        for kpi, back in again:
            for company in companies:
                kpi._fill_quarter(company, back)
            kpi.write({"fill_done": back + 1, "to_fill": back < HISTORY_QUARTERS})
            left -= 1
            if not self._clm_commit(1, left):
                return

    def _fill_quarter(self, company, back):
        """Compute all periods that begin in a quarter.

        :param int back: how many quarters ago
        :return: these periods
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
        return periods
