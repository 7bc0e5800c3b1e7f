"""Parameters of purchase models that are found from customers, of ``tools.bgnbd_fit``."""

from collections import Counter
from datetime import date
from math import inf, nan
from random import Random
from unittest import skipUnless

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.bgnbd import Customer, Params, log_likelihood
from ..tools.bgnbd_fit import TooFewCustomersError, fit, group, minimize
from ..tools.rhythm import btyd
from .test_cdnow import SAMPLE, read_days

laws = settings(database=None, deadline=None)
TRUTH = Params(0.8, 60, 0.8, 2.5)


def live(random, params, t):
    """:return: Customer that buys and leaves as the model says, in whole days"""
    rate, leaves = random.gammavariate(params.r, 1 / params.alpha), random.betavariate(params.a, params.b)
    x, last = 0, 0.0
    while (bought := last + random.expovariate(rate)) <= t:
        x, last = x + 1, bought
        if random.random() < leaves:
            break
    return Customer(x, round(last), t)


def simulate(number, seed=1):
    random = Random(seed)
    return [live(random, TRUTH, random.randint(100, 1000)) for _ in range(number)]


def off(found, expected):
    """:return: the greatest relative difference of parameters"""
    return max(abs(one / other - 1) for one, other in zip(found, expected, strict=True))


