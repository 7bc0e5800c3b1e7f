"""Values of indicators and their standing against goals, of ``tools.kpi_math``."""

from math import fsum, inf, nextafter

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.kpi_math import (
    DOWN,
    FEW,
    NA,
    NO_GOAL,
    OFF,
    ON,
    UP,
    attainment,
    cac,
    change,
    clv,
    combine,
    csat,
    expected,
    k_factor,
    mean,
    nps,
    payback,
    ratio,
    status,
    suggest,
    wilson,
)

numbers = st.floats(-1e9, 1e9).map(lambda number: round(number, 3))
sizes = st.floats(0.001, 1e9)
shares = st.floats(0, 1)
directions = st.sampled_from((UP, DOWN))
laws = settings(database=None, deadline=None)


@st.composite
def proportions(draw):
    """(successes, cases)"""
    cases = draw(st.integers(1, 10**7))
    return draw(st.integers(0, cases)), cases


class TestExpected(BaseCase):
    def test_expected_is_a_part_of_the_goal_only_if_more_is_better_and_it_grows(self):
        for goal, direction, cumulative, elapsed, result in (
            (100, UP, True, 0.25, 25),
            (100, UP, True, 1, 100),
            (100, UP, True, 0, 0),
            (100, UP, False, 0.25, 100),
            (100, DOWN, True, 0.25, 100),
            (100, DOWN, False, 0.25, 100),
            (-40, UP, True, 0.5, -20),
        ):
            self.assertEqual(expected(goal, direction, cumulative, elapsed), result, (direction, cumulative, elapsed))

    @laws
    @given(sizes, shares, shares)
    def test_expected_when_time_passes_then_never_less(self, goal, one, other):
        before, after = sorted((one, other))
        self.assertLessEqual(expected(goal, UP, True, before), expected(goal, UP, True, after))


class TestStatus(BaseCase):
    def test_status_when_value_or_goal_are_missing_then_told_so(self):
        for value, goal, result in ((None, 5, NA), (5, None, NO_GOAL), (None, None, NA), (0, 0, ON), (0, 5, OFF)):
            self.assertEqual(status(value, goal, UP), result, (value, goal))

    def test_status_compares_in_the_better_direction_and_the_goal_itself_is_reached(self):
        for value, goal, direction, result in (
            (10, 10, UP, ON),
            (11, 10, UP, ON),
            (9.99, 10, UP, OFF),
            (10, 10, DOWN, ON),
            (9, 10, DOWN, ON),
            (10.01, 10, DOWN, OFF),
            (-5, -10, UP, ON),
            (-15, -10, UP, OFF),
            (-15, -10, DOWN, ON),
            (0, 0, DOWN, ON),
            (0.001, 0, DOWN, OFF),
        ):
            self.assertEqual(status(value, goal, direction), result, (value, goal, direction))

    def test_status_when_only_floats_miss_the_goal_then_on_track(self):
        for value, goal, direction, cumulative, elapsed in (
            (0.3, 0.1 + 0.2, UP, False, 1),
            (0.1 + 0.2, 0.3, DOWN, False, 1),
            (7, nextafter(7, inf), UP, False, 1),
            (21, 30, UP, True, 0.7000000000000001),
        ):
            self.assertEqual(status(value, goal, direction, cumulative=cumulative, elapsed=elapsed), ON, (value, goal))
        self.assertEqual(status(0.999999, 1, UP), OFF)

    def test_status_when_the_period_is_open_then_a_part_of_a_growing_goal_is_enough(self):
        for value, direction, cumulative, elapsed, result in (
            (10, UP, True, 10 / 30, ON),
            (9, UP, True, 10 / 30, OFF),
            (10, UP, False, 10 / 30, OFF),
            (10, UP, True, 1, OFF),
            (0, UP, True, 0, ON),
            (30, DOWN, True, 10 / 30, ON),
            (31, DOWN, True, 10 / 30, OFF),
        ):
            found = status(value, 30, direction, cumulative=cumulative, elapsed=elapsed)
            self.assertEqual(found, result, (value, direction, cumulative, elapsed))

    def test_status_when_a_missed_goal_is_within_the_interval_then_too_few_data(self):
        for successes, cases, goal, direction, result in (
            (3, 20, 0.10, DOWN, FEW),
            (3, 20, 0.05, DOWN, OFF),
            (3, 20, 0.15, DOWN, ON),
            (3, 20, 0.20, DOWN, ON),
            (3, 20, 0.36, UP, FEW),
            (3, 20, 0.37, UP, OFF),
            (300, 2000, 0.10, DOWN, OFF),
            (0, 3, 0.5, UP, FEW),
            (0, 30, 0.5, UP, OFF),
            (3, 3, 0.95, UP, ON),
        ):
            found = status(successes / cases, goal, direction, interval=wilson(successes, cases))
            self.assertEqual(found, result, (successes, cases, goal, direction))

    def test_status_when_there_is_no_interval_then_no_doubt(self):
        self.assertEqual(status(0.15, 0.10, DOWN, interval=wilson(0, 0)), OFF)

    def test_status_when_fewer_cases_than_the_least_then_too_few_whatever_the_value(self):
        for value, cases, least, result in (
            (60, 29, 30, FEW),
            (10, 29, 30, FEW),
            (60, 30, 30, ON),
            (10, 30, 30, OFF),
            (60, 0, 0, ON),
            (10, None, 30, OFF),
        ):
            self.assertEqual(status(value, 50, UP, cases=cases, least_cases=least), result, (value, cases, least))
        self.assertEqual(status(None, 50, UP, cases=2, least_cases=30), NA)
        self.assertEqual(status(60, None, UP, cases=2, least_cases=30), NO_GOAL)

    def test_status_when_the_direction_is_unknown_then_refused(self):
        for call in (
            lambda: status(1, 2, "sideways"),
            lambda: status(None, None, ""),
            lambda: expected(1, "sideways", True, 0.5),
            lambda: attainment(1, 2, "sideways"),
            lambda: attainment(None, 2, "sideways"),
            lambda: suggest([], 0.05, "sideways"),
        ):
            with self.assertRaises(ValueError):
                call()

    @laws
    @given(numbers, sizes, numbers, directions, st.booleans(), shares)
    def test_status_when_the_value_gets_better_then_never_worse(
        self, value, more, goal, direction, cumulative, elapsed
    ):
        better = value + more if direction == UP else value - more
        if status(value, goal, direction, cumulative=cumulative, elapsed=elapsed) == ON:
            self.assertEqual(status(better, goal, direction, cumulative=cumulative, elapsed=elapsed), ON)

    @laws
    @given(proportions(), shares, directions)
    def test_status_of_a_proportion_is_on_track_exactly_without_its_interval_too(self, proportion, goal, direction):
        value = ratio(*proportion)
        plain = status(value, goal, direction)
        careful = status(value, goal, direction, interval=wilson(*proportion))
        self.assertIn((plain, careful), {(ON, ON), (OFF, OFF), (OFF, FEW)})

    @laws
    @given(numbers, numbers)
    def test_status_when_all_signs_are_turned_then_the_other_direction(self, value, goal):
        self.assertEqual(status(value, goal, UP), status(-value, -goal, DOWN))


