import json
from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from ..tools import bgnbd
from ..tools.next_action import CODES, Action
from .page_common import PageCase


@tagged("post_install", "-at_install")
class TestCustomerPageStory(PageCase):
    """Stage, contracts, timeline."""

    def test_stage_when_the_customer_moved_then_its_path_with_days_and_causes(self):
        partner = self._create_partner(known_since=self.days_ago(30))
        self._create_order(partner, self.days_ago(10))
        self.env["clm.lifecycle.engine"]._sync(partner.ids)
        stage = self._page(partner=partner)["stage"]
        self.assertEqual(stage["name"], partner.lifecycle_stage_id.name)
        self.assertEqual([step["name"] for step in stage["path"]], [each.name for each in self._stages(partner)])
        self.assertEqual([step["days"] for step in stage["path"]][-1], stage["days"])
        self.assertIsNone(stage["path"][-1]["exited_at"])
        self.assertTrue(all(step["cause"] for step in stage["path"]))

    def test_contracts_when_some_then_those_in_force_first_and_their_dates(self):
        draft = self._create_contract(title="Draft")
        active = self._create_billed(
            self.today - timedelta(days=340), title="Running", term_months=12, notice_count=1,
            billing_mode="none")
        page = self._page()
        self.assertEqual(page["contracts"]["rows"][0]["state"], "active")
        self.assertIn(draft.id, [row["id"] for row in page["contracts"]["rows"]])
        row = next(row for row in page["contracts"]["rows"] if row["id"] == active.id)
        self.assertEqual((row["end"], row["days_left"]), (str(active.date_end), (active.date_end - self.today).days))
        self.assertIn(("end", active.id), [(each["kind"], each["res_id"]) for each in page["deadlines"]["rows"]])
        self.assertEqual(self._page(partner=self.other_partner)["contracts"]["count"], 0)

    def test_timeline_when_loaded_in_parts_then_all_of_it_once_newest_first(self):
        for days in range(1, 13):
            self._create_order(self.partner, self.days_ago(days))
            self._create_order(self.contact, self.days_ago(days))  # of the same moment
        page, seen = self._page_model(), []
        for offset in range(0, 100, 7):
            part = page.get_timeline(self.partner.id, offset, 7)
            seen += part["entries"]
            if not part["has_more"]:
                break
        self.assertEqual(len(seen), len({entry["id"] for entry in seen}))
        self.assertEqual(len(seen), self._page()["timeline"]["count"])
        self.assertEqual([entry["date"] for entry in seen], sorted((e["date"] for e in seen), reverse=True))

    def test_timeline_when_filtered_by_kinds_then_only_those(self):
        self._create_order(self.partner, self.days_ago(2))
        self._create_order(self.partner, confirm=False)
        page = self._page_model()
        for kinds, expected in (
            (["order"], {"order"}), (["order", "contact"], {"order", "contact"}), (["nonsense"], set()),
        ):
            entries = page.get_timeline(self.partner.id, kinds=kinds)["entries"]
            self.assertEqual({entry["kind"] for entry in entries}, expected, kinds)
        counts = {kind["key"]: kind["count"] for kind in self._page()["timeline"]["kinds"]}
        self.assertEqual((counts["order"], counts["contact"]), (1, 1))

    def test_timeline_when_asked_for_nonsense_then_told(self):
        for offset, limit in ((-1, 40), (0, -5), ("0", 40), (0, None), (1.5, 40)):
            with self.subTest(offset=offset, limit=limit), self.assertRaises(UserError):
                self._page_model().get_timeline(self.partner.id, offset, limit)

    def test_timeline_of_one_customer_when_read_then_as_the_whole_one(self):
        self._create_order(self.contact, self.days_ago(2))
        self._create_invoice(self.partner, self.today)
        self._create_billed(self.today)
        self.env.flush_all()
        events = self.env["clm.event"]
        domain = [("partner_id", "=", self.partner.id)]
        names = ["id", "date", "day", "kind", "amount", "label", "model", "res_id"]
        self.assertEqual(
            events.with_context(clm_customers_only=self.partner.ids).search(domain).read(names),
            events.search(domain).read(names),
        )

    def test_document_when_it_has_many_lines_then_the_first_ones_and_how_many_more(self):
        order = self._create_order(self.partner, confirm=False)
        order.order_line = [
            Command.create({"display_type": "line_section", "name": "Extras", "sequence": 1}),
            *(Command.create({"product_id": self.product.id, "product_uom_qty": 2}) for _number in range(5)),
        ]
        lines = self._page()["timeline"]["entries"][0]["lines"]
        self.assertEqual((len(lines["items"]), lines["more"]), (3, 3))
        self.assertNotIn("Extras", [item["name"] for item in lines["items"]])

    def test_queries_when_there_are_more_documents_then_not_more(self):
        def queries(partner):
            self.env.flush_all()
            self._page_model().get_page(partner.id)
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._page_model().get_page(partner.id)
            return self.env.cr.sql_log_count - before

        def fill(partner, count):
            products = self.env["product.product"].create([
                {"name": f"Article {number}", "type": "service"} for number in range(count)])
            for number, product in enumerate(products, start=1):
                order = self._create_order(partner, self.days_ago(number))
                order.order_line = [Command.create({"product_id": product.id})]
                self._create_invoice(partner, self.today - timedelta(days=number + 40))
                self._create_billed(self.today - timedelta(days=number), partner_id=partner.id)
            self.env["clm.lifecycle.engine"]._sync(partner.ids)

        fill(self.partner, 2)
        fill(self.other_partner, 9)
        few, many = queries(self.partner), queries(self.other_partner)
        self.assertLessEqual(many, few)
        self.assertLess(few, 200)


