"""Classes and segments of customers, of ``tools.rfm``."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.rfm import SEGMENT_TABLE, SEGMENTS, quintile, quintiles, segment

laws = settings(database=None, deadline=None)
some_values = st.lists(st.integers(-5, 20) | st.floats(-5, 20), min_size=1, max_size=60)
CLASSES = range(1, 6)


class TestQuintiles(BaseCase):
    def test_quintiles_of_lists_counted_by_hand(self):
        for values, expected in (
            ([], []),
            ([7], [3]),
            ([1, 2], [2, 4]),
            ([1, 2, 3], [1, 3, 5]),
            ([10, 20, 30, 40, 50], [1, 2, 3, 4, 5]),
            ([50, 10, 30, 20, 40], [5, 1, 3, 2, 4]),
            ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
            ([4, 4, 4], [3, 3, 3]),
            ([1, 1, 1, 9], [2, 2, 2, 5]),
            ([1, 1, 1, 1, 1, 1, 1, 1, 9, 9], [2, 2, 2, 2, 2, 2, 2, 2, 5, 5]),
            # a rank of exactly one fifth belongs to the first class
            ([1, 1, 2, 2, 2], [1, 1, 4, 4, 4]),
        ):
            self.assertEqual(quintiles(values), expected, values)

    def test_quintile_when_the_counts_contradict_each_other_then_refused(self):
        for less, equal, total in ((0, 0, 5), (-1, 1, 5), (5, 1, 5), (0, 6, 5), (0, 1, 0)):
            with self.assertRaises(ValueError, msg=(less, equal, total)):
                quintile(less, equal, total)

    def test_quintile_when_there_are_many_then_exact(self):
        fifth = 10**17
        self.assertEqual(quintile(0, 2 * fifth, 5 * fifth), 1)
        self.assertEqual(quintile(0, 2 * fifth + 1, 5 * fifth), 2)

    @laws
    @given(some_values)
    def test_quintiles_keep_the_order_and_equal_values_share_a_class(self, values):
        classes = quintiles(values)
        self.assertTrue(set(classes) <= set(CLASSES))
        for (one, its), (other, others) in product(zip(values, classes, strict=True), repeat=2):
            if one == other:
                self.assertEqual(its, others)
            elif one < other:
                self.assertLessEqual(its, others)

    @laws
    @given(some_values, st.randoms(use_true_random=False))
    def test_quintiles_when_the_customers_are_shuffled_then_each_keeps_its_class(self, values, random):
        order = list(range(len(values)))
        random.shuffle(order)
        classes = quintiles(values)
        self.assertEqual(quintiles([values[place] for place in order]), [classes[place] for place in order])

    @laws
    @given(some_values)
    def test_quintiles_never_tell_more_classes_than_there_are_values(self, values):
        self.assertLessEqual(len(set(quintiles(values))), len(set(values)))

    @laws
    @given(st.sets(st.integers(), min_size=5, max_size=80))
    def test_quintiles_of_different_values_are_of_nearly_the_same_size(self, values):
        classes = quintiles(list(values))
        sizes = [classes.count(number) for number in CLASSES]
        self.assertLessEqual(max(sizes) - min(sizes), 1)

    @laws
    @given(some_values)
    def test_quintiles_when_the_values_are_turned_round_then_the_classes_too(self, values):
        ranks = [(2 * sum(other < value for other in values) + values.count(value)) for value in values]
        for value, its, turned in zip(ranks, quintiles(values), quintiles([-v for v in values]), strict=True):
            on_a_limit = 5 * value % (2 * len(values)) == 0  # a limit belongs to the lower class from both sides
            self.assertEqual(turned, 6 - its - on_a_limit)


class TestSegment(BaseCase):
    def test_segment_table_has_every_cell_once_and_every_segment(self):
        self.assertEqual(set(SEGMENT_TABLE), set(product(CLASSES, CLASSES)))
        self.assertEqual(len(SEGMENTS), 11)
        self.assertEqual(set(SEGMENT_TABLE.values()), set(SEGMENTS))

    def test_segment_of_typical_customers(self):
        for classes, expected in (
            ((5, 5, 5), "champions"),
            ((4, 5, 3), "champions"),
            ((4, 4, 3), "loyal"),
            ((3, 4, 4), "loyal"),
            ((5, 2, 3), "potential_loyalists"),
            ((5, 1, 2), "new"),
            ((4, 1, 1), "promising"),
            ((3, 2, 2), "need_attention"),
            ((2, 1, 2), "about_to_sleep"),
            ((2, 3, 3), "at_risk"),
            ((1, 5, 5), "cannot_lose"),
            ((1, 2, 2), "hibernating"),
            ((1, 1, 1), "lost"),
        ):
            self.assertEqual(segment(*classes), expected, classes)

    def test_segment_when_frequency_and_money_change_places_then_the_same(self):
        for r, f, m in product(CLASSES, repeat=3):
            self.assertEqual(segment(r, f, m), segment(r, m, f), (r, f, m))

    def test_segment_when_half_a_class_then_the_lower_one(self):
        self.assertEqual((segment(1, 3, 4), segment(1, 4, 4)), ("at_risk", "cannot_lose"))

    def test_segment_when_a_class_does_not_exist_then_refused(self):
        for classes in ((0, 1, 1), (1, 6, 1), (1, 1, 0), (1, 6, 0), (2.5, 1, 1)):
            with self.assertRaises(ValueError, msg=classes):
                segment(*classes)