class TestAttainment(BaseCase):
    def test_attainment_is_the_part_of_the_goal_that_is_reached(self):
        for value, goal, direction, result in (
            (80, 100, UP, 0.8),
            (120, 100, UP, 1.2),
            (0, 100, UP, 0),
            (-50, 100, UP, -0.5),
            (25, 20, DOWN, 0.8),
            (16, 20, DOWN, 1.25),
            (5, 0, DOWN, 0),
        ):
            self.assertEqual(attainment(value, goal, direction), result, (value, goal, direction))

    def test_attainment_when_a_ratio_says_nothing_then_none(self):
        for value, goal, direction in (
            (None, 10, UP), (10, None, UP), (None, 10, DOWN), (10, None, DOWN),
            (5, 0, UP), (5, -10, UP), (-20, -10, UP),
            (0, 10, DOWN), (0, 0, DOWN), (-1, 10, DOWN), (5, -10, DOWN), (-20, -10, DOWN),
        ):
            self.assertIsNone(attainment(value, goal, direction), (value, goal, direction))

    @laws
    @given(numbers, numbers, directions)
    @example(-20.0, -10.0, UP)
    @example(-20.0, -10.0, DOWN)
    def test_attainment_when_there_is_one_then_1_or_more_exactly_if_the_goal_is_reached(self, value, goal, direction):
        reached = attainment(value, goal, direction)
        if reached is None:
            self.assertTrue(goal <= 0 or value <= 0)
        else:
            self.assertEqual(reached >= 1, value >= goal if direction == UP else value <= goal)


