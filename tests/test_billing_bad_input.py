from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .billing_common import BillingCase


@tagged("post_install", "-at_install")
class TestBillingBadInput(BillingCase):
    # === AMOUNTS === #

    def test_quantity_of_zero_is_skipped_with_a_reason_and_makes_no_invoice(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"quantity": 0.0}])
            self.assertFalse(self._run(contract))
            row = contract.installment_ids.sorted("period_start")[0]
            self.assertEqual((row.state, row.reason), ("skipped", "Nothing to charge"))
            self.assertFalse(self._run(contract))
            self.assertFalse(contract.cron_error)

    def test_line_of_zero_beside_a_priced_one_stands_on_the_invoice(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"price_unit": 0.0, "name": "Gift"}, {}])
            move = self._run(contract)
            self.assertEqual(move.invoice_line_ids.mapped("price_subtotal"), [0.0, 100.0])

    def test_discount_of_100_percent_makes_no_invoice(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"discount": 100.0}])
            self.assertFalse(self._run(contract))
            row = contract.installment_ids.sorted("period_start")[0]
            self.assertEqual((row.state, row.amount, row.discount_amount), ("skipped", 0.0, 100.0))

    def test_negative_quantity_beside_a_charge_lowers_the_invoice(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{}, {"name": "Rebate", "quantity": -1.0, "price_unit": 30.0}])
            move = self._run(contract)
            self.assertEqual((move.move_type, move.amount_untaxed), ("out_invoice", 70.0))
            self.assertEqual(sorted(self._rows(contract, "invoiced")), sorted([
                ("2026-03-01", "2026-03-31", "2026-03-01", 100.0), ("2026-03-01", "2026-03-31", "2026-03-01", -30.0),
            ]))

    def test_negative_total_makes_a_credit_note(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"quantity": -2.0}, {"price_unit": 50.0}])
            move = self._run(contract)
            move.action_post()
            self.assertEqual((move.move_type, move.amount_untaxed), ("out_refund", 150.0))
            self.assertEqual(sum(move.invoice_line_ids.clm_installment_id.mapped("amount")), -150.0)
            self.assertEqual(set(move.invoice_line_ids.clm_installment_id.mapped("state")), {"invoiced"})

    def test_negative_line_that_ends_early_proposes_to_take_back_its_rebate(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01", [{"quantity": -1.0}])
            self._run(contract).action_post()
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            credit = contract.installment_ids.filtered("to_confirm")
            self.assertEqual(credit.amount, 70.97)
            credit.action_confirm_credit()
            move = self._run(contract)
            self.assertEqual((move.move_type, move.amount_untaxed), ("out_invoice", 70.97))

    def test_tiny_price_that_rounds_to_zero_in_a_broken_period_stops_nothing(self):
        with self.at("2026-03-31"):
            contract = self._create_billed("2026-03-31", [
                {"price_unit": 0.01, "anchor_date": "2026-03-01"}, {"name": "Other"},
            ])
            self.assertEqual(self._run(contract).amount_untaxed, 100.0)

    def test_parts_of_a_price_in_a_currency_without_cents_are_whole_and_add_up(self):
        currency = self.env["res.currency"].create({"name": "QQQ", "symbol": "Q", "rounding": 1.0})
        with self.at("2026-03-16"):
            contract = self._create_billed("2026-03-01", [{"price_unit": 1001.0}], currency_id=currency.id)
            self._amend(contract, "2026-03-16", reason="Other text").line_ids.name = "New"
            contract.amendment_ids.action_activate()
            moves = self._run(contract)
            self.assertEqual(moves.mapped("amount_total"), [484.0, 517.0])

    # === DATES === #

    def test_line_that_ends_within_a_period_is_charged_for_its_days(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"date_end": "2026-04-15"}, {"name": "Whole"}])
            self.assertEqual(self._run(contract, "2026-04-01").mapped("amount_untaxed"), [200.0, 150.0])
            self.assertEqual(self._run(contract, "2026-05-01").mapped("amount_untaxed"), [100.0])

    def test_line_that_starts_within_the_contract_has_periods_of_its_own(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"date_start": "2026-03-20"}], date_end="2026-05-09")
            self.assertEqual(self._rows(contract), [
                ("2026-03-20", "2026-04-19", "2026-03-20", 100.0), ("2026-04-20", "2026-05-09", "2026-04-20", 66.67),
            ])

    def test_line_outside_of_its_contract_bills_nothing(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"date_start": "2027-03-01"}, {}], date_end="2026-04-30")
            self.assertFalse(contract.line_ids[0].installment_ids)
            self.assertEqual(len(self._run(contract, "2028-01-01")), 2)

    def test_line_that_began_before_its_contract_is_charged_from_the_contract_on(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-10", [{"date_start": "2026-01-01", "date_end": "2026-03-31"}])
            self.assertEqual(self._rows(contract), [("2026-03-10", "2026-03-31", "2026-03-10", 70.97)])

    def test_interval_below_one_is_refused(self):
        for interval in (0, -1):
            with self.subTest(interval), self.assertRaises(ValidationError), self.cr.savepoint():
                self._create_billed("2026-03-01", [{"recurrence_interval": interval}])

    # === WHAT THE BOOKS LACK === #

    def _assert_failed(self, contract, sentence):
        """The error stands on the contract, the row waits, one activity asks its owner."""
        self.assertRegex(contract.cron_error, sentence)
        self.assertEqual(contract.installment_ids.sorted("period_start")[0].state, "due")
        self.assertEqual(len(self._activities(contract, "contract")), 1)

    def _take_accounts_away(self):
        self.product.property_account_income_id = False
        self.product.categ_id.property_account_income_categ_id = False
        self.sale_journal.default_account_id = False
        self.company.income_account_id = False

    def test_missing_account_is_told_with_the_product_and_nothing_is_lost(self):
        with self.at("2026-03-01"):
            self._take_accounts_away()
            contract = self._create_billed("2026-03-01")
            self.assertFalse(self._run(contract))
            self._assert_failed(contract, "no account for “Coffee”")
            self.product.property_account_income_id = self.income
            self.assertEqual(len(self._run(contract)), 1)
            self.assertFalse(contract.cron_error)

    def test_missing_journal_is_told_and_nothing_is_lost(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
            sales = self.env["account.journal"].search([
                ("type", "=", "sale"), ("company_id", "=", self.company.id),
            ])
            sales.active = False
            self.assertFalse(self._run(contract))
            self._assert_failed(contract, "no journal")
            sales.active = True
            self.assertEqual(len(self._run(contract)), 1)

    def test_archived_journal_of_the_contract_is_told(self):
        with self.at("2026-03-01"):
            self.company.clm_billing_post = True
            contract = self._create_billed("2026-03-01", journal_id=self.sale_journal.id)
            self.sale_journal.active = False
            self.assertFalse(self._run(contract))
            self._assert_failed(contract, "archived")

    def test_archived_product_goes_on_being_billed(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
            self.product.active = False
            move = self._run(contract)
            self.assertEqual(move.invoice_line_ids.product_id, self.product)
            self.assertFalse(contract.cron_error)

    def test_archived_customer_goes_on_being_billed(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", partner_id=self.other_partner.id)
            self.other_partner.with_context(active_test=False).write({"active": False})
            self.assertEqual(self._run(contract).partner_id, self.other_partner)

    def test_line_without_a_product_is_booked_on_the_account_of_the_journal(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"product_id": False, "name": "Support"}])
            move = self._run(contract)
            self.assertEqual(move.invoice_line_ids.account_id, self.income)
            self.assertIn("Support", move.invoice_line_ids.name)

    def test_inactive_currency_is_told_when_posting_and_nothing_is_lost(self):
        with self.at("2026-03-01"):
            self.company.clm_billing_post = True
            currency = self.env["res.currency"].create({"name": "QQQ", "symbol": "Q"})
            contract = self._create_billed("2026-03-01", currency_id=currency.id)
            currency.active = False
            self.assertFalse(self._run(contract))
            self._assert_failed(contract, "inactive currency")
            currency.active = True
            self.assertEqual(self._run(contract).currency_id, currency)

    def test_journal_tax_and_product_of_another_company_are_refused(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        journal = self.env["account.journal"].create({
            "name": "Elsewhere", "code": "ELSE", "type": "sale", "company_id": other.id,
        })
        product = self.env["product.product"].create({"name": "Foreign", "company_id": other.id})
        with self.at("2026-03-01"):
            for vals in ({"journal_id": journal.id}, {"lines": [{"product_id": product.id}]}):
                with self.subTest(vals), self.assertRaises(UserError), self.cr.savepoint():
                    self._create_billed("2026-03-01", **vals)

    def test_product_that_moved_to_another_company_is_told_and_stops_nobody_else(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        product = self.env["product.product"].create({"name": "Moving", "property_account_income_id": self.income.id})
        with self.at("2026-03-01"):
            bad = self._create_billed("2026-03-01", [{"product_id": product.id}])
            good = self._create_billed("2026-03-01")
            self.env.flush_all()
            self.env.cr.execute(SQL(
                "UPDATE product_template SET company_id = %s WHERE id = %s", other.id, product.product_tmpl_id.id,
            ))
            self.env.invalidate_all()
            moves = self._run(bad | good)
            self.assertEqual(moves.line_ids.clm_contract_id, good)
            self._assert_failed(bad, "Moving|compan")

    def test_currency_of_the_contract_is_that_of_the_invoice_whatever_the_customer_and_the_company_have(self):
        currency = self.env["res.currency"].create({
            "name": "QQQ", "symbol": "Q",
            "rate_ids": [Command.create({"name": "2026-01-01", "rate": 4.0, "company_id": self.company.id})],
        })
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", currency_id=currency.id)
            move = self._run(contract)
            self.assertEqual((move.currency_id, move.amount_untaxed), (currency, 100.0))
            self.assertEqual(move.amount_untaxed_signed, 25.0)

    # === LOCKED PERIODS === #

    def test_locked_fiscal_period_books_later_and_keeps_invoice_date_and_period(self):
        for lock in ("fiscalyear_lock_date", "hard_lock_date"):
            with self.subTest(lock), self.at("2026-03-10"):
                contract = self._create_billed("2026-01-01")
                self.company.write({"clm_billing_post": True, lock: "2026-02-28"})
                moves = self._run(contract)
                self.assertEqual(
                    [(str(move.invoice_date), move.state) for move in moves],
                    [("2026-01-01", "posted"), ("2026-02-01", "posted"), ("2026-03-01", "posted")],
                )
                self.assertGreater(min(moves.mapped("date")), self.company[lock])
                self.assertEqual(self._rows(contract, "invoiced")[0][:2], ("2026-01-01", "2026-01-31"))
                self.assertFalse(contract.cron_error)

    def test_draft_in_a_period_that_is_locked_later_can_still_be_posted(self):
        with self.at("2026-03-10"):
            move = self._run(self._create_billed("2026-03-01"))
        with self.at("2026-04-10"):
            self.company.fiscalyear_lock_date = "2026-03-31"
            move.action_post()
            self.assertEqual((move.state, str(move.invoice_date)), ("posted", "2026-03-01"))
            self.assertGreater(move.date, self.company.fiscalyear_lock_date)

    def test_lock_that_odoo_cannot_go_around_is_told_and_nothing_is_lost(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01")
            self.company.write({"clm_billing_post": True, "hard_lock_date": "2026-03-31"})  # in the future
            self.assertFalse(self._run(contract))
            self._assert_failed(contract, "Hard Lock Date")
        with self.at("2026-04-01"):
            moves = self._run(contract)
            self.assertEqual([str(move.invoice_date) for move in moves], ["2026-03-01", "2026-04-01"])
            self.assertFalse(contract.cron_error)

    # === STATES === #

    def test_closed_contract_bills_its_last_arrears_period_and_nothing_more(self):
        with self.at("2026-01-01"):
            contract = self._create_billed("2026-01-01", [{"billing": "arrears"}], date_end="2026-02-15")
            self._run(contract, "2026-02-01")
        self.run_on("2026-02-16")
        self.assertEqual(contract.state, "closed")
        with self.at("2026-02-16"):
            move = self._run()
            self.assertEqual((str(move.invoice_date), move.amount_untaxed), ("2026-02-16", 53.57))
            self.assertFalse(self._run(None, "2027-01-01"))

    def test_archived_contract_bills_what_it_still_owes(self):
        with self.at("2026-01-01"):
            contract = self._create_billed("2026-01-01", [{"billing": "arrears"}], date_end="2026-01-20")
        self.run_on("2026-01-21")
        contract.active = False
        with self.at("2026-01-21"):
            self.assertEqual(self._run().amount_untaxed, 64.52)

    def test_cancelled_and_draft_contracts_have_no_schedule_and_bill_nothing(self):
        with self.at("2026-03-01"):
            draft = self._create_contract(type_id=self.calendar_type.id, date_start="2026-01-01", notice_count=0)
            cancelled = draft.copy()
            cancelled.action_cancel()
            both = (draft | cancelled).sudo()
            self.assertFalse(self._run(both))
            self.assertFalse(both.installment_ids)
            with self._refuse("Nothing is left to bill"):
                draft.with_user(self.accountant).action_bill_now()

    def test_signed_contract_has_a_schedule_but_bills_nothing_before_its_start(self):
        with self.at("2026-02-10"):
            contract = self._create_billed("2026-03-01")
            self.assertEqual((contract.state, str(contract.next_billing_date)), ("signed", "2026-03-01"))
            self.assertFalse(self._run())
        self.run_on("2026-03-01")
        with self.at("2026-03-01"):
            self.assertEqual(len(self._run()), 1)

    def test_contract_that_never_began_keeps_no_rows(self):
        with self.at("2026-02-10"):
            contract = self._create_billed("2026-03-01")
            contract.action_terminate(self.reason, "2026-02-28", agreed=True)
            self.assertEqual((contract.state, self._rows(contract)), ("closed", []))
            self.assertFalse(self._run(None, "2027-01-01"))
