import logging

from odoo import models
from odoo.fields import Domain

from ..tools import kpi_math, kpi_periods
from .clm_kpi_measure import Figure

_logger = logging.getLogger(__name__)


class ClmKpi(models.Model):
    """Custom KPIs: records of any model, counted, added up or compared by a date of theirs."""

    _inherit = "clm.kpi"

    def _custom_limits(self, model, value):
        """:return: ``Domain`` of the records of a model that belong to a company (and team) and a period

        :param value: has ``company_id``, ``team_id``, ``date_from`` and ``date_to``
        """
        return self._custom_scope(model, value.company_id) & self._custom_days(
            value._as_period(), value.company_id,
        ) & (Domain("team_id", "=", value.team_id.id) if value.team_id else Domain.TRUE)

    def _custom_scope(self, model, company):
        if "company_id" not in model._fields or not model._fields["company_id"].store:
            return Domain.TRUE
        main = company == self.env["res.company"]._lifecycle_companies()[:1]
        return Domain("company_id", "in", [company.id, False] if main else company.ids)

    def _custom_days(self, period, company):
        field = self.date_field_id.sudo()
        if field.ttype == "date":
            return Domain(field.name, ">=", period.start) & Domain(field.name, "<=", period.end)
        zone = self.env["res.company"]._lifecycle_timezones()[company.id]
        start, stop = kpi_periods.bounds(period, zone)
        return Domain(field.name, ">=", start) & Domain(field.name, "<", stop)

    def _custom_figures(self, company, periods):
        """:return: dict of (number of the period, team) -> ``Figure``; what fails stands on the KPI"""
        try:
            with self.env.cr.savepoint():
                figures = self._read_custom(company, periods)
        except Exception as error:  # a field or a module is gone: the others go on
            _logger.warning("KPI %s of %s could not be computed", self.code, company.name, exc_info=True)
            self.error = str(error)[:500] or repr(error)
            return {}
        if self.error:
            self.error = False
        return figures

    def _read_custom(self, company, periods):
        model = self._check_fields().with_company(company).with_context(allowed_company_ids=company.ids)
        wholes, parts = self._custom_domain(), self._custom_part_domain()
        team = model._fields.get("team_id")
        by_team = ["team_id"] if team and team.store and team.comodel_name == "crm.team" else []
        aggregates = [self._custom_aggregate(), "__count"]
        figures = {}
        for number, period in enumerate(periods):
            limits = self._custom_scope(model, company) & self._custom_days(period, company)
            for groups in ([], by_team) if by_team else ([],):
                rows = model._read_group(parts & limits, groups, aggregates)
                counts = dict(model._read_group(wholes & limits, groups, ["__count"])) if groups else {
                    False: model.search_count(wholes & limits)}
                if not groups:
                    rows = [(False, *row) for row in rows]
                measured = {team: (float(amount or 0), cases) for team, amount, cases in rows if team or not groups}
                for key, whole in counts.items():
                    if groups and not key:
                        continue
                    amount, cases = measured.get(key, (0.0, 0))
                    figures[number, key.id if groups else False] = self._custom_figure(amount or 0.0, cases, whole)
        return figures

    def _custom_figure(self, amount, cases, whole):
        if self.aggregate == "share":
            return Figure(kpi_math.ratio(cases, whole), float(cases), float(whole))
        if self.aggregate == "avg":
            return Figure(kpi_math.ratio(amount, cases), amount, float(cases))
        return Figure(amount, amount, None)
