from datetime import date, datetime

from odoo.tests import tagged
from odoo.tools import SQL

from .score_common import ScoreCase


@tagged("post_install", "-at_install")
class TestScoreParts(ScoreCase):
    """What each part of the health says of documents, and when it says nothing."""

    def _answer(self, partner, kind, score, when):
        feedback = self.env["clm.feedback"].sudo().create(
            {"contact_id": partner.id, "partner_id": partner.id, "kind": kind})
        self.env.flush_all()
        self.env.cr.execute(SQL(
            "UPDATE clm_feedback SET state = 'answered', score = %s, answered_at = %s WHERE id = %s",
            score, when, feedback.id,
        ))
        self.env.invalidate_all()

    # === RECENCY === #

    def test_recency_when_silence_grows_then_falls_from_one_rhythm_to_three(self):
        ada = self._customer()
        with self.at("2026-01-21"):
            self._buy(ada, "2026-01-01", "2026-01-11", "2026-01-21")  # every 10 days
        for day, value in (("2026-01-31", 1.0), ("2026-02-05", 0.75), ("2026-02-10", 0.5), ("2026-02-20", 0.0)):
            with self.subTest(day), self.at(day):
                self._refresh()
                self.assertEqual(self._parts(ada)["recency"], value)

    def test_recency_when_bought_on_two_days_then_the_median_rhythm_of_the_others(self):
        ada, bob, eve = (self._customer(name) for name in ("Ada", "Bob", "Eve"))
        with self.at("2026-03-02"):
            self._buy(bob, "2026-01-01", "2026-01-11", "2026-01-21")  # 10 days
            self._buy(eve, "2026-01-01", "2026-01-31", "2026-03-02")  # 30 days
            self._buy(ada, "2026-01-01", "2026-02-10")  # 20 days ago
            self._refresh()
            self.assertEqual(self._values(ada, "own_rhythm", "rhythm_days", "part_recency"), (None, 20.0, 1.0))

    def test_recency_when_nobody_has_a_rhythm_then_not_known(self):
        ada = self._customer()
        with self.at("2026-03-02"):
            self._buy(ada, "2026-01-01", "2026-02-10")
            self._refresh()
            self.assertEqual(self._values(ada, "part_recency", "health", "next_purchase"), (None, None, None))

    def test_recency_when_a_contract_runs_then_only_by_an_own_rhythm(self):
        eve = self._customer("Eve")
        with self.at("2026-01-01"):
            self._create_billed("2026-01-01")
        with self.at("2026-03-02"):
            self._buy(eve, "2026-01-01", "2026-01-31", "2026-03-02")
            self._buy(self.partner, "2026-02-10")
            self._refresh()
            self.assertEqual(self._values(self.partner, "contracts", "rhythm_days", "part_recency"), (1, None, None))
            self._buy(self.partner, "2026-01-21", "2026-01-31")
            self._refresh()
            self.assertEqual(self._values(self.partner, "contracts", "rhythm_days", "part_recency"), (1, 10.0, 0.5))

    def test_purchases_when_of_one_day_then_one(self):
        ada = self._customer()
        with self.at("2026-03-02"):
            self._buy(ada, "2026-01-01", "2026-01-01", "2026-01-11", "2026-01-11", "2026-01-21")
            self._create_invoice(ada, "2026-01-21")
            self._refresh()
            self.assertEqual(self._values(ada, "purchase_days", "own_rhythm", "revenue"), (3, 10.0, 600))

    # === TREND === #

    def test_trend_when_half_years_differ_then_their_difference(self):
        for recent, before, value in ((100, 100, 0.5), (50, 100, 0.25), (100, 50, 0.75), (0, 100, 0.0), (100, 0, 1.0)):
            with self.subTest(recent=recent, before=before), self.at("2026-06-10"):
                ada = self._customer()
                self._buy(ada, "2025-01-01")
                if recent:
                    self._buy(ada, "2026-06-01", price=recent)
                if before:
                    self._buy(ada, "2025-12-01", price=before)
                self._refresh()
                self.assertEqual(self._parts(ada)["trend"], value)

    def test_trend_when_limits_are_met_then_each_day_counts_once(self):
        ada = self._customer()
        with self.at("2026-06-10"):
            for day, price in (("2025-06-11", 1), ("2025-06-12", 20), ("2025-12-10", 300), ("2025-12-11", 4000)):
                self._buy(ada, day, price=price)
            self._refresh()
            self.assertEqual(self._values(ada, "revenue_recent", "revenue_before"), (4000, 320))

    def test_trend_when_customer_is_younger_than_a_year_then_not_known(self):
        for since, is_known in (("2025-06-11", True), ("2025-06-12", False)):
            with self.subTest(since), self.at("2026-06-10"):
                ada = self._customer()
                self._buy(ada, since, "2026-06-01")
                self._refresh()
                self.assertEqual("trend" in self._parts(ada), is_known)

    def test_trend_when_a_credit_note_is_posted_then_less_revenue_and_no_purchase(self):
        ada = self._customer()
        with self.at("2026-06-10"):
            self._buy(ada, "2025-01-01", "2026-01-05", "2025-12-01")
            self._create_invoice(ada, "2026-06-01", price=50.0, move_type="out_refund")
            self._refresh()
            self.assertEqual(self._values(ada, "purchase_days", "revenue", "revenue_recent", "part_trend"),
                             (3, 250, 50, 0.25))

    def test_trend_when_a_contract_grows_then_recurring_revenue_counts(self):
        with self.at("2025-01-10"):
            contract = self._create_billed("2025-01-01")
        self.env.cr.execute(SQL("DELETE FROM clm_mrr_movement WHERE contract_id = %s", contract.id))
        self.env["clm.mrr.movement"].create([
            {"contract_id": contract.id, "date": day, "kind": kind, "amount": value, "value": value}
            for day, kind, value in (("2025-01-01", "new", 100.0), ("2026-02-01", "expansion", 100.0))
        ])
        with self.at("2026-06-10"):
            self._refresh()
            self.assertEqual(self._values(self.partner, "revenue_recent", "revenue_before", "part_trend"),
                             (1200, 600, 0.75))

    # === PAYMENT === #

    def test_overdue_when_part_of_a_quarter_then_the_rest(self):
        ada = self._customer()
        ada.property_account_receivable_id = self.receivable
        with self.at("2026-06-10"):
            self._create_invoice(ada, "2026-01-01", price=800.0, invoice_date_due="2026-01-31")
            invoice = self._create_invoice(ada, "2026-02-01", price=400.0, invoice_date_due="2026-02-28")
            self._refresh()
            self.assertEqual(self._parts(ada)["overdue"], 0.0)
            self._pay(invoice, day="2026-03-01")
            self._pay(self.env["account.move"].search([("partner_id", "=", ada.id), ("amount_total", "=", 800)]),
                      amount=700.0, day="2026-03-01")
            self._refresh()
            self.assertEqual(self._values(ada, "overdue_amount"), (100,))
            self.assertEqual(self._parts(ada)["overdue"], 0.67)  # 1 - 100 / (1200 / 4)

    def test_overdue_when_never_invoiced_then_not_known_and_when_not_due_then_full(self):
        ada, bob = self._customer(), self._customer("Bob")
        with self.at("2026-06-10"):
            self._buy(ada, "2026-06-01")
            self._create_invoice(bob, "2026-06-01", invoice_date_due="2026-06-10")
            self._refresh()
            self.assertNotIn("overdue", self._parts(ada))
            self.assertEqual(self._parts(bob)["overdue"], 1.0)

    def test_overdue_when_of_a_past_day_then_what_was_paid_since_was_owed(self):
        ada = self._customer()
        ada.property_account_receivable_id = self.receivable
        with self.at("2026-06-10"):
            invoice = self._create_invoice(ada, "2026-01-01", price=800.0, invoice_date_due="2026-01-31")
            self._pay(invoice, amount=300.0, day="2026-02-10")
            self._pay(invoice, amount=500.0, day="2026-03-10")
            self._refresh()
            owed = {}
            for day in ("2026-01-31", "2026-02-01", "2026-02-10", "2026-03-09", "2026-03-10"):
                self.score._keep_found(self.score._select(date.fromisoformat(day)), ("partner_id", "overdue_amount"))
                self.env.cr.execute(SQL("SELECT overdue_amount FROM clm_score_found WHERE partner_id = %s", ada.id))
                owed[day] = float(self.env.cr.fetchone()[0] or 0)
            self.assertEqual(list(owed.values()), [0.0, 800.0, 500.0, 500.0, 0.0])
            self.assertEqual(self._values(ada, "overdue_amount"), (0,))

    # === FEEDBACK === #

    def test_feedback_when_answered_then_the_last_of_the_last_year(self):
        ada = self._customer()
        with self.at("2026-06-10"):
            self._buy(ada, "2026-06-01")
            self._answer(ada, "nps", 9, datetime(2025, 6, 1))
            self._refresh()
            self.assertNotIn("feedback", self._parts(ada))
            self._answer(ada, "nps", 9, datetime(2026, 1, 1))
            self._refresh()
            self.assertEqual(self._parts(ada)["feedback"], 0.9)
            self._answer(ada, "csat", 2, datetime(2026, 2, 1))
            self._refresh()
            self.assertEqual(self._parts(ada)["feedback"], 0.25)

    def test_rating_when_given_by_a_contact_then_counts_for_the_company(self):
        ada = self._customer(is_company=True)
        contact = self.env["res.partner"].create({"name": "Buyer", "parent_id": ada.id})
        with self.at("2026-06-10"):
            self._buy(ada, "2026-06-01")
            ratings = self.env["rating.rating"].create([
                {"res_model_id": self.env["ir.model"]._get_id("res.partner"), "res_id": ada.id,
                 "partner_id": contact.id, "rating": rating, "consumed": consumed}
                for rating, consumed in ((4, True), (1, False))
            ])
            self.env.flush_all()
            self.env.cr.execute(SQL("UPDATE rating_rating SET rated_on = '2026-06-02' WHERE id = ANY(%s)", ratings.ids))
            self._refresh()
            self.assertEqual(self._parts(ada)["feedback"], 0.75)

    # === CONTRACTS === #

    def test_obligations_when_we_missed_some_then_less(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            obligations = self.env["clm.obligation"].create([
                {"contract_id": contract.id, "name": "Report", "date_due": "2026-02-01", "side": side}
                for side in ("us", "us", "us", "us", "them")
            ])
        for done, value in ((0, 0.0), (1, 0.0), (2, 0.33), (3, 0.67), (4, 1.0)):
            with self.subTest(done=done), self.at("2026-02-02"):
                obligations[:done].filtered(lambda one: one.state == "open").action_done()
                self._refresh()
                self.assertEqual(self._parts(self.partner)["obligations"], value)
        with self.at("2026-02-02"):
            self.assertEqual(self._values(self.partner, "missed", "contracts"), (0, 1))

    def test_notice_when_the_deadline_nears_then_falls_unless_decided(self):
        with self.at("2026-01-10"):
            contract = self._create_billed(
                "2026-01-01", term_months=12, notice_count=3, renewal_policy="auto", decide_days=30)
        act, notice = contract.date_act_by, contract.date_notice
        self.assertTrue(act < notice)
        for day, value in ((act.replace(day=1), 1.0), (act, 0.5), (notice, 0.0)):
            with self.subTest(day), self.at(day):
                self._refresh()
                expected = value if day != act.replace(day=1) or act.day > 1 else 0.5
                self.assertEqual(self._parts(self.partner)["notice"], expected)
                self.assertEqual(1 - contract._risk_of_notice()[0], expected)
        with self.at(notice):
            self.env.cr.execute(SQL("UPDATE clm_contract SET decision = 'renew', decision_date = '2026-01-11'"))
            self.env.invalidate_all()
            self._refresh()
            self.assertEqual(self._parts(self.partner)["notice"], 1.0)

    def test_contract_parts_when_no_contract_runs_then_not_known(self):
        ada = self._customer()
        with self.at("2026-06-10"):
            self._buy(ada, "2026-06-01")
            self._create_contract(partner_id=ada.id)
            self._refresh()
            self.assertFalse({"obligations", "notice"} & self._parts(ada).keys())

    # === WHO === #

    def test_row_when_never_a_customer_then_none(self):
        ada, lead = self._customer(), self._customer("Lead")
        with self.at("2026-06-10"):
            self._buy(ada, "2026-06-01")
            self._create_order(lead, confirm=False)
            self._refresh()
            self.assertTrue(self._score(ada))
            self.assertFalse(self._score(lead))

    def test_row_when_its_order_is_cancelled_then_goes(self):
        ada = self._customer()
        with self.at("2026-06-10"):
            order = self._create_order(ada, datetime(2026, 6, 1, 10))
            self._refresh()
            self.assertTrue(self._score(ada))
            order._action_cancel()
            self._refresh()
            self.assertFalse(self._score(ada))

    def test_health_when_too_little_is_known_then_none(self):
        ada = self._customer()
        factors = self.env["clm.health.factor"].search([])
        with self.at("2026-06-10"):
            self._create_invoice(ada, "2026-06-01")
            for weight, health in ((24.0, None), (25.0, 100)):
                with self.subTest(weight):
                    factors.weight = (100.0 - weight) / (len(factors) - 1)
                    factors.filtered(lambda factor: factor.code == "overdue").weight = weight
                    self._refresh()
                    self.assertEqual(self._values(ada, "health"), (health,))

    def test_money_when_of_another_currency_then_converted_and_companies_added_up(self):
        currency = self.env["res.currency"].create({"name": "ZZW", "symbol": "W", "rounding": 0.01})
        main = self.env["res.company"]._lifecycle_companies()[0]
        other = self.env["res.company"].create({"name": "Abroad", "currency_id": currency.id, "lifecycle_tz": "UTC"})
        for company in (main, other):
            own = main.currency_id.with_company(company)._get_rates(company, date(2026, 6, 10))[main.currency_id.id]
            currency.rate_ids.create({
                "currency_id": currency.id, "name": "2020-01-01", "rate": 4.0 * own, "company_id": company.id})
        pricelist = self.env["product.pricelist"].create({
            "name": "Abroad", "company_id": other.id, "currency_id": currency.id})
        ada = self._customer()
        with self.at("2026-06-10"):
            self._buy(ada, "2026-06-01")
            self._create_order(
                ada, datetime(2026, 6, 2, 10), price=400.0, company_id=other.id, pricelist_id=pricelist.id)
            self._refresh()
            self.assertEqual(self._values(ada, "purchase_days", "revenue"), (2, 200))
