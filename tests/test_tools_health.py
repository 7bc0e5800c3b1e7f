"""Parts and bands of the health of a customer, of ``tools.health``."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.health import (
    FACTORS,
    feedback,
    health,
    health_band,
    notice,
    obligations,
    overdue,
    recency,
    trend,
)

laws = settings(database=None, deadline=None)
money = st.floats(-1e9, 1e9)
days = st.integers(0, 5000)
WEIGHTS = dict(zip(FACTORS, (30, 20, 15, 15, 10, 10), strict=True))


class TestHealth(BaseCase):
    def test_health_of_the_published_example(self):
        found = health({"recency": 0.9, "trend": 0.6, "overdue": 0.3}, {"recency": 40, "trend": 40, "overdue": 20})
        self.assertEqual((found.points, found.band, found.coverage), (66, "yellow", 1))

    def test_health_band_when_at_a_limit_then_the_lower_one(self):
        for points, expected in (
            (None, None), (0, "red"), (50, "red"), (51, "yellow"), (75, "yellow"), (76, "green"), (100, "green"),
        ):
            self.assertEqual(health_band(points), expected, points)

    def test_health_when_parts_are_unknown_then_the_others_share_their_weight(self):
        found = health(dict.fromkeys(FACTORS, None) | {"recency": 0.5, "feedback": 1.0}, WEIGHTS)
        self.assertEqual((found.points, found.coverage), (67, 0.45))  # (30 * 0.5 + 15 * 1) / 45
        self.assertEqual([part.factor for part in found.explained], ["recency", "feedback"])
        self.assertAlmostEqual(sum(part.points for part in found.explained), 100 * 30 / 45)

    def test_health_when_too_little_is_known_then_none_but_explained(self):
        for known, points in (
            ({"overdue": 1.0}, None),
            ({"obligations": 1.0, "notice": 0.5}, None),
            ({"overdue": 1.0, "notice": 0.5}, 80),  # 25 of 100: just enough
            ({"recency": 0.0}, 0),
            ({}, None),
        ):
            found = health(known, WEIGHTS)
            self.assertEqual(found.points, points, known)
            self.assertEqual(found.band, health_band(points), known)
            self.assertEqual({part.factor for part in found.explained}, set(known), known)
            self.assertAlmostEqual(found.coverage, sum(WEIGHTS[factor] for factor in known) / 100, msg=known)

    def test_health_when_weights_are_fractions_then_the_limit_holds_for_them_too(self):
        found = health({"overdue": 1.0}, {"overdue": 0.1, "feedback": 0.1, "trend": 0.2})
        self.assertEqual(found.points, 100)

    def test_health_when_a_factor_has_no_weight_then_it_does_not_count(self):
        self.assertEqual(health({"recency": 1.0, "trend": 0.0}, {"recency": 30}).points, 100)
        self.assertEqual(health({"recency": 1.0, "trend": 0.0}, {"recency": 30, "trend": 0}).points, 100)

    def test_health_when_a_weight_is_negative_then_refused(self):
        with self.assertRaises(ValueError):
            health({"recency": 1.0}, {"recency": -1})


class TestParts(BaseCase):
    def check(self, part, cases):
        for arguments, expected in cases:
            found = part(*arguments)
            if expected is None:
                self.assertIsNone(found, arguments)
            else:
                self.assertIsInstance(found, float, arguments)
                self.assertAlmostEqual(found, expected, 12, arguments)

    def test_recency_falls_from_one_rhythm_to_three(self):
        self.check(recency, (
            ((0, 30), 1), ((30, 30), 1), ((31, 30), 59 / 60), ((45, 30), 0.75), ((60, 30), 0.5), ((75, 30), 0.25),
            ((90, 30), 0), ((900, 30), 0), ((-3, 30), 1), ((9, 4.5), 0.5), ((2, 1), 0.5),
            ((1, 0.5), 0.5),
        ))

    def test_recency_when_there_is_no_rhythm_to_divide_by_then_any_silence_is_bad(self):
        self.check(recency, (((0, 0), 1), ((1, 0), 0)))

    def test_recency_when_something_is_unknown_then_unknown(self):
        self.check(recency, (((None, 30), None), ((5, None), None), ((None, None), None)))

    def test_trend_is_one_half_for_the_same_and_goes_with_the_difference(self):
        self.check(trend, (
            ((100, 100, 364), 0.5), ((200, 100, 364), 0.75), ((100, 200, 364), 0.25), ((0, 100, 364), 0),
            ((100, 0, 364), 1), ((None, 100, 364), 0), ((100, None, 364), 1), ((50, -50, 364), 1),
            ((-50, 50, 364), 0), ((-50, 0.01, 364), 0),
        ))

    def test_trend_when_too_short_or_without_revenue_then_unknown(self):
        self.check(trend, (
            ((100, 100, 363), None), ((100, 100, None), None), ((0, 0, 999), None), ((None, None, 999), None),
            ((-5, -9, 999), None), ((0, -9, 999), None),
        ))

    def test_overdue_is_measured_by_the_revenue_of_a_quarter(self):
        self.check(overdue, (
            ((0, 400, True), 1), ((25, 400, True), 0.75), ((100, 400, True), 0), ((500, 400, True), 0),
            ((-20, 400, True), 1), ((None, 400, True), 1), ((0, 0, True), 1), ((0, None, True), 1),
            ((1, 0, True), 0), ((0.1, None, True), 0), ((1, -400, True), 0), ((0.25, 2, True), 0.5),
        ))

    def test_overdue_when_never_invoiced_then_unknown(self):
        self.check(overdue, (((0, 400, False), None), ((9, 400, False), None)))

    def test_feedback_of_both_scales_reaches_from_0_to_1(self):
        self.check(feedback, (
            (("nps", 0), 0), (("nps", 7), 0.7), (("nps", 10), 1), (("csat", 1), 0), (("csat", 3), 0.5),
            (("csat", 5), 1), (("nps", None), None), ((None, None), None),
        ))

    def test_feedback_when_not_of_the_scale_then_refused(self):
        for kind, score in (("nps", -1), ("nps", 11), ("csat", 0), ("csat", 6), ("stars", 3), (None, 3)):
            with self.assertRaises(ValueError, msg=(kind, score)):
                feedback(kind, score)

    def test_obligations_when_three_are_missed_then_nothing_is_left(self):
        self.check(obligations, (
            ((0, True), 1), ((None, True), 1), ((1, True), 2 / 3), ((2, True), 1 / 3), ((3, True), 0), ((9, True), 0),
            ((0, False), None), ((3, False), None),
        ))

    def test_notice_is_the_risk_turned_round(self):
        self.check(notice, (
            ((0.0, True), 1), ((0.5, True), 0.5), ((1.0, True), 0), ((None, True), 1), ((0.5, False), None),
        ))


class TestLaws(BaseCase):
    @laws
    @given(days, st.floats(0, 1000), st.integers(0, 500))
    def test_recency_when_the_silence_grows_then_never_better(self, since, rhythm, more):
        self.assertGreaterEqual(recency(since, rhythm), recency(since + more, rhythm))

    @laws
    @given(days, st.floats(0, 1000), st.floats(0, 1000))
    def test_recency_when_the_rhythm_is_slower_then_never_worse(self, since, rhythm, more):
        self.assertLessEqual(recency(since, rhythm), recency(since, rhythm + more))

    @laws
    @given(money, money)
    def test_trend_when_the_halves_change_places_then_mirrored(self, recent, before):
        assume(min(recent, before) >= 0 and max(recent, before) > 0)
        self.assertAlmostEqual(trend(recent, before, 400) + trend(before, recent, 400), 1)

    @laws
    @given(money, money, money, st.floats(0, 1e9))
    def test_overdue_when_more_is_owed_then_never_better(self, amount, revenue, _spare, more):
        self.assertGreaterEqual(overdue(amount, revenue, True), overdue(amount + more, revenue, True))

    @laws
    @given(money, money, days, st.floats(0, 1000))
    def test_parts_are_always_0_to_1(self, one, other, since, rhythm):
        for value in (recency(since, rhythm), trend(one, other, 400), overdue(one, other, True), notice(0.3, True)):
            if value is not None:
                self.assertTrue(0 <= value <= 1, value)
