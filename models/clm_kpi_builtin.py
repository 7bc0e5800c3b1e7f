from collections import defaultdict

from odoo import api, models
from odoo.tools import SQL

from ..tools import kpi_math, kpi_periods
from .clm_kpi_measure import LIFETIME_VALUE, MEASURES, Figure, Measure, Quotient, parts_of

#: Months before the period whose mean churn says how long customers stay.
CHURN_MONTHS = 6


class ClmKpi(models.Model):
    """Built-in KPIs: one query for each family of facts does all its KPIs, periods and teams of a company."""

    _inherit = "clm.kpi"

    @api.model
    def _measure(self, company, periods, keys):
        """:param keys: set of (code of the measure, id of the stage or 0)
        :return: dict of key -> dict of (number of the period, team) -> ``Figure``
        """
        needed = set(keys)
        while more := {(part, 0) for code, _stage in needed for part in parts_of(code)} - needed:
            needed |= more
        by_family = defaultdict(list)
        for key in sorted(needed):
            if isinstance(MEASURES.get(key[0]), Measure):
                by_family[MEASURES[key[0]].family].append(key)
        found = {}
        for family, own in by_family.items():
            found.update(self._measure_family(company, family, periods, own))
        if any(code == LIFETIME_VALUE for code, _stage in needed):
            lifetime = self._lifetime_values(company, periods, found)
            found.update({key: lifetime for key in needed if key[0] == LIFETIME_VALUE})
        quotients = [key for key in needed if isinstance(MEASURES.get(key[0]), Quotient)]
        # those that divide another quotient come after it
        for key in sorted(quotients, key=lambda key: any(map(parts_of, parts_of(key[0])))):
            found[key] = _divide(MEASURES[key[0]], found)
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
        year_start, today = self._year_start(company), company._lifecycle_today()
        months = {}
        for number, period in enumerate(periods):
            month = kpi_periods.period_of(kpi_periods.MONTH, min(period.end, today), year_start)
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


def _divide(quotient, found):
    """:return: dict of key -> ``Figure`` of one KPI divided by another; a team without facts has what none make"""
    numerators, denominators = found[quotient.numerator, 0], found[quotient.denominator, 0]
    figures = {}
    for key in numerators.keys() | denominators.keys():
        numerator, denominator = (
            own[key].value if key in own else getattr(MEASURES.get(code), "empty", None)
            for own, code in ((numerators, quotient.numerator), (denominators, quotient.denominator))
        )
        figures[key] = Figure(kpi_math.ratio(numerator, denominator), numerator, denominator)
    return figures


def _figure(measure, numerator, denominator, value):
    if measure.value:
        return Figure(value, numerator, denominator)
    if measure.denominator:
        return Figure(kpi_math.ratio(numerator, denominator), numerator, denominator)
    return Figure(numerator if numerator is not None else measure.empty, numerator)


def _float(value):
    return None if value is None else float(value)