@skipUnless(SAMPLE.is_file(), "The CDNOW sample is not here (scripts/test downloads it and sets CLM_CDNOW_FILE)")
class TestCdnow(BaseCase):
    """2,357 customers of 1997, the first 39 weeks: the example of the paper."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        end = date(1997, 9, 30)
        bought = ([day for day in days if day <= end] for days in read_days(SAMPLE, date(1998, 6, 30)).values())
        cls.days = [btyd(days, end) for days in bought]
        cls.weeks = [Customer(x, t_x / 7, t / 7) for x, t_x, t in cls.days]

    def test_fit_gives_the_published_parameters(self):
        found = fit(self.weeks)
        self.assertEqual((found.customers, found.converged), (2357, True))
        self.assertLess(off(found.params, (0.243, 4.414, 0.793, 2.426)), 0.002)
        self.assertAlmostEqual(found.log_likelihood, -9582.4, 1)

    def test_fit_of_days_is_that_of_weeks_in_another_unit(self):
        weeks, days = fit(self.weeks).params, fit(self.days).params
        self.assertLess(off(days, weeks._replace(alpha=7 * weeks.alpha)), 1e-6)


class TestFit(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customers = simulate(2000)
        cls.found = fit(cls.customers)

    def test_fit_finds_the_parameters_that_made_the_customers(self):
        self.assertTrue(self.found.converged)
        self.assertLess(off(self.found.params, TRUTH), 0.1)

    def test_fit_reports_the_likelihood_of_all_customers(self):
        likelihood = sum(log_likelihood(customer, self.found.params) for customer in self.customers)
        self.assertAlmostEqual(self.found.log_likelihood / likelihood, 1, 9)

    def test_fit_when_a_parameter_is_changed_then_no_better(self):
        for place in range(4):
            for factor in (0.98, 1.02):
                other = Params(*(value * (factor if at == place else 1) for at, value in enumerate(self.found.params)))
                likelihood = sum(log_likelihood(customer, other) for customer in self.customers)
                self.assertLess(likelihood, self.found.log_likelihood, other)

    def test_fit_when_customers_are_shuffled_or_counted_then_the_same(self):
        shuffled = [*self.customers]
        Random(2).shuffle(shuffled)
        self.assertEqual(fit(shuffled), self.found)
        self.assertEqual(fit(Counter(self.customers)), self.found)

    def test_fit_when_all_are_there_three_times_then_the_same_parameters(self):
        thrice = fit({customer: 3 * count for customer, count in Counter(self.customers).items()})
        self.assertEqual(thrice.customers, 6000)
        self.assertLess(off(thrice.params, self.found.params), 1e-3)

    def test_fit_when_customers_are_taken_together_then_nearly_the_same(self):
        self.assertGreater(sum(map(len, group(Counter(self.customers), 10**6).values())), 1500)
        self.assertLess(off(fit(self.customers, 700).params, self.found.params), 0.05)

    def test_fit_when_too_few_bought_again_then_refused(self):
        once, again = Customer(0, 0, 100), Customer(1, 20, 100)
        for customers in ([], [once] * 1000, [once] * 1000 + [again] * 29, [Customer(1, 0, 0)] * 50):
            with self.assertRaises(TooFewCustomersError, msg=len(customers)):
                fit(customers)

    def test_fit_when_all_customers_are_alike_then_told_so(self):
        for customer in (Customer(10, 100, 105), Customer(1, 1, 1000), Customer(300, 300, 301)):
            found = fit([customer] * 50)
            self.assertFalse(found.converged, customer)
            self.assertTrue(all(value > 0 for value in found.params), found)

    def test_fit_when_one_cannot_be_a_customer_then_refused(self):
        for wrong in ((1, 5, 4), (0, 1, 4), (-1, 0, 4), (1, -1, 4), (1, 1, inf), (1, nan, 4)):
            with self.assertRaises(ValueError, msg=wrong):
                fit([*self.customers[:200], wrong])


class TestGroup(BaseCase):
    @laws
    @given(
        st.lists(st.tuples(st.integers(1, 4), st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=80),
        st.integers(4, 40),
    )
    def test_group_when_cells_are_fewer_then_sums_stay(self, rows, most):
        counts = Counter(Customer(x, t_x, t_x + silent) for x, t_x, silent in rows)
        cells = group(counts, most)
        self.assertLessEqual(sum(map(len, cells.values())), most)
        for x in range(1, 5):
            mine = [(customer, count) for customer, count in counts.items() if customer.x == x]
            its = cells.get(x, [])
            self.assertEqual(sum(cell.number for cell in its), sum(count for _customer, count in mine))
            for name in ("t_x", "t"):
                self.assertAlmostEqual(
                    sum(getattr(cell, name) * cell.number for cell in its),
                    sum(getattr(customer, name) * count for customer, count in mine), 6)
            self.assertTrue(all(0 <= cell.t_x <= cell.t for cell in its))

    def test_group_when_there_is_room_then_nobody_is_changed(self):
        counts = Counter(simulate(300))
        cells = group(counts, len(counts))
        self.assertEqual(
            {Customer(x, cell.t_x, cell.t): cell.number for x, its in cells.items() for cell in its}, counts)

    def test_group_when_many_numbers_of_purchases_then_one_cell_each(self):
        counts = Counter(Customer(x, x, x + 5) for x in range(1, 51))
        self.assertEqual({x: len(its) for x, its in group(counts, 10).items()}, dict.fromkeys(range(1, 51), 1))


class TestMinimize(BaseCase):
    def test_minimize_finds_the_end_of_a_bent_valley(self):
        calls = []

        def valley(point):
            calls.append(point)
            x, y = point
            return 100 * (y - x * x) ** 2 + (1 - x) ** 2

        point, value, converged = minimize(valley, [-1.2, 1.0])
        self.assertTrue(converged)
        self.assertAlmostEqual(value, 0, 6)
        for place in point:
            self.assertAlmostEqual(place, 1, 3)
        self.assertLess(len(calls), 700)

    def test_minimize_when_the_least_is_at_an_edge_then_stays_inside(self):
        point, value, _converged = minimize(lambda at: at[0] + at[1] ** 2 if at[0] >= 2 else inf, [3.0, 1.0])
        self.assertTrue(2 <= point[0] < 2.01, point)
        self.assertAlmostEqual(value, 2, 2)

    def test_minimize_when_there_is_no_least_then_it_ends(self):
        calls = []

        def slope(point):
            calls.append(point)
            return point[0]

        minimize(slope, [0.0])
        self.assertLess(len(calls), 5000)
