from odoo.tests import BaseCase

from ..tools.feedback import CSAT, LIMITS, NPS, SCALES, sentiment


class TestFeedback(BaseCase):
    """What an answer means."""

    def test_sentiment_when_recommending_then_that_of_promoters_and_detractors(self):
        expected = dict.fromkeys(range(7), "bad") | {7: "neutral", 8: "neutral", 9: "good", 10: "good"}
        self.assertEqual({score: sentiment(NPS, score) for score in range(11)}, expected)

    def test_sentiment_when_satisfied_then_good_from_four_on(self):
        for score, expected in ((1, "bad"), (2.9, "bad"), (3, "neutral"), (3.9, "neutral"), (4, "good"), (5, "good")):
            with self.subTest(score):
                self.assertEqual(sentiment(CSAT, score), expected)

    def test_limits_lie_on_the_scale_in_order(self):
        for kind, (least, most) in SCALES.items():
            neutral, good = LIMITS[kind]
            self.assertTrue(least < neutral < good <= most, kind)

    def test_sentiment_of_an_unknown_kind_is_refused(self):
        with self.assertRaises(KeyError):
            sentiment("stars", 3)
