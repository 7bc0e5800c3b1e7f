from odoo import api, fields, models

from ..tools import kpi_periods
from .clm_kpi_refresh import KINDS

#: Months of history that are computed by one step.
BLOCK_MONTHS = 3


class ClmKpi(models.Model):
    """History that somebody asked for: computed by the cron in steps of three months, newest first.

    It can be stopped at any time and goes on where it was: what is left stands on the KPI.
    """

    _inherit = "clm.kpi"

    fill_from = fields.Date("History Wanted From", readonly=True, copy=False)
    fill_until = fields.Date("History Wanted To", readonly=True, copy=False, help="Later days are computed already.")

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
        """Compute the periods that begin in a block; those that began before the first day of all are of its block."""
        snapshot = self.env["clm.kpi.snapshot"]
        for company in self.env["res.company"]._lifecycle_companies().filtered("active"):
            year_start, last = self._year_start(company), min(end, company._lifecycle_today())
            periods = [
                period for kind in KINDS for period in kpi_periods.periods(kind, start, last, year_start)
                if start <= max(period.start, first)
            ]
            self._refresh_company(company, periods)
            snapshot._fill(company, [period for period in periods if period.kind == kpi_periods.MONTH])

    @api.model
    def _fill(self, companies):
        """Also what was asked for."""
        super()._fill(companies)
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
