import logging

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ..tools import kpi_periods
from .clm_kpi_refresh import KINDS

_logger = logging.getLogger(__name__)

#: Quarters of history that are computed after the installation: two years.
HISTORY_QUARTERS = 8
#: Months of history that are computed by one step, where somebody asked for it.
BLOCK_MONTHS = 3
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

    # === HISTORY === #

    @api.model
    def _fill(self, companies):
        """Compute the history: of new companies, a quarter at a time, then what was asked for; newest first.

        It can be stopped after each step and goes on where it was.
        """
        kpis = self.sudo().search([])  # pylint: disable=no-search-all
        steps = [
            (company, back) for company in companies for back in range(company.clm_kpi_quarters, HISTORY_QUARTERS + 1)
        ]
        for left, (company, back) in zip(reversed(range(len(steps))), steps, strict=True):
            periods = kpis._fill_quarter(company, back)
            self.env["clm.kpi.snapshot"]._fill(company, _months(periods))
            company.sudo().clm_kpi_quarters = back + 1  # sudo: a note for the cron
            if not self._clm_commit(1, left):
                return
        while waiting := self.sudo().search([("fill_until", "!=", False)]):  # sudo: of every company
            last, first = max((kpi.fill_until, kpi.fill_from) for kpi in waiting)
            chosen = waiting.filtered(lambda kpi, days=(last, first): (kpi.fill_until, kpi.fill_from) == days)
            (start, end), *left = self._fill_blocks(first, last)
            chosen._fill_block(first, start, end)
            chosen.write(
                {"fill_until": fields.Date.subtract(start, days=1)} if left
                else {"fill_from": False, "fill_until": False}
            )
            if not self._clm_commit(1, len(left)):
                return

    @api.model
    def _history_quarter(self, company, back):
        """:param int back: how many quarters ago
        :return: ``Period`` of a company
        """
        year_start = self._year_start(company)
        running = kpi_periods.period_of(kpi_periods.QUARTER, company._lifecycle_today(), year_start)
        return kpi_periods.shift(running, -back, year_start)

    def _fill_quarter(self, company, back):
        """Compute all periods that begin in a quarter.

        :param int back: how many quarters ago
        :return: these periods
        """
        quarter, year_start = self._history_quarter(company, back), self._year_start(company)
        last = min(quarter.end, company._lifecycle_today())
        periods = [
            period for kind in KINDS for period in kpi_periods.periods(kind, quarter.start, last, year_start)
            if period.start >= quarter.start
        ]
        self._refresh_company(company, periods)
        return periods

    def _fill_soon(self):
        """Let the cron compute the history of these KPIs, as far back as it is kept."""
        companies = self.env["res.company"]._lifecycle_companies().filtered("active")
        self._fill_later(
            min(self._history_quarter(company, HISTORY_QUARTERS).start for company in companies),
            max(company._lifecycle_today() for company in companies),
        )

    def _fill_later(self, first, last):
        """Let the cron compute the periods that share a day with the given ones.

        :param date first: first day
        :param date last: last day
        """
        for kpi in self.sudo():  # sudo: a note for the cron
            kpi.fill_from = min(first, kpi.fill_from or first)
            kpi.fill_until = max(last, kpi.fill_until or last)
        self.env.ref("clm.ir_cron_kpi").sudo()._trigger()

    def _fill_now(self, first, last):
        """Compute the periods that share a day with the given ones, in every company."""
        for start, end in self._fill_blocks(first, last):
            self._fill_block(first, start, end)

    @api.model
    def _fill_blocks(self, first, last):
        """:return: list of (first day, last day) that tile the given days, newest first"""
        blocks, end = [], last
        while end >= first:
            start = max(fields.Date.add(fields.Date.subtract(end, months=BLOCK_MONTHS), days=1), first)
            blocks.append((start, end))
            end = fields.Date.subtract(start, days=1)
        return blocks

    def _fill_block(self, first, start, end):
        """Compute the periods that begin in a block; those that began before the first day of all are of its block.

        The pictures of the cockpit are drawn anew with all KPIs, not for one.
        """
        everything = not self.search([]) - self  # pylint: disable=no-search-all
        for company in self.env["res.company"]._lifecycle_companies().filtered("active"):
            year_start, last = self._year_start(company), min(end, company._lifecycle_today())
            periods = [
                period for kind in KINDS for period in kpi_periods.periods(kind, start, last, year_start)
                if start <= max(period.start, first)
            ]
            self._refresh_company(company, periods)
            if everything:
                self.env["clm.kpi.snapshot"]._fill(company, _months(periods))


def _months(periods):
    return [period for period in periods if period.kind == kpi_periods.MONTH]
