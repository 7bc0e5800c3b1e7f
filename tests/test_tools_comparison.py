from datetime import datetime

from odoo.tests import BaseCase

from ..tools.comparison import NOW, THEN, Comparison
from ..tools.funnel import ANY, STRICT
from ..tools.replay import Visit

START, END = datetime(2025, 1, 1), datetime(2026, 1, 1)


def _visits(*stage_ids):
    """Give one visit a month of 2025, the last one open."""
    dates = [datetime(2025, month, 1) for month in range(1, len(stage_ids) + 1)]
    return [
        Visit(number, 1, stage_id, dates[number - 1], dates[number] if number < len(dates) else None,
              "rule", None, None, None, None)
        for number, stage_id in enumerate(stage_ids, 1)
    ]


class TestComparison(BaseCase):
    """What another policy would change."""

    def _compare(self, now, then, listed=10):
        comparison = Comparison({NOW: [1, 2, 3], THEN: [1, 2, 3]}, START, END, listed)
        comparison.add(now, then)
        return comparison

    def test_customers_who_stay_are_no_moves(self):
        comparison = self._compare({7: _visits(1, 2)}, {7: _visits(2)})
        self.assertFalse(comparison.moves)
        self.assertEqual(comparison.standing, {NOW: {2: 1}, THEN: {2: 1}})

    def test_moves_name_their_customers(self):
        comparison = self._compare(
            {7: _visits(1, 2), 8: _visits(1, 2), 9: _visits(1)}, {7: _visits(1), 8: _visits(1), 9: _visits(1)}
        )
        self.assertEqual((comparison.moves, comparison.movers), ({(2, 1): 2}, {(2, 1): [7, 8]}))

    def test_listed_customers_are_capped_and_counted_all(self):
        now = {number: _visits(1) for number in range(20)}
        comparison = self._compare(now, {number: _visits(2) for number in range(20)}, listed=3)
        self.assertEqual((comparison.moves[1, 2], comparison.movers[1, 2]), (20, [0, 1, 2]))

    def test_coming_and_going_are_moves_from_and_to_nowhere(self):
        comparison = self._compare({7: _visits(1)}, {8: _visits(2)})
        self.assertEqual(comparison.moves, {(1, None): 1, (None, 2): 1})
        self.assertEqual(comparison.customers, 2)

    def test_who_never_stands_anywhere_is_no_customer(self):
        comparison = self._compare({7: []}, {7: []})
        self.assertEqual((comparison.customers, dict(comparison.moves)), (0, {}))

    def test_batches_add_up(self):
        parts = Comparison({NOW: [1, 2, 3], THEN: [1, 2, 3]}, START, END, 10)
        now = {number: _visits(1, 2) for number in range(5)}
        then = {number: _visits(1, 2, 3) for number in range(5)}
        for number in range(5):
            parts.add({number: now[number]}, {number: then[number]})
        whole = self._compare(now, then)
        self.assertEqual((parts.funnels, parts.moves, parts.movers), (whole.funnels, whole.moves, whole.movers))

    def test_funnels_of_both_sides(self):
        comparison = self._compare({7: _visits(1, 2), 8: _visits(1, 3)}, {7: _visits(1), 8: _visits(1, 2)})
        self.assertEqual([comparison.funnels[NOW, STRICT, stage] for stage in (1, 2, 3)], [2, 1, 0])
        self.assertEqual([comparison.funnels[NOW, ANY, stage] for stage in (1, 2, 3)], [2, 1, 1])
        self.assertEqual([comparison.funnels[THEN, ANY, stage] for stage in (1, 2, 3)], [2, 1, 0])
        self.assertEqual((comparison.share(NOW, 2), comparison.share(THEN, 3)), (0.5, 0.0))

    def test_share_of_nothing_is_none(self):
        self.assertIsNone(self._compare({}, {}).share(NOW, 1))
