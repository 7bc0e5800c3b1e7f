import json
import random
from datetime import date, datetime, timedelta

from odoo.tests import tagged
from odoo.tools import SQL

from ..tools import bgnbd, health, rfm, rhythm
from ..tools.feedback import SCALES
from .score_common import ScoreCase

TODAY = date(2026, 6, 10)
#: What is stored of a part or a probability is rounded to hundredths.
HALF_STEP = 0.005 + 1e-9
PARAMS = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}


@tagged("post_install", "-at_install")
class TestScoreOracle(ScoreCase):
    """SQL against the formulas in Python, on customers made at random."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param(
            "clm.bgnbd", '{"day": "2026-06-01", "params": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}}')

    def _make_customers(self, count, seed):
        """:return: dict of customer -> list of (day, price)"""
        chance = random.Random(seed)
        bought = {}
        for number in range(count):
            partner = self._customer(f"Customer {number}")
            bought[partner] = [
                # few prices, so that many customers are equal
                (TODAY - timedelta(days=chance.choice((chance.randrange(60), chance.randrange(700)))),
                 chance.choice((50.0, 100.0, 130.0)))
                for _purchase in range(chance.choice((1, 1, 2, 3, 4, 7)))
            ]
            for day, price in bought[partner]:
                self._create_order(partner, datetime(day.year, day.month, day.day, 10), price=price)
        return bought

    def _owe(self, bought, seed):
        """Invoice some of them.

        :return: dict of customer -> (owed past the due date, day of the invoice, amount)
        """
        chance, owed = random.Random(seed), {}
        for partner in list(bought)[::2]:
            day, amount = TODAY - timedelta(days=chance.randrange(1, 300)), chance.choice((10.0, 40.0, 500.0))
            is_due = chance.random() < 0.7
            self._create_invoice(
                partner, day, price=amount, invoice_date_due=TODAY - timedelta(days=1) if is_due else TODAY)
            bought[partner].append((day, amount))
            owed[partner] = amount if is_due else 0.0
        return owed

    def _ask(self, bought, seed):
        """:return: dict of customer -> (kind, score)"""
        chance, answers = random.Random(seed), {}
        for partner in list(bought)[::3]:
            kind = chance.choice(("nps", "csat"))
            score = chance.randint(*SCALES[kind])
            feedback = self.env["clm.feedback"].sudo().create(
                {"contact_id": partner.id, "partner_id": partner.id, "kind": kind})
            self.env.flush_all()
            self.env.cr.execute(SQL(
                "UPDATE clm_feedback SET state = 'answered', score = %s, answered_at = %s WHERE id = %s",
                score, datetime(2026, 5, 1), feedback.id))
            answers[partner] = (kind, score)
        return answers

    def test_scores_when_computed_in_sql_then_those_of_the_formulas(self):
        with self.at("2026-06-10"):
            bought = self._make_customers(30, seed=6)
            owed, answers = self._owe(bought, seed=7), self._ask(bought, seed=8)
            self._refresh()
            self.assertEqual(set(self.score.search([("purchase_days", ">", 0)]).partner_id), set(bought))
            rhythms = {partner: rhythm.rhythm(day for day, _price in list_) for partner, list_ in bought.items()}
            usual = rhythm.percentile(
                [one.mean_gap for one in rhythms.values() if one.purchase_days >= rhythm.LEAST_DAYS], 0.5)
            for partner in bought:
                with self.subTest(partner.name):
                    own = rhythms[partner]
                    self._check_rhythm(partner, own)
                    self._check_parts(partner, {
                        "recency": health.recency(
                            (TODAY - own.last).days, own.mean_gap if own.purchase_days >= rhythm.LEAST_DAYS else usual),
                        "trend": health.trend(
                            self._sum(bought[partner], 0, 182), self._sum(bought[partner], 182, 364),
                            (TODAY - own.first).days),
                        "overdue": health.overdue(
                            owed.get(partner), self._sum(bought[partner], 0, 364), partner in owed),
                        "feedback": health.feedback(*answers.get(partner, (None, None))),
                    })
            self._check_rfm(bought, rhythms)

    def _sum(self, purchases, newest, oldest):
        return sum(price for day, price in purchases if newest <= (TODAY - day).days < oldest)

    def _check_rhythm(self, partner, own):
        found = self._values(partner, "first_purchase", "last_purchase", "purchase_days", "next_purchase",
                             "is_overdue_buyer", "p_alive")
        gap = own.mean_gap if own.purchase_days >= rhythm.LEAST_DAYS else None
        self.assertEqual(found[:5], (
            own.first, own.last, own.purchase_days, own.next_date, rhythm.is_overdue(TODAY, own.last, gap)))
        if own.purchase_days < 2:
            self.assertIsNone(found[5])
            return
        customer = bgnbd.Customer(
            own.purchase_days - 1, (own.last - own.first).days / 7, (TODAY - own.first).days / 7)
        self.assertAlmostEqual(found[5], bgnbd.p_alive(customer, bgnbd.Params(**PARAMS)), delta=HALF_STEP)

    def _check_parts(self, partner, expected):
        parts = self._parts(partner)
        self.assertEqual(parts.keys(), {code for code, value in expected.items() if value is not None})
        for code, value in parts.items():
            self.assertAlmostEqual(value, expected[code], delta=HALF_STEP, msg=code)
        result = health.health(parts, self.env["clm.health.factor"]._weights())
        points, band, coverage = self._values(partner, "health", "band", "coverage")
        self.assertEqual((points, band), (result.points, result.band))
        self.assertAlmostEqual(coverage, result.coverage)

    def _check_rfm(self, bought, rhythms):
        partners = list(bought)
        classes = {
            "r": rfm.quintiles([rhythms[partner].last for partner in partners]),
            "f": rfm.quintiles([rhythms[partner].purchase_days for partner in partners]),
            "m": rfm.quintiles([sum(price for _day, price in bought[partner]) for partner in partners]),
        }
        for number, partner in enumerate(partners):
            r, f, m = (classes[name][number] for name in "rfm")
            self.assertEqual(self._values(partner, "r", "f", "m", "segment"), (r, f, m, rfm.segment(r, f, m)))

    def test_classes_when_few_values_differ_then_those_of_the_formula(self):
        """Every way in which up to eight customers can share a number of purchases, against the formula."""
        chance = random.Random(9)
        cases = [[chance.choice((1, 2, 3, 5)) for _customer in range(chance.randint(1, 8))] for _case in range(60)]
        for values in cases:
            with self.subTest(values):
                rows = self.env.execute_query(SQL(
                    """
                    WITH input AS (
                        SELECT n AS partner_id, v AS purchase_days, v::numeric AS revenue, DATE '2026-01-01' + v AS
                               last_purchase, 1.0 AS own_rhythm
                          FROM unnest(%(values)s) WITH ORDINALITY AS x(v, n)
                    ), cut AS (%(cuts)s), edge AS (%(edges)s)
                    SELECT %(r)s, %(f)s, %(m)s FROM input i CROSS JOIN cut CROSS JOIN edge ORDER BY i.partner_id
                    """,
                    values=values, cuts=self.score._cuts(), edges=self.score._edges(),
                    **{name: self.score._class(name) for name in "rfm"},
                ))
                expected = rfm.quintiles(values)
                self.assertEqual(rows, [(one, one, one) for one in expected])

    def test_p_alive_when_parameters_are_extreme_then_no_overflow(self):
        ada = self._customer()
        with self.at("2026-06-10"):
            self._buy(ada, "2020-02-01", "2020-02-02")
            for params in (
                {"r": 5000, "alpha": 1, "a": 60000, "b": 0.001}, {"r": 0.001, "alpha": 1, "a": 1e-300, "b": 1e300},
            ):
                with self.subTest(params):
                    self.env["ir.config_parameter"].set_param("clm.bgnbd", json.dumps({"params": params}))
                    self._refresh()
                    customer = bgnbd.Customer(1, 1 / 7, (TODAY - date(2020, 2, 1)).days / 7)
                    self.assertAlmostEqual(self._values(ada, "p_alive")[0], bgnbd.p_alive(
                        customer, bgnbd.Params(**params)), delta=HALF_STEP)

    def test_weights_when_changed_then_health_follows_the_formula(self):
        ada = self._customer()
        factors = {factor.code: factor for factor in self.env["clm.health.factor"].search([])}
        with self.at("2026-06-10"):
            self._create_invoice(ada, "2025-01-01", price=100.0, invoice_date_due="2025-02-01")
            self._create_invoice(ada, "2026-01-20", price=250.0, invoice_date_due="2026-12-01")
            self._create_invoice(ada, "2025-11-20", price=100.0, invoice_date_due="2026-12-01")
            for weights in ({"recency": 40, "trend": 40, "overdue": 20}, {"recency": 1, "trend": 0, "overdue": 7}):
                with self.subTest(weights):
                    for code, factor in factors.items():
                        factor.write({"active": code in weights, "weight": weights.get(code, 5)})
                    self._refresh()
                    result = health.health(self._parts(ada), weights)
                    self.assertEqual(self._values(ada, "health", "coverage"), (result.points, result.coverage))
