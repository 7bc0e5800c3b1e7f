import logging
from collections import defaultdict
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, split_every

from ..tools import kpi_math, kpi_periods
from .clm_kpi_measure import LIFETIME_VALUE, MEASURES, Measure, Quotient

_logger = logging.getLogger(__name__)

#: Kinds of periods for which values are kept.
KINDS = (kpi_periods.WEEK, kpi_periods.MONTH, kpi_periods.QUARTER)
#: Periods that are computed by one set of queries.
BATCH_SIZE = 20
#: Quarters of history that are computed after the installation: two years.
HISTORY_QUARTERS = 8
#: Months before the period whose mean churn says how long customers stay.
CHURN_MONTHS = 6
#: How long the computation waits for the reconstruction of the customers' history.
WAIT_MINUTES = 5


class Figure(NamedTuple):
    """What came out: the value, None if it is not known, and what it is made of."""

    value: float | None
    numerator: float | None = None
    denominator: float | None = None


class ClmKpi(models.Model):
    """The computation of KPIs: facts to figures, figures to stored values, for a company and a list of periods.

    Each night the running and the previous week, month and quarter are computed; older ones once, after the
    installation. One query for each family of facts does all its KPIs, periods and teams of a company.
    """

    _name = "clm.kpi"
    _inherit = ["clm.kpi", "clm.due.mixin"]

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

    # === BUILT-IN MEASURES === #

    @api.model
    def _measure(self, company, periods, keys):
        """:param keys: set of (code of the measure, id of the stage or 0)
        :return: dict of key -> dict of (number of the period, team) -> ``Figure``
        """
        needed = set(keys)
        while more := {(part, 0) for code, _stage in needed for part in _parts_of(code)} - needed:
            needed |= more
        by_family = defaultdict(list)
        for key in sorted(needed):
            if isinstance(MEASURES.get(key[0]), Measure):
                by_family[MEASURES[key[0]].family].append(key)
        found = {}
        for family, own in by_family.items():
            found.update(self._measure_family(company, family, periods, own))
        if (LIFETIME_VALUE, 0) in needed:
            found[LIFETIME_VALUE, 0] = self._lifetime_values(company, periods, found)
        for key in sorted(needed, key=lambda key: key[0] == "ltv_cac"):
            if isinstance(quotient := MEASURES.get(key[0]), Quotient):
                found[key] = _divide(found[quotient.numerator, 0], found[quotient.denominator, 0])
        return found

    @api.model
    def _measure_params(self, company, stage_id=0):
        """:return: dict of what measures may ask for"""
        return {"stage": stage_id, "worth": company.clm_customer_years * company.clm_gross_margin}

    @api.model
    def _measure_family(self, company, family, periods, keys):
        """Do all KPIs of a family in one query."""
        columns = []
        for code, stage_id in keys:
            measure, params = MEASURES[code], self._measure_params(company, stage_id)
            columns += [
                SQL(expression, **params) if expression else SQL("NULL")
                for expression in (measure.numerator, measure.denominator, measure.value)
            ]
        facts = self.env["clm.kpi.facts"]
        scoped = family == "recurring"  # it brings its totals
        rows = self.env.execute_query(SQL(
            "WITH %s SELECT f.period_id, f.team_id, %s, %s FROM (%s) f GROUP BY %s",
            facts._with_periods(periods),
            SQL("f.is_total") if scoped else SQL("GROUPING(f.team_id) = 1"),
            SQL(", ").join(columns),
            facts._facts(family, periods),
            SQL("f.period_id, f.team_id, f.is_total") if scoped
            else SQL("GROUPING SETS ((f.period_id), (f.period_id, f.team_id))"),
        ))
        found = {key: {} for key in keys}
        for number, team_id, is_total, *cells in rows:
            if not is_total and not team_id:
                continue  # what belongs to no team is part of the total alone
            for place, key in enumerate(keys):
                measure = MEASURES[key[0]]
                figure = _figure(measure, *(_float(cell) for cell in cells[3 * place:3 * place + 3]))
                found[key][number, False if is_total else team_id] = figure
        for key in keys:
            for number in range(len(periods)):
                found[key].setdefault((number, False), Figure(MEASURES[key[0]].empty, MEASURES[key[0]].empty))
        return found

    @api.model
    def _lifetime_values(self, company, periods, found):
        """Lifetime value of a recurring customer: ARPA * margin / mean churn of the six months before (ChartMogul)."""
        year_start = self._year_start(company)
        months = {}
        for number, period in enumerate(periods):
            month = kpi_periods.period_of(kpi_periods.MONTH, period.end, year_start)
            months[number] = [kpi_periods.shift(month, -back, year_start) for back in range(1, CHURN_MONTHS + 1)]
        wanted = sorted({month for before in months.values() for month in before})
        churn = self._measure_family(company, "recurring", wanted, [("logo_churn", 0)])["logo_churn", 0]
        place = {month: number for number, month in enumerate(wanted)}
        figures = {}
        for (number, team), arpa in found["arpa", 0].items():
            rates = [churn.get((place[month], team), Figure(None)).value for month in months[number]]
            rate, gain = kpi_math.mean(rates), arpa.value
            gain = gain * company.clm_gross_margin if gain is not None else None
            figures[number, team] = Figure(kpi_math.ratio(gain, rate), gain, rate)
        return figures

    def _quotient_part(self, part):
        """:return: the KPI whose records stand behind this one: itself, or the one that it divides"""
        self.ensure_one()
        quotient = MEASURES.get(self.measure)
        if isinstance(quotient, Quotient):
            code = quotient.denominator if part == "denominator" else quotient.numerator
        elif self.measure == LIFETIME_VALUE:
            code = "logo_churn" if part == "denominator" else "arpa"
        else:
            return self
        return self.with_context(active_test=False).search([("measure", "=", code)], limit=1)

    # === CUSTOM === #

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
        model = self._custom_model().with_company(company).with_context(allowed_company_ids=company.ids)
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
                measured = {team: (_float(amount), cases) for team, amount, cases in rows if team or not groups}
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
        for kpi in self:
            found = figures.get(kpi, {})
            if kpi.error:
                continue  # what is known stays
            teams = {team for _number, team in found} | {False} | set(targets.filtered(
                lambda target, kpi=kpi: target.kpi_id == kpi).team_id.ids)
            for number, period in enumerate(periods):
                for team in teams:
                    value = stored.get((kpi, period.kind, period.start, team))
                    figure = found.get((number, team))
                    if figure is None:
                        if value is None and not (team and kpi._has_target(targets, team)) and team:
                            continue
                        figure = kpi._empty_figure()
                    vals = kpi._value_vals(figure, period, today)
                    if value is None:
                        created.append({
                            **vals, "kpi_id": kpi.id, "company_id": company.id, "team_id": team, "period": period.kind,
                            "date_from": period.start, "date_to": period.end, "computed_at": now,
                        })
                        continue
                    if not _same(value, vals):
                        if not value.is_open:
                            created.append(value._restated(now) | vals | {"computed_at": now})
                            continue
                        value.write({**vals, "computed_at": now})
                    elif value.is_open != vals["is_open"]:
                        value.write({"is_open": vals["is_open"], "computed_at": now})
                    touched |= value
        Value.flush_model()
        (touched | Value.create(created))._compare(targets)

    def _has_target(self, targets, team_id):
        return any(target.kpi_id == self and target.team_id.id == team_id for target in targets)

    def _empty_figure(self):
        measure = MEASURES.get(self.measure)
        empty = getattr(measure, "empty", None)
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

    # === HISTORY AND CRON === #

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


def _parts_of(code):
    measure = MEASURES.get(code)
    if isinstance(measure, Quotient):
        return measure.numerator, measure.denominator
    return ("arpa",) if code == LIFETIME_VALUE else ()


def _divide(numerators, denominators):
    """:return: dict of key -> ``Figure`` of one KPI divided by another"""
    figures = {}
    for key in numerators.keys() | denominators.keys():
        numerator = numerators.get(key, Figure(None)).value
        denominator = denominators.get(key, Figure(None)).value
        figures[key] = Figure(kpi_math.ratio(numerator, denominator), numerator, denominator)
    return figures


def _figure(measure, numerator, denominator, value):
    if measure.value:
        return Figure(value, numerator, denominator)
    if measure.denominator:
        return Figure(kpi_math.ratio(numerator, denominator), numerator, denominator)
    return Figure(numerator if numerator is not None else measure.empty, numerator)


def _same(value, vals):
    for name in ("is_known", "has_interval"):
        if value[name] != vals[name]:
            return False
    return all(
        abs(value[name] - vals[name]) <= 1e-6 * max(1.0, abs(vals[name]))
        for name in ("value", "numerator", "denominator", "low", "high")
    )


def _float(value):
    return None if value is None else float(value)
