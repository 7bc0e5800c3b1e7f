import json
from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from ..tools import bgnbd
from ..tools.next_action import CODES, Action
from .billing_common import BillingCase


class PageCase(BillingCase):
    """The page of ``cls.partner``, as a salesperson or as somebody with the lifecycle alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._create_user("p-seller", "sales_team.group_sale_salesman_all_leads")
        cls.company.write({"clm_customer_years": 4.0, "clm_gross_margin": 0.5})
        cls.contact = cls.env["res.partner"].create({"name": "Ada", "parent_id": cls.partner.id})

    def _page_model(self, user=None, companies=None):
        page = self.env["clm.customer.page"].with_user(user or self.seller)
        return page.with_context(allowed_company_ids=(companies or self.company).ids)

    def _page(self, user=None, partner=None, companies=None):
        """:return: the page, as the browser gets it"""
        self.env.flush_all()
        self.env.invalidate_all()
        return self._page_model(user, companies).get_page((partner or self.partner).id)

    def _hide_amounts(self):
        self.env["ir.config_parameter"].set_param("clm.viewer_amounts", "False")

    def _create_company(self, name="Other", **vals):
        company = self.env["res.company"].create({"name": name, **vals})
        (self.seller | self.viewer).write({"company_ids": [Command.link(company.id)]})
        return company

    def _create_other_order(self, company, price):
        product = self.product.with_company(company)
        order = self.env["sale.order"].with_company(company).create({
            "partner_id": self.partner.id, "company_id": company.id,
            "order_line": [Command.create({
                "product_id": product.id, "price_unit": price, "tax_ids": [Command.clear()],
            })],
        })
        order.action_confirm()
        return order


@tagged("post_install", "-at_install")
class TestCustomerPageRights(PageCase):
    """Who sees what."""

    def test_contact_when_opened_then_the_page_of_its_company(self):
        self.assertEqual(self._page(partner=self.contact)["header"]["id"], self.partner.id)
        action = self.contact.with_user(self.viewer).action_open_customer_page()
        self.assertEqual((action["tag"], action["params"]), ("clm_customer_page", {"partner_id": self.partner.id}))

    def test_colleague_when_without_the_lifecycle_then_refused(self):
        with self.assertRaises(AccessError):
            self._page(self.internal)
        with self.assertRaises(AccessError):
            self._page_model(self.internal).get_timeline(self.partner.id)

    def test_customer_of_another_company_when_asked_for_then_refused(self):
        company = self.env["res.company"].create({"name": "Foreign"})
        foreign = self.env["res.partner"].create({"name": "Foreign Customer", "company_id": company.id})
        for method in ("get_page", "get_timeline"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(self._page_model(self.viewer), method)(foreign.id)

    def test_customer_when_deleted_or_no_number_then_told(self):
        gone = self.env["res.partner"].create({"name": "Gone"})
        gone.unlink()
        for partner_id in (gone.id, 0, -1, None, "7", True, 2**40, [self.partner.id]):
            with self.subTest(partner_id), self.assertRaises(UserError):
                self._page_model().get_page(partner_id)

    def test_viewer_when_without_rights_on_documents_then_sees_all_but_opens_nothing(self):
        order = self._create_order(self.contact, self.days_ago(3), price=250.0)
        page = self._page(self.viewer)
        self.assertFalse(self.env["sale.order"].with_user(self.viewer).has_access("read"))
        entry = next(row for row in page["timeline"]["entries"] if row["kind"] == "order")
        self.assertEqual((entry["label"], entry["amount"], entry["can_open"]), (order.name, 250.0, False))
        self.assertEqual(entry["lines"], {"items": [{"name": "Coffee", "quantity": 1.0}], "more": 0})
        self.assertEqual(page["value"]["revenue"], 250.0)
        self.assertEqual([row["name"] for row in page["products"]["products"]], ["Coffee"])
        entry = next(row for row in self._page()["timeline"]["entries"] if row["kind"] == "order")
        self.assertTrue(entry["can_open"])

    def test_documents_when_only_own_ones_may_be_read_then_only_those_open(self):
        own = self._create_user("p-own", "sales_team.group_sale_salesman")
        mine, other = (
            self._create_order(self.partner, self.days_ago(3), user_id=user.id) for user in (own, self.seller)
        )
        page = self._page(own)
        can_open = {row["res_id"]: row["can_open"] for row in page["timeline"]["entries"] if row["kind"] == "order"}
        self.assertEqual(can_open, {mine.id: True, other.id: False})

    def test_archived_customer_when_opened_then_shown_without_buttons(self):
        user = self._create_user("p-user", "clm.group_user")
        self.assertTrue(self._page(user)["header"]["can_ask"])
        self.partner.active = False
        header = self._page(user)["header"]
        self.assertEqual((header["is_archived"], header["can_ask"], header["can_hand_over"]), (True, False, False))
        self.assertFalse(self._page(self.viewer)["header"]["can_hand_over"])


@tagged("post_install", "-at_install")
class TestCustomerPageAmounts(PageCase):
    """The setting who sees amounts."""

    def test_amounts_when_nothing_was_set_then_for_every_viewer(self):
        self._create_order(self.partner, self.days_ago(3))
        self.assertEqual(self._page(self.viewer)["value"]["revenue"], 100.0)

    def test_amounts_when_for_some_only_then_nowhere_on_the_page_of_others(self):
        self._create_billed(self.today - timedelta(days=40))
        self._create_order(self.partner, self.days_ago(3), price=1234.5)
        self._hide_amounts()
        page = self._page(self.viewer)
        self.assertFalse(page["money"]["is_shown"])
        amounts = ("revenue", "revenue_year", "average", "lifetime", "mrr", "open", "overdue")
        self.assertEqual({page["value"][name] for name in amounts}, {None})
        self.assertEqual((page["value"]["months"], page["value"]["purchases"]), ([], 1))
        for rows in (page["timeline"]["entries"], page["products"]["products"], page["products"]["categories"]):
            self.assertTrue(rows)
            self.assertEqual({row["amount"] for row in rows}, {None})
        self.assertEqual({row["yearly"] for row in page["contracts"]["rows"]}, {None})
        self.assertNotIn("1234.5", str(page))

    def test_amounts_when_for_some_only_then_those_who_sell_or_keep_books_see_them(self):
        self._create_order(self.partner, self.days_ago(3))
        self._hide_amounts()
        for user in (self.seller, self.accountant, self.bookkeeper):
            with self.subTest(user.login):
                self.assertEqual(self._page(user)["value"]["revenue"], 100.0)

    def test_timeline_when_amounts_are_for_some_only_then_cannot_be_read_filtered_or_added_up(self):
        self._create_order(self.partner, self.days_ago(3))
        domain = [("partner_id", "=", self.partner.id), ("kind", "=", "order")]
        events = self.env["clm.event"].with_user(self.viewer)
        self.assertEqual(events.search(domain).mapped("amount"), [100.0])
        self._hide_amounts()
        self.env.invalidate_all()
        self.assertEqual(events.search(domain).mapped("amount"), [0.0])  # and so in nobody else's memory
        self.assertFalse(events.search([*domain, ("amount", ">", 1)]))
        self.assertFalse(events._read_group(domain, [], ["amount:sum"])[0][0])
        self.assertEqual(events.with_user(self.seller).search(domain).mapped("amount"), [100.0])
        self.assertEqual(events.sudo().search(domain).mapped("amount"), [100.0])

    def test_setting_when_saved_off_and_on_then_kept(self):
        settings = self.env["res.config.settings"]
        self.assertTrue(settings.get_values()["clm_viewer_amounts"])
        for is_on in (False, True):
            settings.create({"clm_viewer_amounts": is_on}).set_values()
            self.assertEqual(settings.get_values()["clm_viewer_amounts"], is_on)
            self.assertEqual(self._page_model(self.viewer)._sees_amounts(), is_on)


@tagged("post_install", "-at_install")
class TestCustomerPageValue(PageCase):
    """The numbers, against documents of the test and the report "Customer Value"."""

    def _value(self, **kwargs):
        return self._page(**kwargs)["value"]

    def test_value_when_orders_contracts_and_invoices_then_as_the_report(self):
        for days, price in ((800, 100.0), (200, 300.0), (10, 600.0)):
            self._create_order(self.contact, self.days_ago(days), price=price)
        self._create_invoice(self.partner, self.today - timedelta(days=5), price=100.0, move_type="out_refund")
        contract = self._create_billed(self.today - timedelta(days=40))
        self._run(contract).action_post()
        self.env["clm.customer.value"]._cron_refresh()
        report = self.env["clm.customer.value.report"].with_user(self.seller).with_context(
            allowed_company_ids=self.company.ids).search([("partner_id", "=", self.partner.id)])
        value = self._value()
        self.assertEqual(
            (value["purchases"], value["purchases_year"]), (report.purchases, report.purchases_year))
        for name, of_report in (("revenue", "revenue"), ("lifetime", "lifetime_value"), ("mrr", "mrr")):
            self.assertAlmostEqual(value[name], report[of_report], 2, name)
        self.assertEqual(value["mrr"], 100.0)
        self.assertEqual(value["last_purchase"], str(report.last_purchase))
        self.assertGreater(value["revenue"], value["revenue_year"])

    def test_months_when_bought_then_add_up_to_what_was_bought_in_them(self):
        self._create_order(self.partner, self.days_ago(0, hours=1), price=70.0)
        self._create_order(self.partner, self.days_ago(3000), price=500.0)
        months = self._value()["months"]
        self.assertEqual(len(months), 12)
        self.assertEqual(sum(month["value"] for month in months), 70.0)

    def test_open_and_overdue_when_invoiced_and_partly_paid_then_what_is_left(self):
        day = self.today - timedelta(days=40)
        late = self._create_invoice(self.partner, day, price=500.0, invoice_date_due=day)
        self._create_invoice(self.contact, self.today, price=70.0, invoice_date_due=self.today)
        value = self._value()
        self.assertEqual((value["open"], value["overdue"], value["overdue_count"]), (570.0, 500.0, 1))
        self.assertEqual(value["overdue_since"], str(day))
        self._pay(late, 200.0)
        self.assertEqual(self._value()["overdue"], 300.0)
        self._pay(late)
        value = self._value()
        self.assertEqual(
            (value["open"], value["overdue"], value["overdue_count"], value["overdue_since"]), (70.0, 0.0, 0, None))

    def test_companies_when_several_then_only_chosen_ones_in_one_currency(self):
        currency = self.env["res.currency"].with_context(active_test=False).search(
            [("id", "!=", self.company.currency_id.id)], limit=1)
        currency.active = True
        currency.rate_ids = [Command.clear(), Command.create({"name": "2000-01-01", "rate": 2.0})]
        other = self._create_company(currency_id=currency.id)
        self._create_order(self.partner, self.days_ago(3), price=100.0)
        order = self._create_other_order(other, 300.0)
        self.assertEqual(order.currency_id, currency)
        self.assertEqual(self._value()["revenue"], 100.0)
        both = self._page(companies=self.company | other)
        self.assertEqual(both["value"]["revenue"], 250.0)  # 300 at 2 to 1
        self.assertEqual([row["amount"] for row in both["products"]["products"]], [250.0])
        self.assertEqual(both["timeline"]["entries"][0]["amount"], 150.0)
        counts = [
            {kind["key"]: kind["count"] for kind in page["timeline"]["kinds"]}["order"] for page in (both, self._page())
        ]
        self.assertEqual(counts, [2, 1])
        self.assertEqual(self._page(companies=other)["value"]["revenue"], 300.0)

    def test_products_when_ordered_invoiced_and_credited_then_net_by_product_and_category(self):
        category = self.env["product.category"].create({"name": "Machines"})
        tea = self.env["product.product"].create({"name": "Tea", "type": "service", "list_price": 10.0})
        self.product.categ_id = category
        dozen = self.env.ref("uom.product_uom_dozen")
        order = self._create_order(self.partner, confirm=False)
        order.order_line = [Command.create({
            "product_id": tea.id, "product_uom_qty": 2, "product_uom_id": dozen.id, "price_unit": 5.0,
            "tax_ids": [Command.clear()],
        })]
        order.action_confirm()
        self._create_invoice(self.partner, self.today, price=300.0)
        self._create_invoice(self.partner, self.today, price=40.0, move_type="out_refund")
        self._create_order(self.partner, confirm=False, price=9999.0)
        found = self._page()["products"]
        rows = [(row["name"], row["quantity"], row["amount"], row["times"]) for row in found["products"]]
        self.assertEqual(rows, [("Coffee", 1.0, 360.0, 2), ("Tea", 24.0, 10.0, 1)])
        self.assertEqual(found["categories"][0]["name"], "Machines")
        self.assertAlmostEqual(found["products"][0]["share"], 360 / 370)

    def test_what_a_contract_bills_of_an_order_when_invoiced_then_counted_once(self):
        order = self._create_order(self.partner, self.days_ago(50), price=100.0)
        contract = self._create_billed(
            self.today - timedelta(days=40), lines=({"sale_line_id": order.order_line.id},))
        self._run(contract).action_post()
        page = self._page()
        billed = sum(contract.installment_ids.filtered("move_line_id").mapped("amount"))
        self.assertGreater(billed, 0.0)
        self.assertEqual(page["value"]["revenue"], billed)
        self.assertEqual(page["products"]["products"][0]["amount"], billed)

    def test_customer_when_nothing_happened_then_zeros_and_no_lists(self):
        page = self._page(partner=self.other_partner)
        self.assertEqual((page["value"]["revenue"], page["value"]["purchases"]), (0.0, 0))
        self.assertEqual((page["value"]["first_purchase"], page["value"]["days_since"]), (None, None))
        self.assertEqual((page["products"]["products"], page["contracts"]["rows"]), ([], []))
        self.assertEqual([row["kind"] for row in page["timeline"]["entries"]], ["contact"])

    def test_person_when_without_lifecycle_then_no_stage(self):
        supplier = self.env["res.partner"].create({"name": "Supplier", "supplier_rank": 1})
        self.env["clm.lifecycle.engine"]._sync(supplier.ids)
        supplier.lifecycle_cycle = 0
        page = self._page(partner=supplier)
        self.assertIsNone(page["stage"])
        self.assertEqual(page["header"]["name"], "Supplier")


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
