import random
from datetime import date, datetime, timedelta

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL

from .score_common import ScoreCase


@tagged("post_install", "-at_install")
class TestScoreHistory(ScoreCase):
    """Months, what changed since the last one, and when the cron computes what."""

    def _rows(self, partner):
        """:return: list of (month, until, health), oldest first"""
        rows = self.history.search([("partner_id", "=", partner.id)], order="month")
        return [(str(row.month)[:7], str(row.month_until or "")[:7], row.health) for row in rows]

    def _rhythmic(self):
        """:return: a customer that bought every 30 days until 2 March 2026"""
        ada = self._customer()
        self._buy(ada, "2026-01-01", "2026-01-31", "2026-03-02")
        return ada

    def _run_cron(self):
        self.env.flush_all()
        self.engine._process_queue()
        self.score._cron_refresh()
        self.env.invalidate_all()

    def test_history_when_filled_then_a_row_for_the_months_of_the_same_health(self):
        with self.at("2026-06-10"):
            ada = self._rhythmic()
            self._run_cron()
            # two purchases and no rhythm in January; 29 days of silence, then 59 and 90
            self.assertEqual(
                self._rows(ada), [("2026-03", "2026-03", 100), ("2026-04", "2026-04", 52), ("2026-05", "", 0)])
            self.assertEqual(self._values(ada, "health", "health_last_month", "change"), (0, 0, 0))

    def test_history_when_a_month_turns_then_one_more_is_recorded_and_compared(self):
        with self.at("2026-03-20"):
            ada = self._rhythmic()
            self._run_cron()
            self.assertEqual(self._rows(ada), [])
            self.assertEqual(self._values(ada, "health", "health_last_month", "change"), (100, None, None))
        with self.at("2026-04-20"):
            self._run_cron()
            self.assertEqual(self._rows(ada), [("2026-03", "", 100)])
            # 49 days of 30: (90 - 49) / 60
            self.assertEqual(self._values(ada, "health", "health_last_month", "change"), (68, 100, -32))
        with self.at("2026-04-21"):
            self.score._cron_refresh()
            self.assertEqual(self._rows(ada), [("2026-03", "", 100)])
            self.assertEqual(self._values(ada, "health", "change"), (67, -33))

    def test_health_when_it_becomes_unknown_then_its_row_ends(self):
        with self.at("2026-06-10"):
            ada = self._rhythmic()
            self._run_cron()
            self.env["clm.health.factor"].search([("code", "=", "recency")]).weight = 0
        with self.at("2026-07-10"):
            self._run_cron()
            self.assertEqual(self._rows(ada)[-1], ("2026-05", "2026-05", 0))
            self.assertEqual(self._values(ada, "health", "health_last_month", "change"), (None, None, None))

    def test_cron_when_run_twice_in_an_hour_then_computes_once(self):
        with self.at("2026-06-10"):
            self._rhythmic()
            self._run_cron()
            self.assertEqual(self.score._steps(), [])
        with self.at(datetime(2026, 6, 10, 13, 1)):
            self.assertEqual([method.__name__ for method, _month in self.score._steps()], ["_refresh_now"])

    def test_cron_when_history_is_being_reconstructed_then_waits(self):
        with self.at("2026-06-10"):
            ada = self._rhythmic()
            self.engine._process_queue()
            self.env.cr.execute(SQL("INSERT INTO clm_queue (partner_id, bulk) VALUES (%s, TRUE)", ada.id))
            cron = self.env.ref("clm.ir_cron_customer_score")
            before = self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])
            self.score._cron_refresh()
            self.assertFalse(self._score(ada))
            self.assertEqual(self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)]), before + 1)

    def test_rows_when_nothing_changed_then_not_written(self):
        with self.at("2026-06-10"):
            self._rhythmic()
            self._refresh()
            places = SQL("SELECT partner_id, ctid::text, xmax::text FROM clm_customer_score ORDER BY 1")
            before = self.env.execute_query(places)
            self.score._refresh()
            self.assertEqual(self.env.execute_query(places), before)

    def test_queries_when_there_are_more_customers_then_as_many(self):
        counts = []
        with self.at("2026-06-10"):
            for customers in (1, 12):
                for number in range(customers):
                    self._buy(self._customer(f"Customer {customers} {number}"), "2026-06-01")
                self._refresh()
                self.env.flush_all()
                start = self.env.cr.sql_log_count
                self.score._refresh()
                counts.append(self.env.cr.sql_log_count - start)
        self.assertEqual(counts[0], counts[1])

    def test_weights_when_applied_then_all_is_computed_anew_and_history_stays(self):
        with self.at("2026-06-10"):
            ada = self._rhythmic()
            self._buy(ada, "2025-01-01", price=50.0)
            self._run_cron()
            rows = self._rows(ada)
            factors = self.env["clm.health.factor"].search([])
            factors.filtered(lambda factor: factor.code == "recency").weight = 0
            factors.with_user(self.manager).action_apply()
            self.score._cron_refresh()
            self.assertEqual(self._rows(ada), rows)
            health, last, change, trend = self._values(ada, "health", "health_last_month", "change", "part_trend")
            self.assertEqual((health, change), (round(100 * trend), health - last))

    def test_weights_when_applied_by_others_then_refused(self):
        factors = self.env["clm.health.factor"].search([])
        for user in (self.viewer, self.user, self.internal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                factors.with_user(user).action_apply()
            with self.subTest(user.login), self.assertRaises(AccessError):
                factors.with_user(user).write({"weight": 1})

    # === MODEL OF PURCHASES === #

    def _simulate(self, count):
        """:return: list of (first, last, number of days) of customers who buy at a rate of theirs until they leave"""
        chance, rows = random.Random(3), []
        for _customer in range(count):
            rate, leaves = chance.gammavariate(0.8, 1 / 40), chance.betavariate(0.8, 2.5)
            first = last = date(2026, 6, 10) - timedelta(days=chance.randint(100, 600))
            days = 1
            while (following := last + timedelta(days=1 + int(chance.expovariate(rate)))) <= date(2026, 6, 10):
                last, days = following, days + 1
                if chance.random() < leaves:
                    break
            rows.append((first, last, days))
        return rows

    def test_model_of_purchases_when_enough_bought_again_then_fitted_once_a_month(self):
        rows = self._simulate(300)
        partners = self.env["res.partner"].create([{"name": f"Buyer {number}"} for number in range(len(rows))])
        with self.at("2026-06-10"):
            for partner, (first, last, days) in zip(partners, rows, strict=True):
                self.env.cr.execute(SQL(
                    "INSERT INTO clm_customer_score (partner_id, first_purchase, last_purchase, purchase_days)"
                    " VALUES (%s, %s, %s, %s)", partner.id, first, last, days))
            self.assertTrue(self.score._bgnbd_is_due())
            self.score._fit_bgnbd()
            self.assertFalse(self.score._bgnbd_is_due())
            params = self.score._bgnbd()
            self.assertEqual(set(params), {"r", "alpha", "a", "b"})
            self.assertTrue(all(value > 0 for value in params.values()))
        with self.at("2026-07-11"):
            self.assertTrue(self.score._bgnbd_is_due())

    def test_model_of_purchases_when_too_few_bought_again_then_none(self):
        with self.at("2026-06-10"):
            ada = self._rhythmic()
            self._refresh()
            self.score._fit_bgnbd()
            self.assertIsNone(self.score._bgnbd())
            self.score._refresh()
            self.assertEqual(self._values(ada, "p_alive"), (None,))

    def test_history_when_a_customer_is_deleted_then_goes_with_it(self):
        with self.at("2026-06-10"):
            ada = self._rhythmic()
            self._run_cron()
            self.env["sale.order"].search([("partner_id", "=", ada.id)]).write({"state": "cancel"})
            self.env["sale.order"].search([("partner_id", "=", ada.id)]).unlink()
            ada.unlink()
            self.assertFalse(self._score(ada))
            self.assertFalse(self.history.search([("partner_id", "=", ada.id)]))

    def test_day_when_of_the_past_then_what_was_known_then(self):
        with self.at("2026-06-10"):
            ada = self._rhythmic()
            self.engine._process_queue()
            for day, expected in (("2026-01-31", 2), ("2026-03-01", 2), ("2026-03-02", 3)):
                self.score._keep_found(self.score._select(date.fromisoformat(day)), ("partner_id", "purchase_days"))
                found = self.env.execute_query(SQL(
                    "SELECT purchase_days FROM clm_score_found WHERE partner_id = %s", ada.id))
                self.assertEqual(found, [(expected,)])
