from psycopg2.errors import SerializationFailure, UniqueViolation

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import split_every

from ..const import PERIOD_KINDS
from ..tools import kpi_math, kpi_periods
from .clm_kpi_measure import MEASURES, Figure

#: Kinds of periods for which values are kept.
KINDS = tuple(kind for kind, _label in PERIOD_KINDS)
#: Periods that are computed by one set of queries.
BATCH_SIZE = 20


class ClmKpi(models.Model):
    """The computation of KPIs: facts to figures, figures to stored values, for a company and a list of periods."""

    _inherit = "clm.kpi"

    # === PERIODS === #

    @api.model
    def _year_start(self, company):
        company = company.sudo()  # sudo: the fiscal year is no secret
        return kpi_periods.year_start_of(int(company.fiscalyear_last_month), company.fiscalyear_last_day)

    @api.model
    def _period_of(self, kind, day, company):
        """:return: the ``Period`` of a kind in which a day is, as the company counts them"""
        return kpi_periods.period_of(kind, day, self._year_start(company))

    @api.model
    def _periods(self, company, date_from=None, date_to=None):
        """:return: list of ``Period``: those that share a day with the given ones and have begun; without days, the
            running and the previous one of each kind
        """
        today, year_start = company._lifecycle_today(), self._year_start(company)
        found = []
        for kind in KINDS:
            running = kpi_periods.period_of(kind, today, year_start)
            if date_from or date_to:
                last = min(date_to or today, today)
                found += kpi_periods.periods(kind, date_from or last, last, year_start)
            else:
                found += [kpi_periods.shift(running, -1, year_start), running]
        return found

    @api.model
    def _days_over(self, period, today):
        """:return: the share of a period that is over and of which goals are due: the running day may still change"""
        return kpi_periods.elapsed(period, today if period.end < today else fields.Date.subtract(today, days=1))

    # === REFRESH === #

    @api.model
    def _refresh(self, date_from=None, date_to=None):
        """Compute values and store them.

        :param date date_from: first day; without days, the running and the previous period of each kind
        :param date date_to: last day; later ones than today do not matter
        """
        kpis = self or self.sudo().search([])  # pylint: disable=no-search-all
        for company in self.env["res.company"]._lifecycle_companies().filtered("active"):
            kpis._refresh_company(company, self._periods(company, date_from, date_to))

    def _refresh_company(self, company, periods):
        """Compute the values of these KPIs for some periods of a company.

        :param periods: list of ``Period``
        """
        # sudo: numbers are the same for everybody, whoever has them computed
        own = self.sudo().with_company(company).with_context(
            allowed_company_ids=company.ids, lang=None, active_test=True,
        ).filtered(lambda kpi: kpi.active and kpi.company_id in (company, kpi.company_id.browse()))
        for batch in split_every(BATCH_SIZE, periods, list):
            own._store(company, batch, own._figures(company, batch))

    def _figures(self, company, periods):
        """:return: dict of KPI -> dict of (number of the period, id of the team or False) -> ``Figure``"""
        built_in = self.filtered("measure")
        keys = {kpi: (kpi.measure, kpi.stage_id.id or 0) for kpi in built_in}
        found = self._measure(company, periods, set(keys.values()))
        figures = {kpi: found.get(key, {}) for kpi, key in keys.items()}
        for kpi in self - built_in:
            figures[kpi] = kpi._custom_figures(company, periods)
        return figures

    # === STORE === #

    def _store(self, company, periods, figures):
        """Bring the stored values in line with the figures. Cost: a few queries, and the rows that differ."""
        Value = self.env["clm.kpi.value"].sudo()
        now, today = fields.Datetime.now(), company._lifecycle_today()
        stored = {
            (value.kpi_id, value.period, value.date_from, value.team_id.id): value
            for value in Value.search([
                ("kpi_id", "in", self.ids), ("company_id", "=", company.id),
                Domain.OR(
                    Domain("period", "=", kind)
                    & Domain("date_from", "in", [period.start for period in periods if period.kind == kind])
                    for kind in {period.kind for period in periods}
                ),
            ])
        }
        targets = self.env["clm.kpi.target"].sudo().search([
            ("kpi_id", "in", self.ids), ("company_id", "=", company.id),
        ])
        created, touched = [], Value.browse()
        for kpi in self.filtered(lambda kpi: not kpi.error):  # of those with a problem, what is known stays
            for period, team, figure in kpi._wanted(periods, figures.get(kpi, {}), stored, targets):
                vals = kpi._value_vals(figure, period, today)
                value = stored.get((kpi, period.kind, period.start, team))
                if value and (value.is_open or value._equals(vals)):
                    value._update(vals, now)
                    touched |= value
                    continue
                same = value._restated(now) if value else {
                    "kpi_id": kpi.id, "company_id": company.id, "team_id": team, "period": period.kind,
                    "date_from": period.start, "date_to": period.end,
                }
                created.append({**same, **vals, "computed_at": now})
        Value.flush_model()
        (touched | self._create_values(created))._compare(targets)

    def _wanted(self, periods, found, stored, targets):
        """The values that there should be: of the company, and of each team that has facts, a value or a goal.

        :param found: dict of (number of the period, team) -> ``Figure``
        :param stored: dict of (KPI, kind, first day, team) -> ``clm.kpi.value``
        :param targets: goals of the company
        :return: iterator of triples: ``Period``, id of the team or False, ``Figure``
        """
        self.ensure_one()
        with_goal = {target.team_id.id for target in targets if target.kpi_id == self}
        with_value = {team for kpi, _kind, _day, team in stored if kpi == self}
        for number, period in enumerate(periods):
            for team in {False, *with_goal, *with_value, *(team for _number, team in found)}:
                figure = found.get((number, team))
                known = (self, period.kind, period.start, team) in stored
                if figure or known or not team or team in with_goal:
                    yield period, team, figure or self._empty_figure()

    @api.model
    def _create_values(self, vals_list):
        """:raise psycopg2.errors.SerializationFailure: when somebody else has just computed the same: try again"""
        try:
            with self.env.cr.savepoint():
                return self.env["clm.kpi.value"].sudo().create(vals_list)
        except UniqueViolation as error:
            raise SerializationFailure("These KPIs were computed by somebody else at the same time") from error

    def _empty_figure(self):
        """:return: ``Figure`` of a team or company without facts"""
        if self.measure:
            empty = getattr(MEASURES.get(self.measure), "empty", None)
        else:
            empty = 0.0 if self.aggregate in ("count", "sum", "distinct") else None
        return Figure(empty, empty)

    def _value_vals(self, figure, period, today):
        """:return: dict of what a value stores of a figure"""
        measure = MEASURES.get(self.measure)
        is_proportion = self.aggregate == "share" if not self.measure else getattr(measure, "proportion", False)
        interval = None
        if is_proportion and figure.denominator:
            interval = kpi_math.wilson(figure.numerator, figure.denominator)
        return {
            "value": figure.value or 0.0,
            "is_known": figure.value is not None,
            "numerator": figure.numerator or 0.0,
            "denominator": figure.denominator or 0.0,
            "low": interval[0] if interval else 0.0,
            "high": interval[1] if interval else 0.0,
            "has_interval": bool(interval),
            "variant": self.variant or False,
            "is_open": period.end >= today,
        }
