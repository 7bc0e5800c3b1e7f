from datetime import date
from itertools import product

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL

from .kpi_answers import Oracle
from .kpi_dataset import NOW, KpiDataCase
from .kpi_oracle import QUOTIENTS, Period

#: Weeks at the borders of months, quarters, years, summer time, and the last ones.
WEEKS = tuple(map(date.fromisoformat, (
    "2026-09-21", "2026-10-26", "2026-12-28", "2027-01-04", "2027-02-08",
)))
SINCE = date(2026, 9, 1)
#: How many values without any records are opened as well: they must be empty.
EMPTY_ONES = 40


@tagged("post_install", "-at_install")
class TestKpiOracle(KpiDataCase):
    """Every built-in KPI of two companies and their teams equals a plain computation from the documents, and opens
    exactly the records that it counts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.cr.execute(SQL("UPDATE clm_kpi SET active = (measure IS NOT NULL)"))
        cls.env.invalidate_all()
        cls.kpis = cls.env["clm.kpi"].search([("measure", "!=", False)])
        cls.oracle = Oracle(cls.env, cls.companies, NOW, cls.rates)
        cls.env["clm.kpi"]._refresh(date(2026, 12, 30), date(2027, 1, 2))
        for company in cls.companies:
            periods = cls.oracle.periods(company, SINCE, cls.oracle.today[company])
            cls.kpis._refresh_company(company, [
                period for period in periods if period.kind != "week" or period.start in WEEKS
            ])
        cls.env.flush_all()
        cls.values = cls.env["clm.kpi.value"].search([
            ("kpi_id", "in", cls.kpis.ids), ("company_id", "in", cls.companies.ids),
        ])
        cls.answers = {
            value: cls.oracle.answer(
                value.kpi_id, value.company_id, Period(value.period, value.date_from, value.date_to),
                value.team_id or None)
            for value in cls.values
        }

    def _told(self, value):
        return (
            value.kpi_id.code, value.company_id.name, value.team_id.name or "-", value.period, str(value.date_from),
        )

    def _is_equal(self, found, expected):
        return abs(found - (expected or 0.0)) <= 1e-6 * max(1.0, abs(found))

    # === VALUES === #

    def test_each_value_equals_the_plain_computation(self):
        wrong = []
        for value, answer in self.answers.items():
            found = value.value if value.is_known else None
            same = (found is None) == (answer.value is None) and self._is_equal(found or 0.0, answer.value)
            if not same or not self._is_equal(value.numerator, answer.numerator) or not self._is_equal(
                value.denominator, answer.denominator
            ):
                wrong.append((*self._told(value), (found, value.numerator, value.denominator), answer[:3]))
        self.assertFalse(wrong[:20], f"{len(wrong)} of {len(self.answers)}")

    def test_no_value_is_missing(self):
        stored = {
            (value.kpi_id, value.company_id, value.team_id, value.period, value.date_from) for value in self.values
        }
        periods = {
            company: {
                (value.period, value.date_from, value.date_to)
                for value in self.values.filtered(lambda value, company=company: value.company_id == company)
            }
            for company in self.companies
        }
        for company in self.companies:
            expected = self.oracle.periods(company, SINCE, self.oracle.today[company])
            self.assertGreaterEqual(periods[company], {each for each in expected if each.kind != "week"})
            self.assertIn(("week", date(2026, 12, 28), date(2027, 1, 3)), periods[company])
        wrong = []
        for company, kpi, team in product(self.companies, self.kpis, (None, *self.teams)):
            for period in periods[company]:
                key = (kpi, company, team or self.teams.browse(), *period[:2])
                if key not in stored and (not team or self.oracle.answer(kpi, company, Period(*period), team).records):
                    wrong.append((kpi.code, company.name, team and team.name, period))
        self.assertFalse(wrong[:20], len(wrong))

    def test_data_makes_every_kpi_known_in_both_companies_and_a_team(self):
        for company in self.companies:
            known = {
                (value.kpi_id.measure, bool(value.team_id)) for value in self.values
                if value.company_id == company and value.is_known and (value.value or value.numerator)
            }
            for team in (False, True):
                unknown = {kpi.measure for kpi in self.kpis} - {code for code, of in known if of is team}
                self.assertFalse(unknown, (company.name, team))

    # === RECORDS BEHIND === #

    def _opened(self, value, part=""):
        """:return: what a value opens, each record as the oracle names it"""
        action = value._records_action(part)
        records = self.env[action["res_model"]].with_context(**action["context"]).search(action["domain"])
        if records._name == "clm.event":
            return {(record.model, record.res_id) for record in records}
        if records._name == "clm.mrr.movement":
            return {(record.contract_id.id, record.date, record.kind) for record in records}
        return set(records.ids)

    def test_each_value_opens_the_records_that_it_counts(self):
        wrong, empty = [], 0
        for value, answer in self.answers.items():
            measure = value.kpi_id.measure
            if measure in QUOTIENTS or measure == "ltv":
                continue
            if not answer.records:
                empty += 1
                if empty > EMPTY_ONES:
                    continue
            if self._opened(value) != answer.records:
                wrong.append((*self._told(value), "all", sorted(self._opened(value) ^ answer.records)[:5]))
            if answer.part is not None and self._opened(value, "numerator") != answer.part:
                wrong.append((*self._told(value), "part", sorted(self._opened(value, "numerator") ^ answer.part)[:5]))
        self.assertFalse(wrong[:20], len(wrong))

    def test_value_made_of_others_opens_the_records_of_those(self):
        parts = {**QUOTIENTS, "ltv": ("arpa", "logo_churn"), "ltv_cac": ("arpa", "acquisition_spend")}
        opened = 0
        for value in self.values.filtered(lambda value: value.kpi_id.measure in parts and not value.team_id):
            period = Period(value.period, value.date_from, value.date_to)
            for part, code in zip(("numerator", "denominator"), parts[value.kpi_id.measure], strict=True):
                kpi = self.kpis.filtered(lambda kpi, code=code: kpi.measure == code)
                answer = self.oracle.answer(kpi, value.company_id, period)
                try:
                    found = self._opened(value, part)
                except UserError:
                    found = set()
                self.assertEqual(found, answer.records, (*self._told(value), part))
                opened += len(found)
        self.assertTrue(opened)
