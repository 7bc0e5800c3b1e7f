import inspect
from contextlib import contextmanager

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import get_public_method
from odoo.tests import tagged

from .billing_common import BillingCase

MODELS = ("clm.installment", "clm.mrr.movement", "clm.billing.run")
ENGINES = ("clm.billing.engine",)
#: what a client may call: doors that ask for the right to bill, or open a screen
PUBLIC = {
    "clm.installment": {"action_confirm_credit", "action_skip", "action_bill_again", "action_open_invoice"},
    "clm.mrr.movement": {"action_open_contract"},
    "clm.billing.run": {"action_view_failed"},
    "clm.billing.engine": set(),
}


@tagged("post_install", "-at_install")
class TestBillingRights(BillingCase):
    """Accountants bill, bookkeepers read, salespeople see what is theirs, nobody writes rows by hand."""

    def setUp(self):
        super().setUp()
        with self.at("2026-03-10"):
            self.contract = self._create_billed("2026-02-01")
            self._run(self.contract, "2026-02-01")

    @contextmanager
    def _denied(self, error=AccessError):
        with self.assertRaises(error), self.cr.savepoint():
            yield

    def _search(self, user, model="clm.installment"):
        return self.env[model].with_user(user).search([("contract_id", "=", self.contract.id)])

    # === WHO READS === #

    def test_accountant_reads_contracts_and_schedule_and_bills(self):
        with self.at("2026-03-10"):
            contract = self.contract.with_user(self.accountant)
            self.assertTrue(contract.read(["name", "mrr", "installment_ids", "next_billing_date", "invoice_count"]))
            self.assertTrue(self._search(self.accountant).read(["amount", "state", "move_id"]))
            contract.action_bill_now()
            self.assertEqual(len(self._rows(self.contract, "invoiced")), 2)
            self.assertTrue(self.env["clm.billing.run"].with_user(self.accountant).search([]).read(["progress"]))

    def test_bookkeeper_reads_and_does_nothing_else(self):
        with self.at("2026-03-10"):
            rows = self._search(self.bookkeeper)
            self.assertTrue(rows.read(["amount", "state", "move_id"]))
            self.assertTrue(self.contract.with_user(self.bookkeeper).read(["mrr", "installment_ids"]))
            self._assert_may_not_bill(self.bookkeeper)

    def _assert_may_not_bill(self, user):
        contract = self.contract.with_user(user)
        rows = self.contract.installment_ids.sorted("period_start").with_user(user)
        for name, act in (
            ("bill", contract.action_bill_now),
            ("skip", lambda: rows[-1].action_skip("x")),
            ("ask to skip", rows[-1].action_skip),
            ("bill again", rows[0].action_bill_again),
            ("confirm", rows[-1].action_confirm_credit),
        ):
            with self.subTest(name, user=user.login), self._denied():
                act()
        self.assertEqual(len(self._rows(self.contract, "invoiced")), 1)

    def test_viewers_internal_and_portal_users_see_no_schedule(self):
        for user in (self.viewer, self.internal, self.portal, self.env.ref("base.public_user")):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._search(user)
            with self.subTest(user.login, model="run"), self.assertRaises(AccessError):
                self.env["clm.billing.run"].with_user(user).search([])
        with self.assertRaises(AccessError):
            self.contract.with_user(self.viewer).read(["installment_ids"])
        for user in (self.viewer, self.internal):
            self._assert_may_not_bill(user)

    def test_viewer_opens_a_contract_without_its_schedule(self):
        fields = self.contract.with_user(self.viewer).fields_get()
        self.assertFalse({"installment_ids", "next_billing_date", "invoice_count"} & fields.keys())
        self.assertTrue(self.contract.with_user(self.viewer).read(["mrr", "billing_mode"]))

    def test_salesperson_sees_the_schedule_of_own_and_team_contracts_only(self):
        self.assertTrue(self._search(self.user))
        self.assertTrue(self._search(self.mate))
        self.assertFalse(self._search(self.stranger))
        with self.assertRaises(AccessError):
            self.contract.installment_ids.with_user(self.stranger).read(["amount"])
        self.assertTrue(self._search(self.manager))
        for user in (self.user, self.mate, self.stranger, self.manager):
            self._assert_may_not_bill(user)

    def test_salesperson_sees_no_schedule_through_the_contract_of_somebody_else(self):
        self.env.invalidate_all()
        contract = self.contract.with_user(self.stranger)
        self.assertFalse(contract.read(["installment_ids"])[0]["installment_ids"])
        self.assertFalse(contract.next_billing_date)

    def test_movements_are_for_viewers_and_not_for_other_employees(self):
        self.assertTrue(self._search(self.viewer, "clm.mrr.movement"))
        for user in (self.internal, self.portal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._search(user, "clm.mrr.movement")
            with self.subTest(user.login, field="clm_mrr"), self.assertRaises(AccessError):
                self.partner.with_user(user).read(["clm_mrr"])

    # === WHAT ONE MAY DO WITHOUT THE RIGHTS OF THE OTHER === #

    def test_salesperson_changes_own_contracts_and_the_schedule_follows(self):
        with self.at("2026-02-10"):
            contract = self.contract.with_user(self.user)
            amendment = contract._amend(self.contract.date_start, reason="Change")
            amendment.line_ids.price_unit = 200.0
            amendment.action_activate()
            self.assertEqual(contract.next_billing_date, self.contract.date_start)
            contract._suspend("Works")
            contract.action_resume()
            contract.action_terminate(self.reason, "2026-02-20", agreed=True)
        self.assertEqual(sum(self.contract.installment_ids.mapped("amount")), 142.86)

    def test_accountant_posts_credits_cancels_and_deletes_invoices_and_the_schedule_follows(self):
        row = self.contract.installment_ids.sorted("period_start")[0]
        with self.at("2026-02-10"):
            move = row.move_id.with_user(self.accountant)
            move.action_post()
            move.button_draft()
            move.button_cancel()
            self.assertEqual(row.state, "credited")
            row.with_user(self.accountant).action_bill_again()
            self.contract.with_user(self.accountant).action_bill_now()
            again = row.move_id.with_user(self.accountant)
            again.unlink()
            self.assertEqual(row.state, "planned")
            self.contract.with_user(self.accountant).action_bill_now()
            last = row.move_id.with_user(self.accountant)
            last.action_post()
            refund = last._reverse_moves([{"invoice_date": "2026-02-10"}], cancel=True)
            self.assertEqual((refund.state, row.state), ("posted", "credited"))
            self.assertEqual(refund.invoice_line_ids.clm_installment_id, row)

    # === WHO WRITES === #

    def test_nobody_writes_creates_or_deletes_rows(self):
        row = self.contract.installment_ids[0]
        values = {
            "clm.installment": {
                "contract_id": self.contract.id, "line_id": row.line_id.id, "period_start": "2030-01-01",
                "period_end": "2030-01-31", "date_planned": "2030-01-01",
            },
            "clm.mrr.movement": {"contract_id": self.contract.id, "date": "2026-01-01", "kind": "new"},
            "clm.billing.run": {"company_id": self.company.id},
        }
        everybody = self._create_user(
            "c-everything", "clm.group_manager", "account.group_account_manager", "sales_team.group_sale_manager",
        )
        for user in (self.accountant, self.bookkeeper, self.user, self.manager, everybody):
            for model, vals in values.items():
                record = self.env[model].search([], limit=1).with_user(user)
                for act in (lambda r=record, v=vals: r.create(v), lambda r=record, v=vals: r.write(v), record.unlink):
                    with self.subTest(user=user.login, model=model), self._denied():
                        act()
            with self.subTest(user=user.login), self._denied():
                self.contract.with_user(user).write({"installment_ids": [Command.update(row.id, {"amount": 1.0})]})
            with self.subTest(user=user.login, where="line"), self._denied(UserError):
                self.contract.line_ids.with_user(user).write({"installment_ids": [Command.delete(row.id)]})

    def test_methods_that_a_client_can_call_are_those_that_check_rights(self):
        for model, expected in PUBLIC.items():
            names = {
                name for cls in type(self.env[model]).mro() if cls.__module__.startswith("odoo.addons.clm.models")
                and getattr(cls, "_name", None) == model
                for name, member in vars(cls).items()
                if inspect.isfunction(member) and not name.startswith("_")
                and not getattr(member, "_api_private", False)
            }
            self.assertEqual(names, expected, model)
        for name in ("_run", "_cron_bill", "_bill_rows", "_for_company"):
            with self.subTest(name), self.assertRaises(AccessError):
                get_public_method(self.env["clm.billing.engine"].with_user(self.manager), name)

    def test_invoice_line_cannot_be_tied_to_a_row_of_another_company(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        user = self._create_user("c-there", "account.group_account_invoice", company_id=other.id,
                                 company_ids=other.ids)
        row = self.contract.installment_ids.filtered(lambda row: row.state == "planned")[0]
        income = self.env["account.account"].with_company(other).create({
            "name": "Income", "code": "X1", "account_type": "income", "company_ids": [Command.set(other.ids)],
        })
        journal = self.env["account.journal"].create({
            "name": "Elsewhere", "code": "ELSE", "type": "sale", "company_id": other.id,
            "default_account_id": income.id,
        })
        self.partner.with_company(other).property_account_receivable_id = self.env["account.account"].with_company(
            other
        ).create({
            "name": "Receivable", "code": "X2", "account_type": "asset_receivable", "reconcile": True,
            "company_ids": [Command.set(other.ids)],
        })
        for link in ({"clm_installment_id": row.id}, {"clm_contract_id": self.contract.id}, {}):
            vals = {
                "move_type": "out_invoice", "journal_id": journal.id, "partner_id": self.partner.id,
                "invoice_line_ids": [Command.create({"name": "x", "price_unit": 1.0, **link})],
            }
            if not link:
                self.assertTrue(self.env["account.move"].with_user(user).create(vals))
                continue
            with self.subTest(link), self._denied(UserError):
                self.env["account.move"].with_user(user).create(vals)
        self.assertEqual(row.state, "planned")

    # === COMPANIES === #

    def test_nothing_of_a_company_is_seen_from_another_one(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        there = self._create_user(
            "c-there", "account.group_account_invoice", "clm.group_manager", company_id=other.id,
            company_ids=other.ids,
        )
        for model in MODELS:
            with self.subTest(model):
                self.assertTrue(self.env[model].search([]))
                self.assertFalse(self.env[model].with_user(there).search([]))
        for record, names in (
            (self.contract, ["invoice_count", "next_billing_date"]), (self.contract.installment_ids[0], ["amount"]),
        ):
            with self.subTest(record), self.assertRaises(AccessError):
                record.with_user(there).read(names)
        with self.assertRaises(AccessError):
            self.contract.with_user(there).action_bill_now()
        partner = self.partner.with_user(there)
        self.assertEqual((partner.clm_mrr, partner.clm_arr, partner.clm_acv, partner.clm_tcv), (0.0, 0.0, 0.0, 0.0))
        both = self._create_user("c-both", "clm.group_viewer", company_ids=(other | self.company).ids)
        own = self.partner.with_user(both).with_context(allowed_company_ids=other.ids)
        self.assertEqual(own.clm_mrr, 0.0)
        self.assertEqual(own.with_context(allowed_company_ids=self.company.ids).clm_mrr, 100.0)

    def test_bill_now_bills_contracts_of_two_companies_each_in_its_own_books(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        books = self.env["account.account"].with_company(other).create([
            {"name": "Income", "code": "X1", "account_type": "income", "company_ids": [Command.set(other.ids)]},
            {"name": "Receivable", "code": "X2", "account_type": "asset_receivable", "reconcile": True,
             "company_ids": [Command.set(other.ids)]},
        ])
        self.env["account.journal"].create({
            "name": "Elsewhere", "code": "ELSE", "type": "sale", "company_id": other.id,
            "default_account_id": books[0].id,
        })
        self.partner.with_company(other).property_account_receivable_id = books[1]
        user = self._create_user("c-both", "account.group_account_invoice", company_ids=(other | self.company).ids)
        with self.at("2026-03-10"):
            there = self._create_billed("2026-03-01", company_id=other.id, user_id=False)
            both = (there | self.contract).with_user(user).with_context(
                allowed_company_ids=(self.company | other).ids)
            both.action_bill_now()
            self.assertEqual(there.installment_ids.move_id.company_id, other)
            self.assertEqual(self.contract.installment_ids.move_id.company_id, self.company)
            self.assertEqual(len(self._rows(self.contract, "invoiced")), 2)

    def test_bill_now_does_not_bill_contracts_that_one_cannot_read(self):
        with self.at("2026-03-10"):
            theirs = self._create_billed("2026-03-01")
            other = self.env["res.company"].create({"name": "Elsewhere"})
            there = self._create_user("c-there", "account.group_account_invoice", company_id=other.id,
                                      company_ids=other.ids)
            with self.assertRaises(AccessError):
                (theirs | self.contract).with_user(there).action_bill_now()
            self.assertEqual(theirs.invoice_count, 0)