class TestChange(BaseCase):
    def test_change_is_relative_to_the_size_of_what_was_before(self):
        for value, before, result in (
            (120, 100, 0.2),
            (80, 100, -0.2),
            (100, 100, 0),
            (0, 100, -1),
            (-50, -100, 0.5),
            (50, -100, 1.5),
            (5, 0, None),
            (0, 0, None),
            (None, 100, None),
            (100, None, None),
        ):
            self.assertEqual(change(value, before), result, (value, before))

    @laws
    @given(numbers, numbers)
    def test_change_has_the_sign_of_the_movement(self, value, before):
        found = change(value, before)
        if before == 0:
            self.assertIsNone(found)
        else:
            self.assertEqual((found > 0, found < 0), (value > before, value < before))


class TestMeans(BaseCase):
    def test_mean_leaves_out_what_is_not_known(self):
        for values, result in (
            ([1, 2, 3], 2), ([1, None, 3], 2), ([None, 0], 0), ([5], 5), ([], None), ([None, None], None),
            ([0.1] * 10, 0.1),
        ):
            self.assertEqual(mean(values), result, values)

    @laws
    @given(st.lists(numbers, min_size=1), st.integers(0, 5))
    def test_mean_lies_between_the_values_and_unknown_ones_change_nothing(self, values, unknown):
        found = mean(values)
        self.assertTrue(min(values) <= found + 1e-6 and found - 1e-6 <= max(values))
        self.assertEqual(mean([None] * unknown + values), found)

    def test_suggest_betters_the_mean(self):
        for values, percent, direction, result in (
            ([90, 110], 0.05, UP, 105),
            ([90, 110], 0.05, DOWN, 95),
            ([90, None, 110], 0, UP, 100),
            ([100], -0.1, UP, 90),
            ([-40, -60], 0.1, UP, -45),
            ([-40, -60], 0.1, DOWN, -55),
            ([0, 0], 0.05, UP, 0),
        ):
            self.assertAlmostEqual(suggest(values, percent, direction), result, 9, (values, percent, direction))
        for values in ([], [None]):
            self.assertIsNone(suggest(values, 0.05, UP))

    @laws
    @given(st.lists(numbers, min_size=1), shares, directions)
    def test_suggested_goal_is_never_worse_than_the_mean(self, values, percent, direction):
        before, goal = mean(values), suggest(values, percent, direction)
        self.assertTrue(goal >= before if direction == UP else goal <= before)
        self.assertEqual(status(goal, before, direction), ON)


class TestShares(BaseCase):
    def test_ratio_when_there_is_nothing_to_divide_by_then_none(self):
        for numerator, denominator, result in (
            (1, 4, 0.25), (0, 4, 0), (5, 4, 1.25), (-1, 4, -0.25), (1, -4, -0.25),
            (1, 0, None), (0, 0, None), (1, 0.0, None), (1, None, None), (None, 4, None), (None, None, None),
        ):
            self.assertEqual(ratio(numerator, denominator), result, (numerator, denominator))

    def test_wilson_of_published_examples(self):
        for successes, cases, low, high in (
            # Newcombe 1998, table I, method 3.
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0000, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ):
            for limit, expected_limit in zip(wilson(successes, cases), (low, high), strict=True):
                self.assertAlmostEqual(limit, expected_limit, 4, (successes, cases))

    def test_wilson_when_it_is_no_proportion_then_none(self):
        for successes, cases in ((0, 0), (1, 0), (-1, 10), (11, 10), (0, -1), (-1, -1), (float("nan"), 10)):
            self.assertIsNone(wilson(successes, cases), (successes, cases))

    @laws
    @given(proportions(), st.sampled_from((1.0, 1.281552, 1.644854, 1.959964, 2.575829, 3.290527)))
    @example((0, 10**7), 3.290527)
    @example((0, 3), 1.281552)
    @example((10**7, 10**7), 1.959964)
    def test_wilson_holds_the_proportion_and_stays_within_0_and_1(self, proportion, z):
        successes, cases = proportion
        low, high = wilson(successes, cases, z)
        self.assertTrue(0 <= low <= successes / cases <= high <= 1)
        self.assertEqual((low == 0, high == 1), (successes == 0, successes == cases))

    @laws
    @given(proportions())
    def test_wilson_when_failures_are_counted_instead_then_the_mirror_image(self, proportion):
        successes, cases = proportion
        low, high = wilson(successes, cases)
        mirrored = wilson(cases - successes, cases)
        self.assertAlmostEqual(mirrored[0], 1 - high, 9)
        self.assertAlmostEqual(mirrored[1], 1 - low, 9)

    @laws
    @given(proportions(), st.integers(2, 100))
    def test_wilson_when_there_are_more_data_then_narrower(self, proportion, times):
        successes, cases = proportion
        low, high = wilson(successes, cases)
        closer = wilson(times * successes, times * cases)
        self.assertLess(closer[1] - closer[0], high - low)

    @laws
    @given(proportions())
    def test_wilson_limits_are_where_the_score_is_z(self, proportion):
        # The definition, which the closed formula solves: |p - limit| = z * sqrt(limit * (1 - limit) / n).
        successes, cases = proportion
        assume(0 < successes < cases)
        for limit in wilson(successes, cases):
            score = 1.959964**2 * limit * (1 - limit) / cases
            self.assertAlmostEqual((successes / cases - limit) ** 2 / score, 1, 5)


