"""Explained scores and their bands of ``tools.score``."""

from math import inf, nan

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.score import Part, band, score

values = st.floats(0, 1)
weights = st.floats(0.01, 1000)
laws = settings(database=None, deadline=None)
some_parts = st.lists(st.builds(Part, st.text(max_size=3), st.none() | values, weights | st.just(0.0)), max_size=8)


class TestScore(BaseCase):
    def points(self, *pairs):
        return score([Part(str(number), value, weight) for number, (value, weight) in enumerate(pairs)]).points

    def test_score_of_the_published_example(self):
        self.assertEqual(self.points((0.9, 40), (0.6, 40), (0.3, 20)), 66)
        self.assertEqual(band(66), "middle")

    def test_score_is_the_weighted_mean(self):
        for pairs, expected in (
            ([(0, 1)], 0),
            ([(1, 0.001)], 100),
            ([(1, 1), (0, 1)], 50),
            ([(1, 3), (0, 1)], 75),
            ([(1, 1), (1, 1), (0, 1)], 67),
            ([(1, 1), (0, 0)], 100),
        ):
            self.assertEqual(self.points(*pairs), expected, pairs)

    def test_score_when_a_half_then_rounded_up(self):
        for pairs, expected in (
            ([(0.005, 1)], 1),
            ([(0.645, 1)], 65),
            ([(0.665, 1)], 67),
            ([(0.285, 1)], 29),
            ([(0.575, 1)], 58),
            ([(0.1, 1), (0.2, 1), (0.3, 1), (0.14, 1)], 19),
            ([(0.7, 0.1), (0.59, 0.1)], 65),
            ([(0.644999, 1)], 64),
            ([(0.995, 1)], 100),
        ):
            self.assertEqual(self.points(*pairs), expected, pairs)

    def test_score_when_a_part_is_unknown_then_the_others_share_its_weight(self):
        result = score([Part("usage", 0.8, 30), Part("survey", None, 60), Part("payment", 0.4, 10)])
        self.assertEqual(result.points, 70)
        self.assertAlmostEqual(result.coverage, 0.4)
        self.assertEqual([line.factor for line in result.explained], ["usage", "payment"])
        for line, value, weight, points in zip(result.explained, (0.8, 0.4), (0.75, 0.25), (60, 10), strict=True):
            self.assertAlmostEqual(line.value, value)
            self.assertAlmostEqual(line.weight, weight)
            self.assertAlmostEqual(line.points, points)

    def test_score_when_a_part_is_0_then_not_unknown(self):
        result = score([Part("usage", 0, 1), Part("survey", 1, 1)])
        self.assertEqual((result.points, result.coverage), (50, 1))

    def test_score_when_nothing_is_known_then_none(self):
        for parts in ([], [Part("usage", None, 5)], [Part("usage", 0.5, 0)], [Part("a", 0.5, 0), Part("b", None, 5)]):
            self.assertEqual(score(parts), (None, 0, ()))

    def test_score_when_the_parts_are_read_once_then_enough(self):
        self.assertEqual(score(iter([Part("usage", 0.5, 1)])).points, 50)

    def test_score_when_a_number_is_out_of_range_then_refused(self):
        for value, weight in ((-0.1, 1), (1.1, 1), (nan, 1), (inf, 1), (0.5, -1), (0.5, nan), (0.5, inf), (None, -1)):
            with self.assertRaisesRegex(ValueError, "usage"):
                score([Part("usage", value, weight), Part("survey", 0.5, 1)])

    @laws
    @given(some_parts)
    def test_score_lies_within_0_to_100_and_its_explanation_adds_up(self, parts):
        result = score(parts)
        self.assertTrue(0 <= result.coverage <= 1)
        if result.points is None:
            self.assertFalse(any(part.value is not None and part.weight for part in parts))
            return
        self.assertTrue(0 <= result.points <= 100)
        self.assertAlmostEqual(sum(line.weight for line in result.explained), 1)
        self.assertLessEqual(abs(sum(line.points for line in result.explained) - result.points), 0.5 + 1e-6)

    @laws
    @given(some_parts, values, values, weights)
    def test_score_when_one_value_rises_then_never_falls(self, others, one, other, weight):
        low, high = sorted((one, other))
        points = [score([*others, Part("usage", value, weight)]).points for value in (low, high)]
        self.assertLessEqual(*points)

    @laws
    @given(some_parts, weights)
    def test_score_when_an_unknown_part_is_added_then_only_coverage_falls(self, parts, weight):
        before, after = score(parts), score([*parts, Part("survey", None, weight)])
        self.assertEqual((before.points, before.explained), (after.points, after.explained))
        assume(before.points is not None)
        self.assertLess(after.coverage, before.coverage)

    @laws
    @given(values, st.lists(weights, min_size=1, max_size=8))
    def test_score_when_all_values_are_equal_then_that_value_whatever_the_weights(self, value, all_weights):
        points = self.points(*((value, weight) for weight in all_weights))
        self.assertLessEqual(abs(points - 100 * value), 0.5 + 1e-6)


class TestBand(BaseCase):
    def test_band_when_at_a_limit_then_the_lower_one(self):
        for points, expected in (
            (0, "low"), (50, "low"), (51, "middle"), (75, "middle"), (76, "high"), (100, "high"),
        ):
            self.assertEqual(band(points), expected, points)

    def test_band_when_limits_are_given_then_those(self):
        for points, expected in ((20, "low"), (21, "middle"), (30, "middle"), (31, "high")):
            self.assertEqual(band(points, 20, 30), expected, points)
        self.assertEqual([band(points, 40, 40) for points in (40, 41)], ["low", "high"])

    def test_band_when_limits_are_out_of_order_then_refused(self):
        with self.assertRaises(ValueError):
            band(50, 75, 50)
