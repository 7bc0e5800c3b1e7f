from babel.dates import format_skeleton

from odoo import api, fields, models
from odoo.tools import format_amount, format_date, formatLang
from odoo.tools.misc import babel_locale_parse, get_lang

from ..const import KPI_STATUSES
from ..tools import kpi_periods


class ClmKpi(models.Model):
    """How values and periods are told to people."""

    _inherit = "clm.kpi"

    latest_value_id = fields.Many2one("clm.kpi.value", compute="_compute_latest")
    latest = fields.Char(compute="_compute_latest", help="Of the month that runs, or ended last.")
    latest_status = fields.Selection(KPI_STATUSES, "Status", compute="_compute_latest")
    latest_goal = fields.Char("Goal", compute="_compute_latest")

    @api.depends_context("company", "lang")
    def _compute_latest(self):
        values = {}
        for value in self.env["clm.kpi.value"].search([
            ("kpi_id", "in", self.ids), ("company_id", "=", self.env.company.id), ("team_id", "=", False),
            ("period", "=", kpi_periods.MONTH), ("is_known", "=", True),
            ("date_from", ">=", fields.Date.subtract(fields.Date.today(), days=70)),
        ], order="date_from"):
            values[value.kpi_id] = value
        currency = self.env.company.currency_id
        for kpi in self:
            value = values.get(kpi, self.env["clm.kpi.value"])
            kpi.latest_value_id = value
            kpi.latest_status = value.status or "na"
            kpi.latest = self._format_value(value.value, kpi.unit, currency) if value else False
            kpi.latest_goal = self._format_value(value.goal, kpi.unit, currency) if value.has_goal else False

    @api.model
    def _labels(self, fname):
        """:return: dict of the values of a selection of KPIs, or of the status of their values -> label"""
        model = self if fname in self._fields else self.env["clm.kpi.value"]
        return dict(model._fields[fname]._description_selection(self.env))

    @api.model
    def _format_value(self, value, unit, currency):
        """:return: the value as people read it in their language; "n/a" if it is not known

        :param float value: ratios are 0 to 1
        :param str unit: of ``KPI_UNITS``
        """
        if value is None:
            return self.env._("n/a")
        if unit == "money":
            return format_amount(self.env, value, currency)
        if unit == "ratio":
            return self.env._("%(number)s %%", number=formatLang(self.env, value * 100, digits=1))
        if unit == "days":
            return self.env._("%(number)s days", number=formatLang(self.env, value, digits=1))
        return formatLang(self.env, value, digits={"count": 0, "score": 0}.get(unit, 2))

    @api.model
    def _period_label(self, kind, date_from, company):
        """:return: the name of a period, such as "March 2026", "W53 2026", "Q1 2026" """
        if not kind or not date_from:
            return ""
        period = self._period_of(kind, date_from, company)
        if kind == kpi_periods.WEEK:
            year, week = kpi_periods.iso_week(period)
            return self.env._("W%(week)s %(year)s", week=week, year=year)
        if kind == kpi_periods.MONTH:
            locale = babel_locale_parse(get_lang(self.env).code)
            return format_skeleton("yMMM", date_from, locale=locale)
        year_start = self._year_start(company)
        year = kpi_periods.period_of(kpi_periods.YEAR, date_from, year_start)
        quarter = 1 + round((period.start - year.start).days / 91)
        if year_start == kpi_periods.CALENDAR_YEAR:
            return self.env._("Q%(quarter)s %(year)s", quarter=quarter, year=year.start.year)
        return self.env._(
            "Q%(quarter)s %(first)s-%(last)s", quarter=quarter, first=year.start.year, last=year.end.year,
        )

    @api.model
    def _period_text(self, period):
        """:return: first and last day of a period"""
        return f"{format_date(self.env, period.start)} – {format_date(self.env, period.end)}"
