from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from importlib import import_module
from itertools import pairwise
from statistics import mean, median
from unittest import skipUnless

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .common import ClmCase
from .test_cdnow import SAMPLE, ZONE

#: Every third customer of the file, so that the test is quick: 786 of 2,357, with 2,370 of 6,919 purchases.
EVERY = 3
#: The sample is of 1997 and 1998. 28 years later, each day has the same date and weekday.
YEARS = 28
FIRST, LAST = date(2025, 1, 1), date(2026, 6, 30)
NOW = datetime(2026, 7, 10, 16)  # noon in New York
CODES = (
    "new_customers", "revenue", "aov", "purchase_frequency", "repeat_purchase_rate", "repeat_purchase_rate_90",
)


def read_rows():
    """:return: list of (customer, day, amount) of the text file, without any code of the addon or of the loader"""
    rows = []
    for line in SAMPLE.read_text(encoding="ascii").splitlines():
        _number, customer, day, _discs, amount = line.split()
        rows.append((int(customer), date(int(day[:4]) + YEARS, int(day[4:6]), int(day[6:])), float(amount)))
    return rows


def month_of(day):
    return day.replace(day=1)


def months_between(first, last):
    return (last.year - first.year) * 12 + last.month - first.month


@skipUnless(SAMPLE.is_file(), "The CDNOW sample is not here (scripts/test downloads it and sets CLM_CDNOW_FILE)")
@tagged("-at_install", "post_install")
class TestKpiCdnow(ClmCase):
    """KPIs of real purchases, each on its day of the year, equal what a plain reading of the text file gives."""

    @classmethod
    def setUpClass(cls):
        clock = freeze_time(NOW)
        clock.start()
        cls.addClassCleanup(clock.stop)
        super().setUpClass()
        # a company of its own: nothing else was sold there
        cls.shop = cls.env["res.company"].create({"name": "CDNOW", "lifecycle_tz": ZONE.key})
        cls.env.cr.execute(SQL("DELETE FROM clm_queue"))
        cls.env = cls.env["base"].with_company(cls.shop).with_context(allowed_company_ids=cls.shop.ids).env
        every = read_rows()
        chosen = set(sorted({customer for customer, _day, _amount in every})[::EVERY])
        cls.rows = [row for row in every if row[0] in chosen]
        cdnow = import_module("cdnow")
        cls.loader = cdnow.Loader(cls.env)
        wanted = [purchase for purchase in cdnow.read_purchases(SAMPLE) if purchase.customer in chosen]
        for _progress in cls.loader.load(cdnow.shift(wanted, FIRST - date(1997, 1, 1))):
            pass
        cls.env["clm.lifecycle.engine"]._process_queue()
        cls.days, cls.sums = defaultdict(set), defaultdict(float)
        for customer, day, amount in cls.rows:
            cls.days[customer].add(day)
            cls.sums[customer, month_of(day)] += amount
        cls.first = {customer: min(days) for customer, days in cls.days.items()}
        cls._compute()

    @classmethod
    def _compute(cls):
        cls.env.cr.execute(SQL("UPDATE clm_kpi SET active = (code = ANY(%s))", list(CODES)))
        cls.env.invalidate_all()
        kpis = cls.env["clm.kpi"].search([])
        periods = cls.env["clm.kpi"]._periods(cls.shop, FIRST, LAST)
        kpis._refresh_company(cls.shop, [period for period in periods if period.kind != "week"])
        cls.env["clm.kpi.snapshot"]._refresh(cls.shop)

    def _check(self, code, expected):
        """Compare the values of all months and quarters.

        :param expected: function of first and last day -> (value or None, numerator, denominator)
        """
        values = self.env["clm.kpi.value"].search([
            ("kpi_id.code", "=", code), ("company_id", "=", self.shop.id), ("team_id", "=", False),
        ])
        self.assertEqual(Counter(values.mapped("period")), {"month": 18, "quarter": 6})
        for value in values:
            wanted, *parts = expected(value.date_from, value.date_to)
            with self.subTest(code=code, period=value.period, day=value.date_from):
                self.assertEqual(value.is_known, wanted is not None)
                found = value.value, value.numerator, value.denominator
                for one, number in zip(found, (wanted, *parts), strict=True):
                    self.assertAlmostEqual(one, number or 0.0, 4)

    # === WHAT WAS LOADED === #

    def test_sample_is_all_there(self):
        self.assertEqual(len(self.rows), 2370)
        self.assertEqual(len(self.days), 786)
        orders = self.env["sale.order"].search([("company_id", "=", self.shop.id), ("state", "=", "sale")])
        self.assertEqual(len(orders), len(self.rows))
        self.assertAlmostEqual(sum(orders.mapped("amount_untaxed")), sum(amount for _c, _d, amount in self.rows), 2)

    # === VALUES === #

    def test_new_customers_equal_plain_reading(self):
        def expected(start, stop):
            count = sum(start <= day <= stop for day in self.first.values())
            return count, count, None

        self._check("new_customers", expected)
        self.assertLess(max(self.first.values()), date(2025, 4, 1))  # as the sample was drawn

    def test_revenue_and_order_value_equal_plain_reading(self):
        def total(start, stop):
            return sum(amount for _customer, day, amount in self.rows if start <= day <= stop)

        def number(start, stop):
            return sum(start <= day <= stop for _customer, day, _amount in self.rows)

        self._check("revenue", lambda *days: (total(*days), total(*days), None))
        self._check("aov", lambda *days: (total(*days) / number(*days), total(*days), number(*days)))

    def test_purchase_frequency_equals_plain_reading(self):
        def expected(start, stop):
            bought = [customer for customer, day, _amount in self.rows if start <= day <= stop]
            return len(bought) / len(set(bought)), len(bought), len(set(bought))

        self._check("purchase_frequency", expected)

    def test_repeat_purchase_rates_equal_plain_reading(self):
        for code, window in (("repeat_purchase_rate", 365), ("repeat_purchase_rate_90", 90)):
            def expected(start, stop, window=timedelta(days=window)):
                cohort = [customer for customer, day in self.first.items() if start <= day + window <= stop]
                back = [
                    customer for customer in cohort
                    if any(timedelta() < day - self.first[customer] <= window for day in self.days[customer])
                ]
                return len(back) / len(cohort) if cohort else None, len(back), len(cohort)

            self._check(code, expected)

    # === COHORTS === #

    def _cohorts(self):
        """:return: dict of (month, age) -> [customers, amount]"""
        cells = {}
        for (customer, month), amount in self.sums.items():
            cohort = month_of(self.first[customer])
            cell = cells.setdefault((cohort, months_between(cohort, month)), [0, 0.0])
            cell[0] += 1
            cell[1] += amount
        return cells

    def test_cohort_table_equals_plain_reading(self):
        snapshot = self.env["clm.kpi.snapshot"].search([("company_id", "=", self.shop.id), ("kind", "=", "cohorts")])
        found = {(date.fromisoformat(month), age): [count, amount] for month, age, count, amount in snapshot.data}
        expected = self._cohorts()
        self.assertEqual(found.keys(), expected.keys())
        for key, (count, amount) in expected.items():
            self.assertEqual(found[key][0], count, key)
            self.assertAlmostEqual(found[key][1], amount, 2, key)

    def test_cohorts_of_the_cockpit_equal_plain_reading(self):
        viewer = self._create_user(
            "kpi-viewer", "clm.group_viewer", company_id=self.shop.id, company_ids=[Command.set(self.shop.ids)])
        cockpit = self.env["clm.cockpit"].with_user(viewer)
        table = cockpit.get_cockpit({"period": "month", "date": "2025-12-15"})["cohorts"]
        expected = self._cohorts()
        self.assertEqual([row["month"] for row in table["rows"]], ["2025-01-01", "2025-02-01", "2025-03-01"])
        for row in table["rows"]:
            month = date.fromisoformat(row["month"])
            everybody, start = expected[month, 0]
            self.assertEqual(row["customers"], everybody)
            self.assertEqual([cell["age"] for cell in row["cells"]], list(range(12 - month.month + 1)))
            for cell in row["cells"]:
                count, amount = expected.get((month, cell["age"]), (0, 0.0))
                self.assertEqual(cell["customers"], count)
                self.assertAlmostEqual(cell["retention"], count / everybody)
                self.assertAlmostEqual(cell["revenue"], amount / start)

    # === TIME BETWEEN PURCHASES === #

    def test_days_between_purchases_equal_plain_reading(self):
        events = self.env["clm.event"].search([("company_id", "=", self.shop.id), ("kind", "=", "order")])
        found = defaultdict(set)
        for event in events:
            found[event.partner_id].add(event.day)

        def gaps(days_by_customer):
            return sorted(
                (later - earlier).days
                for days in days_by_customer.values() for earlier, later in pairwise(sorted(days))
            )

        self.assertEqual(gaps(found), gaps(self.days))
        self.assertEqual(median(gaps(found)), median(gaps(self.days)))
        self.assertAlmostEqual(mean(gaps(found)), mean(gaps(self.days)))

    def test_days_to_second_purchase_equal_plain_reading(self):
        stages = {name: self.env.ref(f"clm.stage_{name}") for name in ("conversion", "retention")}
        mine = [("partner_id.category_id", "=", self.loader.tag.id)]
        visits = self.env["clm.visit"].search(mine, order="number desc")
        entered = {name: {} for name in stages}
        for visit in visits:
            for name, stage in stages.items():
                if visit.stage_id == stage:
                    entered[name][visit.partner_id] = visit.entered_at
        gaps = [
            round((moment - entered["conversion"][partner]) / timedelta(days=1))
            for partner, moment in entered["retention"].items()
        ]  # from noon to noon, give or take an hour of summer time
        expected = [(days[1] - days[0]).days for days in map(sorted, self.days.values()) if len(days) > 1]
        self.assertEqual(len(gaps), len(expected))
        self.assertEqual(median(gaps), median(expected))
