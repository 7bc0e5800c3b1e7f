"""Funnels, medians and percentiles of ``tools.funnel``."""

from datetime import datetime, timedelta
from random import Random
from statistics import median as plain_median
from statistics import quantiles

from odoo.tests import BaseCase

from ..tools.funnel import funnel, median, percentile
from ..tools.replay import Visit

START, END = datetime(2024, 1, 1), datetime(2024, 2, 1)
FIRST, SECOND, THIRD, GONE = 1, 2, 3, 9
STAGES = (FIRST, SECOND, THIRD)


def visits(*steps, cycle=1):
    """Visits in stages entered on given days of January 2024, the last one open."""
    entered = [START + timedelta(days=day - 1) for _stage_id, day in steps]
    exited = [*entered[1:], None]
    return [
        Visit(number, cycle, stage_id, entered[number - 1], exited[number - 1], "rule", 1, None, None, None)
        for number, (stage_id, _day) in enumerate(steps, 1)
    ]


class TestFunnel(BaseCase):
    def counts(self, mode, *customers):
        return [step.customers for step in funnel(dict(enumerate(customers)), STAGES, START, END, mode)]

    def test_steps_tell_conversion_to_the_next_and_from_the_first(self):
        customers = [visits((FIRST, 1))] * 4 + [visits((FIRST, 1), (SECOND, 2))] * 3
        customers += [visits((FIRST, 1), (SECOND, 2), (THIRD, 3))]
        self.assertEqual(
            funnel(customers, STAGES, START, END),
            [(FIRST, 8, 0.5, 1.0), (SECOND, 4, 0.25, 0.5), (THIRD, 1, None, 0.125)],
        )

    def test_ratios_when_nobody_is_there_then_none(self):
        for mode in ("strict", "any"):
            self.assertEqual(
                funnel({}, STAGES, START, END, mode),
                [(FIRST, 0, None, None), (SECOND, 0, None, None), (THIRD, 0, None, None)],
            )
        self.assertEqual(funnel({}, (), START, END), [])

    def test_strict_when_a_stage_was_jumped_over_then_ends_before_it(self):
        self.assertEqual(self.counts("strict", visits((FIRST, 1), (THIRD, 2))), [1, 0, 0])
        self.assertEqual(self.counts("strict", visits((SECOND, 1), (THIRD, 2))), [0, 0, 0])

    def test_strict_when_stages_were_entered_in_another_order_then_only_what_came_in_order(self):
        self.assertEqual(self.counts("strict", visits((SECOND, 1), (FIRST, 2), (THIRD, 3))), [1, 0, 0])
        self.assertEqual(self.counts("strict", visits((FIRST, 1), (THIRD, 2), (SECOND, 3), (THIRD, 4))), [1, 1, 1])

    def test_strict_when_the_first_stage_was_entered_outside_the_period_then_not_counted(self):
        self.assertEqual(self.counts("strict", visits((FIRST, 0), (SECOND, 2))), [0, 0, 0])
        self.assertEqual(self.counts("strict", visits((FIRST, 32))), [0, 0, 0])
        self.assertEqual(self.counts("strict", visits((FIRST, 0), (SECOND, 2), (FIRST, 3), (SECOND, 4))), [0, 0, 0])

    def test_strict_when_later_stages_come_after_the_period_then_counted(self):
        self.assertEqual(self.counts("strict", visits((FIRST, 31), (SECOND, 90))), [1, 1, 0])

    def test_strict_when_won_back_then_each_cycle_stands_alone_and_the_best_counts_once(self):
        customer = visits((FIRST, 1), (GONE, 2)) + visits((SECOND, 3), (THIRD, 4), cycle=2)
        self.assertEqual(self.counts("strict", customer), [1, 0, 0])
        customer += visits((GONE, 5), cycle=2) + visits((FIRST, 6), (SECOND, 7), cycle=3)
        self.assertEqual(self.counts("strict", customer), [1, 1, 0])

    def test_strict_when_visits_have_no_length_then_counted(self):
        self.assertEqual(self.counts("strict", visits((FIRST, 1), (SECOND, 1), (THIRD, 1))), [1, 1, 1])

    def test_any_counts_who_stood_in_the_stage_within_the_period(self):
        for customer, expected in (
            (visits((FIRST, 1)), [1, 0, 0]),
            (visits((FIRST, -50)), [1, 0, 0]),
            (visits((FIRST, -50), (SECOND, 0)), [0, 1, 0]),
            (visits((FIRST, -50), (SECOND, 1)), [0, 1, 0]),
            (visits((FIRST, -50), (THIRD, 31), (SECOND, 32)), [1, 0, 1]),
            (visits((THIRD, 32)), [0, 0, 0]),
            (visits((FIRST, 1), (SECOND, 1), (THIRD, 1)), [1, 1, 1]),
            (visits((FIRST, 2), (SECOND, 3), (FIRST, 4)), [1, 1, 0]),
            (visits((GONE, 2)), [0, 0, 0]),
        ):
            self.assertEqual(self.counts("any", customer), expected)

    def test_any_when_more_stand_in_the_next_stage_then_a_ratio_above_one(self):
        steps = funnel([visits((FIRST, 1), (SECOND, 2)), visits((SECOND, 3))], STAGES, START, END, "any")
        self.assertEqual(steps[0].conversion, 2.0)

    def test_strict_counts_never_rise_and_never_exceed_any(self):
        random = Random(7)
        customers = []
        for _ in range(300):
            days = sorted(random.sample(range(1, 80), random.randint(1, 6)))
            customers.append(visits(*((random.choice((*STAGES, GONE)), day) for day in days)))
        strict = self.counts("strict", *customers)
        self.assertEqual(strict, sorted(strict, reverse=True))
        forever = funnel(customers, STAGES, datetime.min, datetime.max, "any")
        for number, step in zip(strict, forever, strict=True):
            self.assertLessEqual(number, step.customers)

    def test_mode_when_unknown_then_refused(self):
        with self.assertRaises(ValueError):
            funnel([visits((FIRST, 1))], STAGES, START, END, "loose")


class TestStatistics(BaseCase):
    def test_median_and_percentile_when_empty_then_none(self):
        self.assertIsNone(median([]))
        self.assertIsNone(percentile(iter(()), 0.9))

    def test_median_when_odd_or_even_then_the_middle(self):
        self.assertEqual(median([9, 1, 5]), 5)
        self.assertEqual(median([9, 1, 5, 6]), 5.5)

    def test_percentile_interpolates_like_postgresql(self):
        """SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY v) FROM (VALUES (10), (20), (30), (40)) t (v)"""
        self.assertAlmostEqual(percentile([40, 10, 30, 20], 0.9), 37)
        self.assertEqual(percentile([40, 10, 30, 20], 0), 10)
        self.assertEqual(percentile([40, 10, 30, 20], 1), 40)
        self.assertEqual(percentile([7], 0.9), 7)

    def test_percentile_when_out_of_range_then_refused(self):
        for fraction in (-0.1, 1.1, float("nan")):
            with self.assertRaises(ValueError):
                percentile([1], fraction)

    def test_percentile_agrees_with_the_standard_library(self):
        random = Random(3)
        for length in range(2, 60):
            values = [random.uniform(0, 100) for _ in range(length)]
            self.assertAlmostEqual(median(values), plain_median(values))
            for position, cut in enumerate(quantiles(values, n=10, method="inclusive"), 1):
                self.assertAlmostEqual(percentile(values, position / 10), cut)
