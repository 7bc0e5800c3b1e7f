from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .billing_common import BillingCase


@tagged("post_install", "-at_install")
class TestBillingRun(BillingCase):
    """Who is billed in a run, what it says about itself, and what becomes of a contract that cannot be billed."""

    def _prepare_bad_product(self):
        """:return: a product whose invoice line has no account"""
        self.sale_journal.default_account_id = False
        self.company.income_account_id = False
        self.product.categ_id.property_account_income_categ_id = False
        return self.env["product.product"].create({"name": "Unbooked", "type": "service"})

    def _create_many(self, count, day="2026-03-01", **vals):
        """:return: contracts in force, each of one line"""
        contracts = self.env["clm.contract"].create([{
            "type_id": self.contract_type.id, "partner_id": self.partner.id, "user_id": self.user.id,
            "signature_required": "none", "date_start": day, "term_months": 0, "notice_count": 0,
            "line_ids": [Command.create(self._prepare_line())], "clause_ids": [Command.clear()], **vals,
        } for _number in range(count)])
        contracts.action_activate()
        return contracts

    def _last_run(self):
        return self.env["clm.billing.run"].search([], limit=1)

    def test_monthly_line_in_advance_is_billed_once_per_period(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-31")
            self.assertEqual(self._rows(contract)[:3], [
                ("2026-01-31", "2026-02-27", "2026-01-31", 100.0),
                ("2026-02-28", "2026-03-30", "2026-02-28", 100.0),
                ("2026-03-31", "2026-04-29", "2026-03-31", 100.0),
            ])
            moves = self._run(contract)
            self.assertEqual([str(move.invoice_date) for move in moves], ["2026-01-31", "2026-02-28"])
            self.assertEqual(moves.mapped("amount_untaxed"), [100.0, 100.0])
            self.assertFalse(self._run(contract))
            self.assertEqual(contract.mrr_movement_ids.mapped("kind"), ["new"])
            self.assertFalse(contract._mrr_gaps(self.company))
            self.assertEqual(moves[0].invoice_line_ids.clm_contract_id, contract)

    def test_terminated_contract_proposes_a_credit(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01")
            move = self._run(contract)
            move.action_post()
            reason = self.env["clm.close.reason"].search([], limit=1)
            contract.action_terminate(reason, "2026-03-09", agreed=True)
            self.assertEqual(self._rows(contract), [
                ("2026-03-01", "2026-03-31", "2026-03-01", 100.0),
                ("2026-03-10", "2026-03-31", "2026-03-10", -70.97),
            ])
            self.assertFalse(self._run(contract))
            credit = contract.installment_ids.filtered("to_confirm")
            credit.with_user(self.accountant).action_confirm_credit()
            refund = self._run(contract)
            self.assertEqual((refund.move_type, refund.amount_untaxed), ("out_refund", 70.97))
            self.assertFalse(contract._mrr_gaps(self.company))

    # === WHO IS BILLED === #

    def test_contracts_that_are_billed_by_hand_wait_for_the_button(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", billing_mode="manual")
            self.assertFalse(self._run())
            action = contract.with_user(self.accountant).action_bill_now()
            move = self.env["account.move"].browse(action["res_id"])
            self.assertEqual(move.line_ids.clm_contract_id, contract)
            with self._refuse("Nothing is due. The next invoice is planned for 2026-04-01"):
                contract.with_user(self.accountant).action_bill_now()

    def test_contracts_that_are_not_billed_from_here_have_no_schedule(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", billing_mode="none")
            self.assertFalse(contract.installment_ids)
            self.assertFalse(self._run(contract))
            self.assertEqual(contract.mrr_movement_ids.mapped("amount"), [100.0])  # revenue it is nevertheless

    def test_mode_that_changes_keeps_what_is_billed(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
            self._run(contract)
            contract.billing_mode = "none"
            self.assertEqual(self._rows(contract), [("2026-03-01", "2026-03-31", "2026-03-01", 100.0)])
            contract.billing_mode = "auto"
            self.assertEqual(self._rows(contract, "planned")[0][0], "2026-04-01")

    def test_idle_run_leaves_no_trace_and_a_busy_one_tells_how_it_went(self):
        with self.at("2026-03-01"):
            before = self._last_run()
            self._run()
            self.assertEqual(self._last_run(), before)
            self._create_many(3)
            self._run()
        self.assertRecordValues(self._last_run(), [{
            "company_id": self.company.id, "key_count": 3, "done_count": 3, "progress": 100.0, "move_count": 3,
            "state": "done", "failed_contract_ids": [],
        }])
        self.assertTrue(self._last_run().finished_at)

    def test_half_finished_run_shows_its_progress(self):
        run = self.env["clm.billing.run"]._begin(4)
        run._progress(1, self.env["account.move"], self.env["clm.contract"])
        self.assertEqual((run.state, run.progress), ("running", 25.0))

    # === ONE BAD RECORD === #

    def test_contract_without_an_account_is_reported_and_the_other_29_are_billed(self):
        with self.at("2026-03-01"):
            contracts = self._create_many(30)
            bad = contracts[13]
            bad._unlocked().line_ids.product_id = self._prepare_bad_product()
            moves = self._run()
            self.assertEqual(moves.line_ids.clm_contract_id, contracts - bad)
            self.assertEqual(len(moves), 29)
            self.assertIn("Unbooked", bad.cron_error)
            self.assertRecordValues(self._last_run(), [{
                "done_count": 30, "move_count": 29, "state": "failed", "failed_contract_ids": bad.ids,
            }])
            self.assertFalse((contracts - bad).filtered("cron_error"))
            self._run()
        for day in ("2026-03-02", "2026-03-03"):
            self.run_on(day)
            with self.at(day):
                self.assertFalse(self._run())
        self.assertIn("Unbooked", bad.cron_error)
        self.assertEqual(len(self._activities(bad, "contract")), 1)
        with self.at("2026-03-04"):
            bad.line_ids.product_id.property_account_income_id = self.income
            self.assertEqual(self._run().line_ids.clm_contract_id, bad)
        self.assertFalse(bad.cron_error)

    def test_contract_whose_invoice_cannot_be_posted_is_reported_and_the_others_are_posted(self):
        self.company.clm_billing_post = True
        with self.at("2026-03-01"):
            contracts = self._create_many(12)
            bad = contracts[7]
            post = self.env.registry["account.move"]._post

            def _post(moves, soft=True):
                if bad in moves.line_ids.clm_contract_id:
                    moves.env.cr.execute("SELECT 1 / 0")  # as a broken extension would do it
                return post(moves, soft=soft)

            self.patch(self.env.registry["account.move"], "_post", _post)
            moves = self._run()
            self.assertEqual(moves.line_ids.clm_contract_id, contracts - bad)
            self.assertEqual(set(moves.mapped("state")), {"posted"})
            self.assertIn("division by zero", bad.cron_error)
            self.assertEqual(bad.installment_ids.sorted("period_start")[0].state, "due")
            self.assertEqual(bad.invoice_count, 0)

    def test_customer_who_gets_one_invoice_waits_for_the_contract_that_fails(self):
        self.company.clm_billing_grouping = "customer"
        with self.at("2026-03-01"):
            bad = self._create_billed("2026-03-01", [{"product_id": self._prepare_bad_product().id}])
            mate = self._create_billed("2026-03-01")
            other = self._create_billed("2026-03-01", partner_id=self.other_partner.id)
            self.assertEqual(self._run().line_ids.clm_contract_id, other)
            self.assertEqual(self._last_run().failed_contract_ids, bad | mate)
            bad.line_ids.product_id.property_account_income_id = self.income
            self.assertEqual(self._run().line_ids.clm_contract_id, bad | mate)
            self.assertFalse((bad | mate).filtered("cron_error"))

    def test_error_stays_while_one_of_several_invoices_fails(self):
        with self.at("2026-03-20"):
            contract = self._create_billed("2026-03-01", [
                {"product_id": self._prepare_bad_product().id}, {"name": "Tea", "date_start": "2026-03-15"},
            ])
            for _again in range(2):
                self._run()
                self.assertIn("Unbooked", contract.cron_error or "")
            self.assertEqual(contract.invoice_count, 1)
            self.assertEqual(len(self._activities(contract, "contract")), 1)

    def test_error_goes_once_what_failed_is_skipped(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"product_id": self._prepare_bad_product().id}])
            self._run()
            self.assertTrue(contract.cron_error)
            contract.installment_ids.filtered(lambda row: row.state == "due").action_skip("Never mind")
            self._run()
            self.assertFalse(contract.cron_error)

    def test_bill_now_tells_the_reason_and_keeps_it_on_the_contract(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"product_id": self._prepare_bad_product().id}])
            action = contract.with_user(self.accountant).action_bill_now()
            self.assertEqual((action["tag"], action["params"]["type"]), ("display_notification", "danger"))
            self.assertIn("Unbooked", action["params"]["message"])
            self.assertIn("Unbooked", contract.cron_error)

    def test_schedule_that_cannot_be_extended_stops_no_other_contract(self):
        with self.at("2026-03-01"):
            contracts = self._create_many(3)
            bad = contracts[1]
            self.env.flush_all()
            self.env.cr.execute(SQL(
                "UPDATE clm_contract_line SET recurrence_interval = 0 WHERE contract_id = %s", bad.id,
            ))
            self.env.invalidate_all()
        with self.at("2026-08-01"):  # the schedule is to be extended before the run
            moves = self._run()
        self.assertEqual(len(moves.filtered(lambda move: move.line_ids.clm_contract_id in contracts - bad)), 12)
        self.assertTrue(bad.cron_error)

    # === COST === #

    def _count_statements(self, count, post=False):
        """:return: SQL statements of a run over so many contracts"""
        self.company.clm_billing_post = post
        with self.at("2026-03-01"):
            self._create_many(count)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(len(self._run()), count)
            self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def test_statements_of_a_run_grow_by_few_per_contract(self):
        for post, most in ((False, 1), (True, 5)):
            with self.subTest(post=post):
                self._count_statements(2, post)  # what is cached for ever
                few, many = self._count_statements(20, post), self._count_statements(60, post)
                self.assertLessEqual((many - few) / 40, most)

    def test_contract_that_cannot_be_billed_slows_nobody_down(self):
        alone = self._count_statements(20)
        with self.at("2026-03-01"):
            bad = self._create_many(1)
            bad._unlocked().line_ids.product_id = self._prepare_bad_product()
        first = self._count_statements(20)  # the culprit is looked for
        again = self._count_statements(20)  # and known
        self.assertTrue(bad.cron_error)
        self.assertLessEqual(first, alone + 600)  # a few small tries, and its activity, whatever the batch
        self.assertLessEqual(again, alone * 1.5)

    def test_row_that_was_billed_meanwhile_is_not_marked_due(self):
        """A worker that comes second marks what is still planned, from what the database says now."""
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-02-10")
            rows = contract.installment_ids.sorted("period_start")[:2]
            self.assertEqual(rows.mapped("state"), ["planned"] * 2)
            self.env.cr.execute("UPDATE clm_installment SET state = 'invoiced' WHERE id = %s", [rows[0].id])
            rows._mark_due()
            self.assertEqual(rows.mapped("state"), ["invoiced", "due"])

    def test_contracts_of_other_contacts_wait_for_one_that_somebody_holds(self):
        """One invoice per customer is made of all its contracts, or not at all."""
        self.company.clm_billing_grouping = "customer"
        contact = self.env["res.partner"].create({"name": "Branch", "parent_id": self.partner.id})
        with self.at("2026-03-10"):
            held = self._create_billed("2026-03-01")
            self._create_billed("2026-03-01", partner_id=contact.id, partner_invoice_id=self.partner.id)
            lock = type(held).try_lock_for_update
            with patch.object(
                type(held), "try_lock_for_update",
                lambda records, **options: lock(records.filtered(lambda contract: contract.id != held.id), **options),
            ):
                self.assertFalse(self._run())
            self.assertEqual(self._run().mapped("amount_untaxed"), [200.0])