@tagged("post_install", "-at_install")
class TestCustomerPageSuccess(PageCase):
    """Feedback, hand-overs, referrals, health and what to do next."""

    def _answer(self, score, comment="", contact=None, kind="nps", days=0):
        company = self.company
        company.write({"clm_mail_days": 0, "clm_feedback_days": 0})
        contact = contact or self.contact
        contact.email = contact.email or "ada@example.com"
        feedback = self.env["clm.feedback"]._request(contact, kind)[0].sudo()
        feedback._send()
        feedback._answer(score, comment)
        feedback._set(answered_at=datetime.now().replace(microsecond=0) - timedelta(days=days))
        return feedback

    def _codes(self, **kwargs):
        return [row["code"] for row in self._page(**kwargs)["actions"]]

    def test_feedback_when_answered_then_the_newest_first_with_what_was_said(self):
        self._answer(9, "Quick and friendly", days=5)
        self._answer(2, "<b>Slow</b>", kind="csat")
        feedback = self._page(self.viewer)["feedback"]
        rows = [(row["score"], row["scale"], row["sentiment"], row["comment"]) for row in feedback["answers"]]
        self.assertEqual(rows, [(2, 5, "bad", "<b>Slow</b>"), (9, 10, "good", "Quick and friendly")])
        self.assertTrue(feedback["answers"][0]["is_open"])
        self.assertEqual(feedback["unanswered"]["score"], 2)

    def test_ratings_of_odoo_when_given_then_among_the_answers(self):
        self.env["rating.rating"].create({
            "res_model_id": self.env["ir.model"]._get_id("res.partner"), "res_id": self.partner.id,
            "partner_id": self.contact.id, "rating": 5, "consumed": True, "feedback": "Fine",
        })
        row = self._page(self.viewer)["feedback"]["answers"][0]
        self.assertEqual((row["score"], row["scale"], row["sentiment"], row["comment"]), (5, 5, "good", "Fine"))

    def test_handovers_when_some_then_who_and_whether_late(self):
        handover = self.env["clm.handover"]._request(self.partner, self.mate, hours=1)
        self.env.flush_all()
        self.env.cr.execute(SQL(
            "UPDATE clm_handover SET date_due = %s WHERE id = %s", self.days_ago(3), handover.id))
        row = self._page(self.viewer)["handovers"][0]
        self.assertEqual((row["to"], row["state"], row["is_late"]), (self.mate.name, "pending", True))
        self.assertIn("settle_handover", self._codes())

    def test_referrals_when_brought_and_bringing_then_both_named(self):
        self._create_order(self.partner, self.days_ago(5))
        self.partner.referred_by_id = self.other_partner
        self.env["clm.lifecycle.engine"]._sync(self.partner.ids)
        self.assertEqual(self._page()["referrals"]["brought_by"]["name"], self.other_partner.display_name)
        found = self._page(partner=self.other_partner)["referrals"]
        self.assertEqual([row["id"] for row in found["brought"]], self.partner.ids)
        self.assertEqual(found["count"], 1)

    def test_referrals_when_the_customer_may_not_be_read_then_not_told(self):
        brought = self._create_partner("Brought", referred_by_id=self.partner.id)
        self._create_order(brought, self.days_ago(5))
        self.env["clm.lifecycle.engine"]._sync(brought.ids)
        self.assertEqual(self._page(self.viewer)["referrals"]["count"], 1)
        self.env.cr.execute(SQL(
            "UPDATE res_partner SET company_id = %s WHERE id = %s",
            self.env["res.company"].create({"name": "Foreign"}).id, brought.id))
        found = self._page(self.viewer)["referrals"]
        self.assertEqual((found["brought"], found["count"]), ([], 0))

    def test_actions_when_money_is_overdue_then_asked_for_and_listed(self):
        day = self.today - timedelta(days=60)
        invoice = self._create_invoice(self.partner, day, invoice_date_due=day)
        action = next(row for row in self._page(self.accountant)["actions"] if row["code"] == "collect_payment")
        self.assertEqual(action["urgency"], "high")
        found = self.env["account.move"].with_user(self.accountant).search(action["action"]["domain"])
        self.assertEqual(found, invoice)
        action = next(row for row in self._page(self.viewer)["actions"] if row["code"] == "collect_payment")
        self.assertIsNone(action["action"])

    def test_actions_when_feedback_is_bad_then_the_answer_opens_first(self):
        feedback = self._answer(1, days=4)
        action = self._page()["actions"][0]
        self.assertEqual((action["code"], action["action"]["res_id"]), ("answer_feedback", feedback.id))

    def test_actions_when_a_notice_deadline_is_near_then_the_contract_opens(self):
        contract = self._create_billed(
            self.today - timedelta(days=320), term_months=12, notice_count=1, billing_mode="none")
        action = next(row for row in self._page()["actions"] if row["code"] == "decide_contract")
        self.assertEqual(action["action"]["res_id"], contract.id)
        self.assertIn(str((contract.date_notice - self.today).days), action["reason"])

    def test_actions_when_a_quotation_waits_then_followed_up(self):
        order = self._create_order(self.partner, confirm=False)
        order.write({"state": "sent", "date_order": self.days_ago(20)})
        action = next(row for row in self._page()["actions"] if row["code"] == "follow_up_quotation")
        self.assertEqual((action["action"]["res_model"], action["action"]["res_id"]), ("sale.order", order.id))

    def test_actions_when_many_then_three_and_the_most_urgent_first(self):
        self._answer(1, days=4)
        day = self.today - timedelta(days=60)
        self._create_invoice(self.partner, day, invoice_date_due=day)
        self._create_order(self.partner, confirm=False).write({"state": "sent", "date_order": self.days_ago(20)})
        urgencies = [row["urgency"] for row in self._page()["actions"]]
        self.assertEqual(len(urgencies), 3)
        self.assertEqual(urgencies, sorted(urgencies, key=["high", "medium", "low"].index))

    def test_every_action_when_found_then_has_its_words(self):
        page = {
            **self._page(), "feedback": {"unanswered": {"id": 1}},
            "renewal": {"undecided": {"id": 1, "name": "C"}, "expiring": {"id": 1, "name": "C"}},
            "deadlines": {"missed_id": 1}, "quotation": {"id": 1, "name": "S"},
            "handovers": [{"id": 1, "is_late": True, "late_days": 1, "to": "Ada"}],
        }
        values = {"days": 3, "score": 1, "count": 2, "health": 40, "change": -12, "amount": 5.0}
        model = self._page_model(self.user)
        for code in CODES:
            with self.subTest(code):
                action = Action(code, 1, values)
                found = getattr(model, f"_next_{action.code}")(self.partner, page, action.values)
                self.assertEqual(set(found), {"title", "reason", "button", "action"})
                self.assertTrue(found["title"] and found["reason"] and found["button"])

    def test_health_when_recorded_by_month_then_its_trend_with_gaps_and_today(self):
        self._create_order(self.partner, self.days_ago(5))
        self.env["clm.lifecycle.engine"]._sync(self.partner.ids)
        score = self.env["clm.customer.score"]
        score._refresh()
        this_month = score._today().replace(day=1)
        self.env["clm.customer.score.history"].create([
            {
                "partner_id": self.partner.id, "month": this_month - relativedelta(months=first),
                "month_until": this_month - relativedelta(months=last) if last else False,
                "health": health, "band": band,
            }
            for first, last, health, band in (
                (30, 20, 90, "green"), (14, 10, 40, "red"), (3, 2, 60, "yellow"), (1, 0, 80, "green"),
            )
        ])
        score.search([("partner_id", "=", self.partner.id)]).write({"health": 77, "band": "green"})
        months = self._page(self.viewer)["health"]["months"]
        self.assertEqual([month["value"] for month in months], [40, 40, *[None] * 6, 60, 60, 80, 77])

    def test_recency_when_there_is_no_own_rhythm_then_said_to_be_that_of_others(self):
        other = self._create_partner("Regular")
        for days in (60, 40, 20):
            self._create_order(other, self.days_ago(days))
        self._create_order(self.partner, self.days_ago(10))
        self.env["clm.lifecycle.engine"]._sync((other | self.partner).ids)
        self.env["clm.customer.score"]._refresh()
        for partner, said in ((other, "ago, usually every 20 days"), (self.partner, "ago, others usually buy every")):
            recency = self._page(self.viewer, partner)["health"]["parts"][0]
            self.assertEqual(recency["code"], "recency")
            self.assertIn(said, recency["text"])

    def test_purchases_expected_when_there_is_a_model_then_of_it(self):
        for days in (200, 100, 30):
            self._create_order(self.partner, self.days_ago(days))
        self.env["clm.lifecycle.engine"]._sync(self.partner.ids)
        score = self.env["clm.customer.score"]
        score._refresh()
        self.env["ir.config_parameter"].search([("key", "=", "clm.bgnbd")]).unlink()
        self.assertIsNone(self._page(self.viewer)["rhythm"]["expected"])
        params = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
        self.env["ir.config_parameter"].set_param("clm.bgnbd", json.dumps({"day": "2026-01-01", "params": params}))
        expected = bgnbd.expected_purchases(90 / 7, bgnbd.Customer(2, 170 / 7, 200 / 7), bgnbd.Params(**params))
        self.assertAlmostEqual(self._page(self.viewer)["rhythm"]["expected"], expected, delta=0.05)

    def test_health_when_computed_then_its_parts_add_up_and_are_told_in_words(self):
        for days in (400, 300, 200, 100, 5):
            self._create_order(self.partner, self.days_ago(days))
        self._create_billed(self.today - timedelta(days=400))
        self._answer(9)
        self.env["clm.lifecycle.engine"]._sync(self.partner.ids)
        self.env["clm.customer.score"]._refresh()
        page = self._page(self.viewer)
        health = page["health"]
        known = [part for part in health["parts"] if part["value"] is not None]
        self.assertTrue(known)
        self.assertAlmostEqual(sum(part["points"] for part in known), health["score"], delta=0.51)
        self.assertTrue(all(part["text"] for part in known))
        self.assertIn(health["band"], ("red", "yellow", "green"))
        self.assertEqual(page["rhythm"]["last"], page["value"]["last_purchase"])

    def test_health_when_never_computed_then_unknown(self):
        self.assertIsNone(self._page()["health"])
        self.assertIsNone(self._page()["rhythm"])
