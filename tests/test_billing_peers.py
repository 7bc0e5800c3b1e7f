from datetime import datetime

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .billing_common import BillingCase


@tagged("post_install", "-at_install")
class TestBillingPeers(BillingCase):
    """Defects of comparable addons that were verified (PEERS.md 2.1 to 2.4): none of them is here.

    Others have tests of their own: month ends (``test_billing_dates``), one bad record and the statements of a run
    (``test_billing_run``), two workers at once (``test_billing_concurrency``), MRR (``test_mrr``).
    """

    def test_short_last_period_is_not_billed_in_full(self):
        """PEERS 2.3: 1 to 10 March was billed with quantity 1.0."""
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", date_end="2026-03-10")
            self.assertEqual(self._run(contract).amount_untaxed, 32.26)

    def test_backlog_is_billed_in_one_run_and_not_dated_today(self):
        """PEERS 2.3: one period per daily run, each dated with the day of the run."""
        with self.at("2026-04-20"):
            moves = self._run(self._create_billed("2026-01-01"))
            self.assertEqual(
                [str(move.invoice_date) for move in moves], ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"],
            )

    def test_dates_of_the_contract_reach_its_lines(self):
        """PEERS 2.3: dates of the header did not reach the lines; invoices were made past the end of the contract."""
        with self.at("2026-01-01"):
            contract = self._create_billed("2026-01-01", [{}, {"billing": "arrears"}], date_end="2026-02-15")
        self.run_on("2026-07-01")
        with self.at("2026-07-01"):
            self._run()
            self.assertEqual(str(max(contract.installment_ids.mapped("period_end"))), "2026-02-15")
            self.assertEqual(sum(contract.installment_ids.mapped("amount")), 307.14)
            self.assertFalse(self._run(None, "2030-01-01"))

    def test_contract_made_by_rpc_keeps_its_start_and_its_rhythm(self):
        """PEERS 2.3: yearly in arrears from 1 January, created by RPC, was billed monthly in advance from today."""
        with self.at("2026-05-20"):
            contract = self._create_billed("2026-01-01", [{"recurrence_unit": "year", "billing": "arrears"}])
            self.assertEqual(self._rows(contract)[0], ("2026-01-01", "2026-12-31", "2027-01-01", 100.0))
            self.assertFalse(self._run(contract))

    def test_end_before_the_start_and_intervals_below_one_are_refused(self):
        """PEERS 2.3: both were accepted, and gave periods that end before they begin."""
        for vals in (
            {"date_end": "2025-12-31"},
            {"lines": [{"recurrence_interval": 0}]}, {"lines": [{"recurrence_interval": -1}]},
            {"lines": [{"date_start": "2026-03-01", "date_end": "2026-02-01"}]},
        ):
            with self.subTest(vals), self.assertRaises(ValidationError), self.cr.savepoint():
                self._create_billed("2026-01-01", **vals)

    def test_day_of_the_company_counts_and_not_that_of_utc(self):
        """PEERS 2.3: at 01:30 on 1 December in Auckland nothing was billed."""
        self.company.lifecycle_tz = "Pacific/Auckland"
        with self.at(datetime(2026, 11, 30, 12, 30)):
            move = self._run(self._create_billed("2026-12-01"))
            self.assertEqual(str(move.invoice_date), "2026-12-01")

    def test_term_of_one_month_is_billed_once_and_starts_when_it_was_agreed(self):
        """PEERS 2.3: one month from 1 March was billed on 1 March and on 1 April; starting overwrote the start."""
        with self.at("2026-03-20"):
            contract = self._create_billed("2026-03-01", term_months=1)
            self.assertEqual((str(contract.date_start), str(contract.date_end)), ("2026-03-01", "2026-03-31"))
            self.assertEqual(len(self._run(contract, "2027-01-01")), 1)

    def test_future_start_is_kept(self):
        """PEERS 2.3: a start in the future was ignored."""
        with self.at("2026-03-20"):
            contract = self._create_billed("2026-06-01")
            self.assertFalse(self._run(contract))
            self.assertEqual(self._rows(contract)[0][0], "2026-06-01")

    def test_credit_after_an_early_end_begins_the_day_after_it_at_the_invoiced_price(self):
        """PEERS 2.3: it began on the last served day, at the price of today instead of the invoiced one."""
        with self.at("2026-03-20"):
            contract = self._create_billed("2026-03-01", [{"price_unit": 310.0}])
            self._run(contract).action_post()
            self.product.list_price = 999.0
            contract.action_terminate(self.reason, "2026-03-15", agreed=True)
            credit = contract.installment_ids.filtered("to_confirm")
            self.assertEqual((str(credit.period_start), credit.amount), ("2026-03-16", -160.0))

    def test_arrears_are_invoiced_on_the_day_after_the_period(self):
        """PEERS 2.3 (issue 1063): disputed there; here always the day after the last day."""
        with self.at("2026-01-01"):
            contract = self._create_billed("2026-01-01", [{"billing": "arrears"}])
            self.assertEqual(self._rows(contract)[0][:3], ("2026-01-01", "2026-01-31", "2026-02-01"))

    def test_deleted_draft_is_billed_again(self):
        """PEERS 2.4: deleting a draft did not rewind the contract, the period was never billed."""
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-02-01")
            self._run(contract)[0].unlink()
            self.assertEqual([str(move.invoice_date) for move in self._run(contract)], ["2026-02-01"])

    def test_contract_with_posted_invoices_cannot_be_deleted(self):
        """PEERS 2.4: it could, and its invoice lines lost their link."""
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
            move = self._run(contract)
            move.action_post()
            with self._refuse("cannot be deleted"):
                contract.unlink()
            self.assertEqual(move.invoice_line_ids.clm_contract_id, contract)

    def test_invoice_is_in_the_currency_of_the_contract(self):
        """PEERS 2.4: a subscription in EUR was invoiced in USD with the same number."""
        currency = self.env["res.currency"].create({"name": "QQQ", "symbol": "Q", "rate_ids": [
            Command.create({"name": "2026-01-01", "rate": 2.0, "company_id": self.company.id}),
        ]})
        with self.at("2026-03-01"):
            move = self._run(self._create_billed("2026-03-01", currency_id=currency.id))
            self.assertEqual((move.currency_id, move.amount_total, move.amount_total_signed), (currency, 100.0, 50.0))

    def test_invoice_is_booked_with_the_accounts_and_the_journal_of_its_company(self):
        """PEERS 2.4 (issue 1146): the account of another company was used."""
        other = self.env["res.company"].create({"name": "Elsewhere"})
        books = self.env["account.account"].with_company(other).create([
            {"name": name, "code": f"X{number}", "account_type": kind, "reconcile": number == 1,
             "company_ids": [Command.set(other.ids)]}
            for number, (name, kind) in enumerate((("Income", "income"), ("Receivable", "asset_receivable")))
        ])
        journal = self.env["account.journal"].create({
            "name": "Elsewhere", "code": "ELSE", "type": "sale", "company_id": other.id,
            "default_account_id": books[0].id,
        })
        self.partner.with_company(other).property_account_receivable_id = books[1]
        self.product.with_company(other).property_account_income_id = books[0]
        self.env.user.company_ids |= other
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", company_id=other.id, user_id=False)
            here = self._create_billed("2026-03-01")
            moves = self._run()
        there = moves.filtered(lambda move: move.company_id == other)
        self.assertEqual((there.journal_id, there.line_ids.account_id), (journal, books))
        self.assertEqual(there.line_ids.clm_contract_id, contract)
        self.assertEqual((moves - there).line_ids.clm_contract_id, here)
        self.assertEqual((moves - there).invoice_line_ids.account_id, self.income)

    def test_invoice_that_is_not_to_be_sent_is_not_sent(self):
        """PEERS 2.4: the mode that only invoices sent mails as well."""
        self.company.clm_billing_post = True
        with self.at("2026-03-01"):
            before = self.env["mail.mail"].search_count([])
            move = self._run(self._create_billed("2026-03-01"))
            self.assertFalse(move.sending_data)
            self.assertEqual(self.env["mail.mail"].search_count([]), before)

    def test_posted_invoice_makes_no_second_contract(self):
        """PEERS 2.4: a mode made a new subscription at each cycle."""
        self.company.clm_billing_post = True
        with self.at("2026-03-01"):
            self._create_billed("2026-02-01")
            before = self.env["clm.contract"].search_count([])
            self._run()
            self.assertEqual(self.env["clm.contract"].search_count([]), before)

    def test_amounts_follow_an_edit_of_the_price(self):
        """PEERS 2.4: the total of a subscription stayed stale after a change of the price."""
        contract = self._create_contract()
        contract.line_ids.price_unit = 999.0
        self.assertEqual((contract.mrr, contract.line_ids.price_subtotal), (999.0, 999.0))

    def test_invoices_of_contracts_with_a_contact_are_counted_where_they_are_listed(self):
        """PEERS 2.4: contracts of contacts were listed with their company, but counted as none."""
        contact = self.env["res.partner"].create({"name": "Cleo", "parent_id": self.partner.id})
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", partner_id=contact.id)
            move = self._run(contract)
            self.assertEqual(contract.installment_ids.partner_id, self.partner)
            self.assertEqual((contract.invoice_count, contract.action_view_invoices()["res_id"]), (1, move.id))
            self.assertEqual(self.partner.clm_mrr, 100.0)

    def test_portal_reads_no_line_and_no_row_of_another_customer(self):
        """PEERS 2.4: a portal user without contracts read price, MRR and notes of other customers' lines."""
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [{"price_unit": 987.65}])
            self._run(contract)
        for model in ("clm.installment", "clm.mrr.movement", "clm.billing.run"):
            with self.subTest(model), self.assertRaises(AccessError):
                self.env[model].with_user(self.portal_other).search([])
        for record in (contract.line_ids, contract):
            with self.subTest(record), self.assertRaises(AccessError):
                record.with_user(self.portal_other).read(["display_name"])

    def test_user_and_run_at_once_bill_a_period_once(self):
        """PEERS 2.2: no lock and no key on line and period. (Real workers: ``test_billing_concurrency``.)"""
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
            contract.with_user(self.accountant).action_bill_now()
            self.assertFalse(self._run())
            with self.assertRaises(UserError):
                contract.with_user(self.accountant).action_bill_now()
            self.assertEqual(contract.invoice_count, 1)

    def test_weekly_line_counts_days_of_a_year_and_ended_lines_count_nothing(self):
        """PEERS 2.4: a week was 7/30 of a month (428.57), and ended lines counted for ever."""
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [
                {"recurrence_unit": "week"}, {"name": "Past", "date_end": "2026-03-31"},
            ])
            self.assertEqual(contract.mrr, 534.82)
        self.run_on("2026-04-01")
        with self.at("2026-04-01"):
            self.assertEqual(contract.mrr, 434.82)
            self.assertEqual(self.partner.clm_mrr, 434.82)
