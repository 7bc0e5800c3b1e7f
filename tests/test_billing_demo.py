from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import SQL, convert_file

from ..demo import clm_billing_demo
from .contract_common import ContractCase

FILES = ("demo/clm_demo.xml", "demo/clm_contract_demo.xml", "demo/clm_billing_demo.xml")


class DemoCase(ContractCase):
    """Loads the demo data anew, on a day, as an installation does."""

    @classmethod
    def _load(cls, day):
        # what the database has of it is another story
        cls.env.cr.execute(SQL("DELETE FROM ir_model_data WHERE module = 'clm' AND name LIKE 'demo\\_%%'"))
        cls.env.cr.execute(SQL("UPDATE clm_contract SET state = 'cancelled'"))
        cls.env.cr.execute(SQL("DELETE FROM clm_mrr_movement"))
        cls.env.registry.clear_cache()
        cls.env.invalidate_all()
        cls._provide("base.user_demo", lambda: cls._create_user("c-demo"))
        cls._provide("product.product_product_25", lambda: cls.product)
        with freeze_time(f"{day} 12:00:00"):
            for file in FILES:
                convert_file(cls.env(user=1), "clm", file, {}, mode="init", noupdate=True)
            cls.env.flush_all()
        cls.loaded = cls.env["clm.contract"].search([("state", "in", ("signed", "active", "closed"))])

    @classmethod
    def _provide(cls, xmlid, create):
        """Odoo's own demo data may be missing."""
        if not cls.env.ref(xmlid, raise_if_not_found=False):
            cls.env["ir.model.data"]._update_xmlids([{"xml_id": xmlid, "record": create(), "noupdate": True}])

    def _contract(self, name):
        return self.env.ref(f"clm.demo_contract_{name}")

    def _rows(self, **states):
        return self.loaded.installment_ids.filtered_domain([(name, "=", value) for name, value in states.items()])


@tagged("post_install", "-at_install")
class TestBillingDemo(DemoCase):
    """On the 31st, with a foreign currency in use."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        if not cls.company.chart_template:
            cls.env["account.chart.template"].try_loading("generic_coa", cls.company, install_demo=False)
        currencies = cls.env["res.currency"].search([("id", "!=", cls.company.currency_id.id)])
        currencies.active = False
        cls.foreign = cls.env["res.currency"].with_context(active_test=False).search(
            [("id", "!=", cls.company.currency_id.id)], limit=1,
        )
        cls.foreign.active = True
        cls.env.cr.execute(SQL("DELETE FROM res_currency_rate WHERE name > '2020-01-01'"))
        cls.env.invalidate_all()
        cls.day = date(2027, 8, 31)
        cls._load(cls.day)
        cls.moves = cls.loaded.installment_ids.move_line_ids.move_id

    def test_what_was_due_is_billed_by_posted_invoices_of_the_past(self):
        self.assertGreater(len(self.moves), 60)
        self.assertEqual(set(self.moves.mapped("state")), {"posted"})
        self.assertLessEqual(max(self.moves.mapped("invoice_date")), self.day)
        self.assertEqual(set(self.moves.mapped("move_type")), {"out_invoice", "out_refund", "in_invoice"})
        self.assertFalse([error for error in self.loaded.mapped("cron_error") if error])
        late = self.loaded.installment_ids.filtered(
            lambda row: row.state in ("planned", "due") and row.date_planned <= self.day and not row.to_confirm
        )
        self.assertEqual(late.contract_id, self._contract("shipping"), "billed by hand")

    def test_every_kind_of_row_is_there(self):
        self.assertEqual(self._rows(state="skipped").mapped("contract_id"), self._contract("hotel"))
        self.assertTrue(self._rows(state="skipped").reason)
        self.assertEqual(self._rows(state="credited").contract_id, self._contract("logistics"))
        proposed = self._rows(to_confirm=True)
        self.assertEqual((proposed.contract_id, proposed.kind), (self._contract("studio"), "credit"))
        self.assertTrue(self._rows(state="planned"))

    def test_some_invoices_are_paid_some_in_part_some_overdue(self):
        self.assertEqual(set(self.moves.mapped("payment_state")), {"paid", "partial", "not_paid", "reversed"})
        overdue = self.moves.filtered(lambda move: move.amount_residual and move.invoice_date_due < self.day)
        ages = {min((self.day - move.invoice_date_due).days // 30, 3) for move in overdue}
        self.assertLessEqual({0, 1, 3}, ages)
        self.assertTrue(self.moves.filtered(lambda move: move.amount_residual and move.invoice_date_due >= self.day))

    def test_recurring_revenue_has_every_kind_of_movement_and_adds_up(self):
        past = self.loaded.mrr_movement_ids.filtered(lambda movement: movement.date <= self.day)
        self.assertEqual(
            set(past.mapped("kind")), {"new", "expansion", "contraction", "churn", "reactivation", "fx"},
        )
        self.assertGreater((self.day - min(past.mapped("date"))).days, 400)
        with freeze_time(self.day):
            self.assertFalse(self.env["clm.contract"]._mrr_gaps(self.company))

    def test_a_contract_is_in_the_foreign_currency_that_is_in_use(self):
        self.assertEqual(self._contract("shipping").currency_id, self.foreign)
        self.assertEqual(self._contract("shipping").installment_ids.move_id.currency_id, self.foreign)

    def test_customers_see_their_contracts_in_the_portal(self):
        values = self._contract("hotel").sudo()._portal_values()
        self.assertTrue(self._contract("hotel").shared_at)
        self.assertTrue(values["billing"]["invoices"])


@tagged("post_install", "-at_install")
class TestBillingDemoWithoutBooks(DemoCase):
    def test_without_a_chart_of_accounts_there_are_contracts_but_no_invoices(self):
        self.env.company.chart_template = False
        with patch.object(clm_billing_demo._logger, "info") as told:
            self._load("2028-02-29")
        self.assertIn("no chart of accounts", told.call_args.args[0])
        self.assertGreater(len(self.loaded), 10)
        self.assertFalse(self.loaded.installment_ids.move_line_ids)
        self.assertFalse([error for error in self.loaded.mapped("cron_error") if error])
        self.assertEqual(self._contract("studio").close_reason, "terminated")
        self.assertLessEqual({"new", "expansion", "churn"}, set(self.loaded.mrr_movement_ids.mapped("kind")))
