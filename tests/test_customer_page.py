from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .page_common import PageCase


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
