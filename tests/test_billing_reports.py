from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .billing_common import BillingCase

MEASURES = (
    "contracted", "discount", "agreed", "invoiced", "credited", "collected", "outstanding", "leakage", "unbilled",
    "skipped", "given", "changed",
)


class BillingReportCase(BillingCase):
    """Reads the money reports as the accountant sees them."""

    def _report(self, name="billing", user=None, **context):
        return self.env[f"clm.{name}.report"].with_user(user or self.accountant).with_context(**context)

    def _sums(self, contracts, *measures, day=None, currency=False, domain=()):
        """:return: dict of the sums of a contract's rows that are not 0, or a tuple of those that are asked for"""
        names = [f"{name}_currency" if currency else name for name in measures or MEASURES]
        values = self._report(**({"clm_as_of": day} if day else {}))._read_group(
            [("contract_id", "in", contracts.ids), *domain], [], [f"{name}:sum" for name in names],
        )[0]
        values = [round(value or 0.0, 2) for value in values]
        return tuple(values) if measures else {
            name: value for name, value in zip(MEASURES, values, strict=True) if value
        }

    def _bill(self, contract, day=None, post=True):
        moves = self._run(contract, day)
        if post:
            moves.action_post()
        return moves


@tagged("post_install", "-at_install")
class TestBillingReconciliation(BillingReportCase):
    def test_rows_when_nothing_is_invoiced_are_not_invoiced(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            self.assertEqual(self._sums(contract), {
                "contracted": 300.0, "agreed": 300.0, "leakage": 300.0, "unbilled": 300.0,
            })
            row = self._report().search([("contract_id", "=", contract.id), ("is_due", "=", True)], limit=1)
            self.assertEqual((row.cause, row.leakage_rate, row.bucket), ("unbilled", 1.0, False))

    def test_draft_invoice_is_neither_invoiced_nor_outstanding(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            self._bill(contract, post=False)
            self.assertEqual(self._sums(contract), {
                "contracted": 100.0, "agreed": 100.0, "leakage": 100.0, "unbilled": 100.0,
            })
            self.assertEqual(self._sums(contract, "drafted"), (100.0,))

    def test_partial_payment_is_collected_without_its_tax(self):
        tax = self.env["account.tax"].create({"name": "Clm 25", "amount": 25.0, "type_tax_use": "sale"})
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01", [{"price_unit": 80.0, "tax_ids": [Command.set(tax.ids)]}])
            move = self._bill(contract)
            self.assertEqual(move.amount_total, 100.0)
            self._pay(move, 25.0)
            self.assertEqual(self._sums(contract), {
                "contracted": 80.0, "agreed": 80.0, "invoiced": 80.0, "collected": 20.0, "outstanding": 60.0,
            })
            self._pay(move, 75.0)
            self.assertEqual(self._sums(contract, "collected", "outstanding"), (80.0, 0.0))

    def test_payment_of_a_consolidated_invoice_is_split_without_losing_a_cent(self):
        self.company.clm_billing_grouping = "customer"
        with self.at("2026-01-10"):
            contracts = self._create_billed("2026-01-01", [{"price_unit": 33.33}])
            contracts += self._create_billed("2026-01-01", [{"price_unit": 33.33}, {"price_unit": 33.34}])
            move = self._bill(contracts)
            self.assertEqual(len(move), 1)
            self._pay(move, 10.0)
            self.assertEqual(self._sums(contracts, "collected", "outstanding"), (10.0, 90.0))
            parts = [self._sums(contract, "collected")[0] for contract in contracts]
            self.assertEqual(sorted(parts), [3.33, 6.67])

    def test_credit_note_on_one_contract_of_a_consolidated_invoice_leaves_the_payment_to_the_other(self):
        self.company.clm_billing_grouping = "customer"
        with self.at("2026-01-10"):
            first, second = self._create_billed("2026-01-01"), self._create_billed("2026-01-01")
            move = self._bill(first + second)
            refund = self._credit_line(move, first)
            self.assertEqual(refund.amount_untaxed, 100.0)
            self._pay(move)
            self.assertEqual(self._sums(first), {
                "contracted": 100.0, "agreed": 100.0, "invoiced": 100.0, "credited": 100.0, "leakage": 100.0,
                "given": 100.0,
            })
            self.assertEqual(self._sums(second), {
                "contracted": 100.0, "agreed": 100.0, "invoiced": 100.0, "collected": 100.0,
            })
            # the button of one contract reads only its own documents, and says the same
            self.assertEqual((second.leakage, second.outstanding, first.leakage), (0.0, 0.0, 100.0))

    def _credit_line(self, move, contract):
        refund = move._reverse_moves([{"invoice_date": "2026-01-10"}])
        refund.invoice_line_ids.filtered(lambda line: line.clm_contract_id != contract).unlink()
        refund.action_post()
        (move | refund).line_ids.filtered(lambda line: line.account_id == self.receivable).reconcile()
        return refund

    def test_credit_note_that_names_no_contract_settles_the_invoice(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            move = self._bill(contract)
            refund = self.env["account.move"].create({
                "move_type": "out_refund", "partner_id": self.partner.id, "invoice_date": "2026-01-10",
                "journal_id": self.sale_journal.id,
                "invoice_line_ids": [Command.create({
                    "name": "Goodwill", "price_unit": 40.0, "account_id": self.income.id, "tax_ids": [],
                })],
            })
            refund.action_post()
            (move | refund).line_ids.filtered(lambda line: line.account_id == self.receivable).reconcile()
            self._pay(move, 30.0)
            self.assertEqual(self._sums(contract), {
                "contracted": 100.0, "agreed": 100.0, "invoiced": 100.0, "credited": 40.0, "collected": 30.0,
                "outstanding": 30.0, "leakage": 40.0, "given": 40.0,
            })

    def test_paid_invoice_that_is_credited_is_owed_back_until_refunded(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            move = self._bill(contract)
            self._pay(move)
            refund = self._credit(move)
            self.assertEqual(self._sums(contract, "credited", "collected", "outstanding"), (100.0, 100.0, -100.0))
            self._pay(refund)
            self.assertEqual(self._sums(contract, "credited", "collected", "outstanding"), (100.0, 0.0, 0.0))

    def test_row_billed_again_after_a_credit_leaks_nothing(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            self._credit(self._bill(contract))
            row = contract.installment_ids.filtered(lambda row: row.state == "credited")
            self.assertEqual(self._sums(contract, "leakage", "given"), (100.0, 100.0))
            row.with_user(self.accountant).action_bill_again()
            self._bill(contract)
            self.assertEqual(self._sums(contract), {
                "contracted": 100.0, "agreed": 100.0, "invoiced": 200.0, "credited": 100.0, "outstanding": 100.0,
            })

    def test_discount_and_skipped_row_leak_by_their_cause(self):
        with self.at("2026-02-10"):
            contract = self._create_billed("2026-01-01", [{"discount": 10.0}])
            self._bill(contract, "2026-01-10")
            contract.installment_ids.filtered(lambda row: row.state == "due").with_user(self.accountant).action_skip(
                "Moved house")
            contract.installment_ids.filtered(
                lambda row: row.state == "planned" and str(row.date_planned) == "2026-02-01"
            ).with_user(self.accountant).action_skip("Moved house")
            self.assertEqual(self._sums(contract), {
                "contracted": 200.0, "discount": 20.0, "agreed": 180.0, "invoiced": 90.0, "outstanding": 90.0,
                "leakage": 110.0, "skipped": 90.0,
            })

    def test_cancelled_invoice_counts_as_credited_leakage(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            move = self._bill(contract, post=False)
            move.button_cancel()
            self.assertEqual(self._sums(contract), {
                "contracted": 100.0, "agreed": 100.0, "leakage": 100.0, "given": 100.0,
            })

    def test_price_changed_on_the_invoice_is_leakage_of_its_own(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            move = self._bill(contract, post=False)
            move.invoice_line_ids.price_unit = 70.0
            move.action_post()
            self.assertEqual(self._sums(contract), {
                "contracted": 100.0, "agreed": 100.0, "invoiced": 70.0, "outstanding": 70.0, "leakage": 30.0,
                "changed": 30.0,
            })

    def test_invoice_line_without_an_installment_has_a_row_of_its_own(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            move = self._bill(contract, post=False)
            move.write({"invoice_line_ids": [Command.create({
                "name": "Travel", "price_unit": 50.0, "account_id": self.income.id, "tax_ids": [],
                "clm_contract_id": contract.id,
            })]})
            move.action_post()
            self._pay(move, 75.0)
            self.assertEqual(self._sums(contract), {
                "contracted": 100.0, "agreed": 100.0, "invoiced": 150.0, "collected": 75.0, "outstanding": 75.0,
                "leakage": -50.0, "changed": -50.0,
            })
            row = self._report().search([("contract_id", "=", contract.id), ("installment_id", "=", False)])
            self.assertEqual((len(row), row.invoiced, row.cause), (1, 50.0, "changed"))
            self.assertEqual(row.action_open()["res_id"], move.id)

    def test_proposed_credit_counts_once_it_is_confirmed(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01")
            self._bill(contract)
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            self.assertEqual(self._sums(contract, "agreed", "leakage"), (100.0, 0.0))
            contract.installment_ids.filtered("to_confirm").with_user(self.accountant).action_confirm_credit()
            self.assertEqual(self._sums(contract, "agreed", "leakage", "unbilled"), (29.03, -70.97, -70.97))
            self._bill(contract)
            self.assertEqual(self._sums(contract), {
                "contracted": 29.03, "agreed": 29.03, "invoiced": 100.0, "credited": 70.97, "outstanding": 29.03,
            })

    def test_report_as_of_an_earlier_day_knows_nothing_later(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            moves = self._bill(contract)
            self._pay(moves[0], day="2026-02-20")
            self.assertEqual(self._sums(contract, "agreed", "invoiced", "collected"), (300.0, 300.0, 100.0))
            self.assertEqual(
                self._sums(contract, "agreed", "invoiced", "collected", day="2026-02-19"), (200.0, 200.0, 0.0))
            self.assertEqual(
                self._sums(contract, "agreed", "invoiced", "collected", day="2026-02-20"), (200.0, 200.0, 100.0))

    def test_outstanding_ages_by_the_due_date_of_its_invoice(self):
        with self.at("2026-05-02"):
            contract = self._create_billed("2026-01-01")
            moves = self._bill(contract)
            for move in moves:
                move.invoice_date_due = move.invoice_date
            moves[4].invoice_date_due = "2026-06-01"
            self._pay(moves[1])
            buckets = dict(self._report()._read_group(
                [("contract_id", "=", contract.id), ("bucket", "!=", False)], ["bucket"], ["outstanding:sum"],
            ))
            # due 1 January: 121 days; 1 March: 62; 1 April: 31; February is paid, May is not due
            self.assertEqual(buckets, {"0": 100.0, "31": 100.0, "61": 100.0, "91": 100.0})
            self.assertEqual(self._sums(contract, "overdue"), (300.0,))

    def test_supplier_contract_counts_vendor_bills(self):
        with self.at("2026-01-10"):
            kind = self._create_type(
                clauses=self.env["clm.clause"], name="Purchase", direction="supplier", signature_required="none")
            contract = self._create_billed("2026-01-01", type_id=kind.id)
            self.assertEqual(contract.direction, "supplier")
            move = self._bill(contract, post=False)
            move.write({"ref": "B-1", "invoice_date": "2026-01-05"})
            move.action_post()
            self._pay(move, 60.0)
            self.assertEqual(self._sums(contract), {
                "contracted": 100.0, "agreed": 100.0, "invoiced": 100.0, "collected": 60.0, "outstanding": 40.0,
            })

    def test_foreign_currency_is_valued_at_the_rate_of_the_invoice(self):
        currency = self._create_currency(2.0)
        with self.at("2026-02-10"):
            contract = self._create_billed("2026-01-01", currency_id=currency.id)
            move = self._bill(contract, "2026-01-10")
            currency.rate_ids.create({"currency_id": currency.id, "name": "2026-02-01", "rate": 4.0,
                                      "company_id": self.company.id})
            self._pay(move, 50.0)
            first = [("date_planned", "=", "2026-01-01")]
            expected = (100.0, 100.0, 50.0, 50.0)
            names = "agreed", "invoiced", "collected", "outstanding"
            self.assertEqual(self._sums(contract, *names, currency=True, domain=first), expected)
            self.assertEqual(self._sums(contract, *names, domain=first), (50.0, 50.0, 25.0, 25.0))
            later = [("date_planned", "=", "2026-02-01")]
            self.assertEqual(self._sums(contract, "agreed", "leakage", domain=later), (25.0, 25.0))
            self._pay(move)
            self.assertEqual(self._sums(contract, "collected", "outstanding", domain=first), (50.0, 0.0))

    def _create_currency(self, rate):
        currency = self.env["res.currency"].create({"name": "ZZC", "symbol": "Z", "rounding": 0.01})
        self.env["res.currency.rate"].create({
            "currency_id": currency.id, "name": "2025-01-01", "rate": rate, "company_id": self.company.id,
        })
        return currency

    def test_forecast_holds_planned_rows_without_proposed_credits(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01", date_end="2026-05-31")
            self._bill(contract)
            contract.action_terminate(self.reason, "2026-04-15", agreed=True)
            groups = self._report()._read_group(
                [("contract_id", "=", contract.id)], ["date_planned:month"], ["forecast:sum"])
            self.assertEqual([(str(month), amount) for month, amount in groups], [
                ("2026-03-01", 0.0), ("2026-04-01", 50.0),
            ])

    # === RIGHTS === #

    def test_salespeople_and_viewers_do_not_open_money_reports(self):
        viewer = self._create_user("c-report-viewer", "clm.group_viewer")
        for user in (self.user, viewer):
            for name in ("billing", "deferred", "margin"):
                with self.assertRaises(AccessError):
                    self._report(name, user).search([], limit=1)
            self._report("mrr", user).search([], limit=1)
        contract = self._create_billed("2026-01-01")
        with self.assertRaises(AccessError):
            contract.with_user(self.user).read(["leakage"])
        self.assertNotIn("margin", contract.with_user(self.user).fields_get())

    def test_contract_form_shows_leakage_and_margin_to_accountants_alone(self):
        contract = self._create_billed("2026-01-01")
        for user, shown in ((self.user, False), (self.accountant, True), (self.bookkeeper, True)):
            arch = contract.with_user(user).get_view(view_type="form")["arch"]
            for name in ("action_open_reconciliation", "action_open_margin"):
                self.assertEqual(f'name="{name}"' in arch, shown, (user.login, name))
        mine = contract.with_user(self.accountant)
        for action in (mine.action_open_reconciliation(), mine.action_open_margin()):
            rows = self.env[action["res_model"]].with_user(self.accountant).with_context(**action["context"])
            self.assertEqual(rows.search(action["domain"]).contract_id, contract)

    def test_accountants_read_every_money_report(self):
        for user in (self.accountant, self.bookkeeper):
            for name in ("billing", "deferred", "margin", "mrr"):
                self._report(name, user).search([], limit=1)

    def test_accountant_sees_nothing_of_another_company(self):
        other = self.env["res.company"].create({"name": "Clm Other"})
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            self._bill(contract)
        stranger = self._create_user(
            "c-other-accountant", "account.group_account_invoice", company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        for name in ("billing", "deferred", "margin", "mrr"):
            self.assertFalse(self._report(name, stranger).search([("company_id", "=", self.company.id)]))
            self.assertTrue(self._report(name).search([("company_id", "=", self.company.id)]))
