"""Gaps, late buyers and the input of purchase models, of ``tools.rhythm``."""

from datetime import date, timedelta
from statistics import mean, median, quantiles

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.rhythm import (
    btyd,
    gaps,
    is_overdue,
    limits,
    next_purchase,
    percentile,
    purchase_days,
    rhythm,
    standing,
)

laws = settings(database=None, deadline=None)
START = date(2024, 1, 1)
some_days = st.lists(st.integers(0, 3000).map(lambda days: START + timedelta(days)), min_size=1, max_size=20)


def on(*numbers):
    """:return: days, so many after the start"""
    return [START + timedelta(days=number) for number in numbers]


class TestRhythm(BaseCase):
    def test_rhythm_of_customers_counted_by_hand(self):
        for days, count, mean_gap, median_gap, expected in (
            (on(0), 1, None, None, None),
            (on(0, 30), 2, 30, 30, None),
            (on(0, 10, 40), 3, 20, 20, on(60)[0]),
            (on(0, 1, 3, 11), 4, 11 / 3, 2, on(15)[0]),
            (on(0, 10, 10, 40, 40), 3, 20, 20, on(60)[0]),
            (on(40, 0, 10), 3, 20, 20, on(60)[0]),
        ):
            found = rhythm(days)
            self.assertEqual(
                (found.purchase_days, found.mean_gap, found.median_gap, found.next_date),
                (count, mean_gap, median_gap, expected), days,
            )
            self.assertEqual((found.first, found.last), (min(days), max(days)))

    def test_rhythm_when_nothing_was_bought_then_none(self):
        self.assertIsNone(rhythm([]))
        self.assertIsNone(btyd([], START))
        self.assertEqual(gaps([]), [])

    def test_purchase_days_are_distinct_and_sorted(self):
        self.assertEqual(purchase_days(on(5, 0, 5)), on(0, 5))

    def test_next_purchase_when_the_gap_ends_in_half_a_day_then_rounded_up(self):
        for span, count, expected in ((3, 3, 2), (5, 3, 3), (7, 3, 4), (9, 7, 2), (4, 4, 1), (5, 4, 2), (2, 3, 1)):
            found = next_purchase(START, START + timedelta(days=span), count)
            self.assertEqual((found - START).days, span + expected, (span, count))

    def test_is_overdue_when_later_than_one_and_a_half_gaps(self):
        for since, gap, expected in (
            (30, 20, False), (31, 20, True), (0, 20, False), (-5, 20, False), (7, 5, False), (8, 5, True),
            (1, 0, True), (0, 0, False), (9999, None, False),
        ):
            self.assertEqual(is_overdue(START + timedelta(days=since), START, gap), expected, (since, gap))

    @laws
    @given(some_days)
    def test_rhythm_agrees_with_its_gaps(self, days):
        found, between = rhythm(days), gaps(days)
        self.assertEqual(sum(between), (found.last - found.first).days)
        self.assertTrue(all(gap > 0 for gap in between))
        if between:
            self.assertAlmostEqual(found.mean_gap, mean(between))
            self.assertEqual(found.median_gap, median(between))
        if found.next_date:
            self.assertLessEqual(abs((found.next_date - found.last).days - found.mean_gap), 0.5)
            self.assertFalse(is_overdue(found.last + timedelta(days=int(found.mean_gap)), found.last, found.mean_gap))

    @laws
    @given(some_days, st.randoms(use_true_random=False))
    def test_rhythm_when_days_are_shuffled_and_doubled_then_the_same(self, days, random):
        other = days + days[:3]
        random.shuffle(other)
        self.assertEqual(rhythm(other), rhythm(days))


class TestBtyd(BaseCase):
    def test_btyd_of_the_published_example(self):
        today = date(2015, 2, 7)
        for days, expected in (
            ([date(2015, 2, 1), date(2015, 2, 6)], (1, 5, 6)),
            ([date(2015, 1, 1)], (0, 0, 37)),
            ([date(2015, 1, 1), date(2015, 1, 2), date(2015, 1, 5)], (2, 4, 37)),
            ([date(2015, 1, 5), date(2015, 1, 1), date(2015, 1, 2), date(2015, 1, 5)], (2, 4, 37)),
        ):
            self.assertEqual(btyd(days, today), expected, days)

    def test_btyd_when_bought_today_then_t_is_not_beyond_the_last(self):
        self.assertEqual(btyd(on(0, 9), *on(9)), (1, 9, 9))

    def test_btyd_when_bought_after_today_then_refused(self):
        with self.assertRaises(ValueError):
            btyd(on(0, 10), *on(9))

    @laws
    @given(some_days, st.integers(0, 500))
    def test_btyd_when_time_passes_then_only_the_age_grows(self, days, more):
        today = max(days)
        now, later = btyd(days, today), btyd(days, today + timedelta(days=more))
        self.assertEqual(later, now._replace(t=now.t + more))
        self.assertTrue(0 <= now.x <= now.t_x <= now.t)


class TestPopulation(BaseCase):
    def test_standing_of_the_published_example(self):
        for idle, expected in (
            (28, "active"), (29, "active"), (30, "at_risk"), (47, "at_risk"), (48, "churned"), (50, "churned"),
        ):
            self.assertEqual(standing(idle, 29, 47), expected, idle)

    def test_standing_when_both_limits_are_the_same_then_nobody_is_at_risk(self):
        self.assertEqual([standing(idle, 5, 5) for idle in (5, 6)], ["active", "churned"])

    def test_standing_when_the_limits_are_out_of_order_then_refused(self):
        with self.assertRaises(ValueError):
            standing(1, 47, 29)

    def test_limits_are_the_40th_and_80th_percentile(self):
        # 29 and 47 days, as published, on the 3rd and the 5th of six gaps
        self.assertEqual(limits([47, 20, 29, 90, 33, 25]), (29, 47))
        self.assertIsNone(limits([]))

    def test_percentile_lies_on_the_line_between_neighbours(self):
        for values, share, expected in (
            ([10], 0.4, 10), ([10, 20], 0, 10), ([10, 20], 1, 20), ([20, 10], 0.4, 14), ([1, 2, 3, 4], 0.5, 2.5),
            ([5, 5, 5], 0.8, 5),
        ):
            self.assertAlmostEqual(percentile(values, share), expected, msg=(values, share))
        self.assertIsNone(percentile([], 0.5))

    def test_percentile_when_the_share_is_none_then_refused(self):
        for share in (-0.1, 1.1, 40):
            with self.assertRaises(ValueError):
                percentile([1, 2], share)

    @laws
    @given(st.lists(st.integers(1, 900), min_size=2, max_size=50))
    def test_percentile_equals_that_of_the_standard_library(self, values):
        fifths = quantiles(values, n=5, method="inclusive")
        for found, expected in zip(limits(values), (fifths[1], fifths[3]), strict=True):
            self.assertAlmostEqual(found, expected)
