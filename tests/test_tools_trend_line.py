"""Coordinates of the trend charts of the scorecard."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.trend_line import MARGIN, draw_trend

WIDTH, HEIGHT = 100.0, 20.0
numbers = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)


def draw(values, goals=None):
    return draw_trend(values, goals or [None] * len(values), WIDTH, HEIGHT)


class TestTrendLine(BaseCase):
    def test_values_when_they_rise_then_the_line_goes_from_bottom_left_to_top_right(self):
        trend = draw([0, 5, 10])
        self.assertEqual(trend.lines, ["3,17 50,10 97,3"])
        self.assertEqual(trend.last, (97.0, 3.0))

    def test_gaps_when_values_are_missing_then_the_line_is_broken(self):
        trend = draw([0, 10, None, 5, None, 0, 10])
        self.assertEqual(len(trend.lines), 2)
        self.assertEqual(trend.dots, [(50.0, 10.0)])

    def test_last_period_when_unknown_then_no_last_point(self):
        self.assertIsNone(draw([1, None]).last)

    def test_nothing_when_nothing_is_known_then_nothing_is_drawn(self):
        for values in ([], [None, None]):
            trend = draw(values)
            self.assertEqual((trend.lines, trend.dots, trend.goals, trend.last), ([], [], [], None))

    def test_values_when_all_the_same_then_in_the_middle(self):
        self.assertEqual(draw([7, 7]).lines, ["3,10 97,10"])

    def test_goal_when_above_the_values_then_shares_their_scale(self):
        trend = draw([0, 0], [10, 10])
        self.assertEqual((trend.lines, trend.goals), (["3,17 97,17"], ["3,3 97,3"]))

    def test_goal_when_of_one_period_alone_then_a_short_stroke(self):
        self.assertEqual(draw([0, 10], [None, 10]).goals, ["94,3 100,3"])

    def test_goals_when_of_another_number_of_periods_then_refused(self):
        with self.assertRaises(ValueError):
            draw_trend([1, 2], [1], WIDTH, HEIGHT)

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
    @given(st.lists(st.none() | numbers, max_size=14), st.data())
    def test_points_when_drawn_then_stay_in_the_box(self, values, data):
        goals = data.draw(st.lists(st.none() | numbers, min_size=len(values), max_size=len(values)))
        trend = draw_trend(values, goals, WIDTH, HEIGHT)
        points = [tuple(map(float, point.split(","))) for line in trend.lines for point in line.split()]
        points += [*trend.dots, *([trend.last] if trend.last else [])]
        for x, y in points:
            self.assertTrue(MARGIN <= x <= WIDTH - MARGIN and MARGIN <= y <= HEIGHT - MARGIN, (x, y))
        drawn = sum(len(line.split()) for line in trend.lines) + len(trend.dots)
        self.assertEqual(drawn, sum(value is not None for value in values))