class TestCombine(BaseCase):
    def test_combine_adds_up_both_parts(self):
        for parts, result in (
            ([(1, 2), (3, 4)], (4, 6)),
            ([(1, 2)], (1, 2)),
            ([], (None, None)),
            ([(None, None)], (None, None)),
            ([(5, None), (7, None)], (12, None)),
            ([(5, None), (None, None)], (5, None)),
            ([(0, 0), (3, 4)], (3, 4)),
            # Half a fraction would falsify the ratio.
            ([(None, 10), (3, 4)], (3, 4)),
            ([(5, None), (3, 4)], (3, 4)),
            ([(None, 10)], (None, None)),
            ([(0.1, 1)] * 10, (1.0, 10)),
        ):
            self.assertEqual(combine(iter(parts)), result, parts)

    @laws
    @given(st.lists(st.tuples(numbers, sizes), min_size=1))
    def test_combined_ratio_lies_between_those_of_the_parts(self, parts):
        found = ratio(*combine(parts))
        each = [numerator / denominator for numerator, denominator in parts]
        slack = 1e-9 * max(map(abs, each))
        self.assertTrue(min(each) - slack <= found <= max(each) + slack)

    @laws
    @given(st.lists(st.tuples(st.none() | st.integers(-99, 99), st.none() | st.integers(0, 99))), st.randoms())
    def test_combined_sum_does_not_depend_on_the_order(self, parts, random):
        shuffled = random.sample(parts, len(parts))
        self.assertEqual(combine(shuffled), combine(parts))

    @laws
    @given(st.lists(numbers, min_size=1))
    def test_combined_counts_are_their_sum(self, values):
        self.assertEqual(combine((value, None) for value in values), (fsum(values), None))


class TestCustomers(BaseCase):
    def test_scores_when_nobody_answered_then_none(self):
        self.assertIsNone(nps(0, 0, 0))
        self.assertIsNone(csat(0, 0))

    def test_scores_count_all_answers(self):
        for promoters, detractors, answers, score in (
            (10, 0, 10, 100), (0, 10, 10, -100), (0, 0, 10, 0), (1, 2, 8, -12.5),
        ):
            self.assertEqual(nps(promoters, detractors, answers), score)
        for satisfied, answers, share in ((0, 10, 0), (10, 10, 1), (1, 8, 0.125)):
            self.assertEqual(csat(satisfied, answers), share)

    @laws
    @given(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999))
    def test_nps_when_promoters_and_detractors_change_places_then_turned(self, promoters, detractors, others):
        answers = promoters + detractors + others
        assume(answers)
        score = nps(promoters, detractors, answers)
        self.assertTrue(-100 <= score <= 100)
        self.assertEqual(nps(detractors, promoters, answers), -score)

    def test_customer_figures_when_a_part_is_not_known_or_nothing_to_divide_by_then_none(self):
        for found in (
            clv(None, 3, 2), clv(75, None, 2), clv(75, 3, None), clv(75, 3, 2, None),
            cac(1000, 0), cac(1000, None), cac(None, 5),
            payback(None, 100, 0.8), payback(1200, None, 0.8), payback(1200, 100, None),
            payback(1200, 0, 0.8), payback(1200, 100, 0), payback(1200, 100, -0.2), payback(1200, -100, 0.5),
            k_factor(None, 0.3), k_factor(3, None),
        ):
            self.assertIsNone(found)

    def test_customer_figures_when_nothing_was_spent_or_earned_then_0(self):
        for found in (clv(0, 3, 2), cac(0, 5), payback(0, 100, 0.8), k_factor(3, 0), k_factor(0, 0.3)):
            self.assertEqual(found, 0)

    @laws
    @given(sizes, sizes, st.floats(0.01, 1))
    def test_payback_when_so_many_months_have_passed_then_the_cost_is_earned(self, cost, revenue, margin):
        self.assertAlmostEqual(payback(cost, revenue, margin) * revenue * margin / cost, 1, 9)
