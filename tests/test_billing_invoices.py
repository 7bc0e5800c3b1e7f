from odoo.fields import Command
from odoo.tests import tagged

from .billing_common import BillingCase


@tagged("post_install", "-at_install")
class TestBillingInvoices(BillingCase):
    """What an invoice says, and what becomes of the schedule when somebody changes it."""

    def _create_tax(self, amount, **vals):
        return self.env["account.tax"].create({
            "name": f"Clm tax {self.env['account.tax'].search_count([])}", "amount": amount,
            "amount_type": "percent", "type_tax_use": "sale", **vals,
        })

    def _bill(self, day="2026-03-01", lines=({},), post=False, **vals):
        """:return: the contract that begins on a day, and its first invoice"""
        contract = self._create_billed(day, lines, **vals)
        move = self._run(contract)
        if post:
            move.action_post()
        return contract, move

    def _first(self, contract):
        return contract.installment_ids.sorted(lambda row: (row.period_start, row.kind, row.revision))[0]

    # === VALUES === #

    def test_invoice_takes_its_values_from_the_contract(self):
        address = self.env["res.partner"].create({
            "name": "Azure, accounts payable", "type": "invoice", "parent_id": self.partner.id,
        })
        term = self.env.ref("account.account_payment_term_30days")
        position = self.env["account.fiscal.position"].create({"name": "Abroad"})
        journal = self.sale_journal.copy({"name": "Contracts", "code": "CLMC", "default_account_id": self.income.id})
        with self.at("2026-03-01"):
            contract, move = self._bill(
                payment_term_id=term.id, fiscal_position_id=position.id, journal_id=journal.id,
                client_order_ref="PO 7",
            )
        self.assertEqual(contract.partner_invoice_id, address)
        self.assertRecordValues(move, [{
            "move_type": "out_invoice", "partner_id": address.id, "invoice_payment_term_id": term.id,
            "fiscal_position_id": position.id, "journal_id": journal.id, "ref": "PO 7",
            "invoice_origin": contract.name, "invoice_user_id": self.user.id, "currency_id": contract.currency_id.id,
            "company_id": contract.company_id.id, "state": "draft",
        }])
        self.assertEqual(str(move.invoice_date_due), "2026-03-31")
        self.assertEqual(move.line_ids.clm_contract_id, contract)
        self.assertEqual(move.clm_contract_count, 1)
        self.assertEqual(contract.invoice_count, 1)

    def test_line_tells_product_contract_and_period_in_the_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.product.with_context(lang="fr_FR").name = "Café"
        self.partner.lang = "fr_FR"
        with self.at("2026-03-01"):
            contract, move = self._bill()
        self.assertEqual(move.invoice_line_ids.name, f"Coffee\n{contract.name}: 01/03/2026 – 31/03/2026")

    def test_line_of_a_once_charge_names_no_period(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(lines=[{"name": "Setup", "recurrence_unit": "once"}])
        self.assertEqual(move.invoice_line_ids.name, f"Setup\n{contract.name}")

    def test_account_is_mapped_by_the_fiscal_position(self):
        position = self.env["account.fiscal.position"].create({
            "name": "Abroad", "account_ids": [Command.create({
                "account_src_id": self.income.id, "account_dest_id": self.expense.id,
            })],
        })
        with self.at("2026-03-01"):
            _contract, move = self._bill(fiscal_position_id=position.id)
        self.assertEqual(move.invoice_line_ids.account_id, self.expense)

    def test_analytic_distribution_of_the_contract_and_of_a_line_stand_on_the_invoice(self):
        plan = self.env["account.analytic.plan"].create({"name": "Clm"})
        own, special = self.env["account.analytic.account"].create([
            {"name": name, "plan_id": plan.id} for name in ("Contract", "Special")
        ])
        with self.at("2026-03-01"):
            _contract, move = self._bill(
                lines=[{}, {"analytic_distribution": {str(special.id): 100.0}}], analytic_account_id=own.id,
            )
        self.assertEqual(move.invoice_line_ids.sorted("id").mapped("analytic_distribution"), [
            {str(own.id): 100.0}, {str(special.id): 100.0},
        ])

    def test_analytic_account_that_is_set_later_stands_on_the_next_invoice(self):
        plan = self.env["account.analytic.plan"].create({"name": "Clm"})
        account = self.env["account.analytic.account"].create({"name": "Contract", "plan_id": plan.id})
        with self.at("2026-03-01"):
            contract, _move = self._bill()
            contract.with_user(self.user).analytic_account_id = account
            move = self._run(contract, "2026-04-01")
        self.assertEqual(move.invoice_line_ids.analytic_distribution, {str(account.id): 100.0})

    def test_journal_in_the_currency_of_the_contract_comes_first(self):
        currency = self.env["res.currency"].create({"name": "QQQ", "symbol": "Q"})
        journal = self.env["account.journal"].create({
            "name": "Sales in Q", "code": "CLMQ", "type": "sale", "currency_id": currency.id, "sequence": 9,
            "default_account_id": self.income.id,
        })
        with self.at("2026-03-01"):
            self.assertEqual(self._bill(currency_id=currency.id)[1].journal_id, journal)
            self.assertEqual(self._bill()[1].journal_id, self.sale_journal)

    def test_quantity_price_and_discount_stand_as_agreed_on_a_whole_period(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(lines=[{"quantity": 3.0, "price_unit": 33.33, "discount": 10.0}])
        self.assertRecordValues(move.invoice_line_ids, [
            {"quantity": 3.0, "price_unit": 33.33, "discount": 10.0, "price_subtotal": 89.99},
        ])
        self.assertEqual(self._first(contract).amount, 89.99)
        self.assertAlmostEqual(self._first(contract).discount_amount, 10.0)

    def test_taxes_are_exact_to_the_cent_also_when_the_price_includes_them(self):
        with self.at("2026-03-18"):
            for price, included in ((100.0, "tax_excluded"), (119.0, "tax_included"), (99.99, "tax_included")):
                tax = self._create_tax(19.0, price_include_override=included)
                with self.subTest(price=price, included=included):
                    # 18 to 31 March of a month, then a whole one
                    contract, move = self._bill("2026-03-18", [{
                        "price_unit": price, "tax_ids": [Command.set(tax.ids)], "anchor_date": "2026-03-01",
                    }])
                    moves = move | self._run(contract, "2026-04-01")
                    planned = contract.line_ids.price_subtotal
                    part = contract.currency_id.round(planned - contract.currency_id.round(planned * 17 / 31))
                    self.assertEqual(moves.mapped("amount_untaxed"), [part, planned])
                    self.assertEqual(
                        contract.installment_ids.filtered("move_line_id").sorted("period_start").mapped("amount"),
                        [part, planned],
                    )
                    if included == "tax_included":
                        self.assertAlmostEqual(moves[1].amount_total, price)

    def test_credit_of_a_price_with_included_tax_gives_back_exactly_what_was_charged(self):
        tax = self._create_tax(21.0, price_include_override="tax_included")
        with self.at("2026-03-10"):
            contract, move = self._bill(
                lines=[{"price_unit": 49.95, "quantity": 3.0, "tax_ids": [Command.set(tax.ids)]}], post=True,
            )
            contract.action_terminate(self.reason, "2026-02-28", agreed=True)
            contract.installment_ids.filtered("to_confirm").action_confirm_credit()
            refund = self._run(contract)
            refund.action_post()
        self.assertEqual(refund.amount_untaxed, move.amount_untaxed)
        self.assertEqual(refund.amount_total, move.amount_total)

    def test_proration_settings_on_real_invoices(self):
        for method, expected in (("none", [100.0, 100.0]), ("days", [46.67, 100.0]), ("days30", [46.67, 100.0])):
            self.company.clm_billing_proration = method
            with self.subTest(method), self.at("2026-04-17"):  # 14 of 30 days
                contract, move = self._bill("2026-04-17", [{"anchor_date": "2026-04-01"}])
                self.assertEqual((move | self._run(contract, "2026-05-01")).mapped("amount_untaxed"), expected)
        for method, expected in (("none", 100.0), ("days", 45.16), ("days30", 46.67)):
            self.company.clm_billing_proration = method
            with self.subTest(method, month="August"), self.at("2026-08-18"):
                self.assertEqual(self._bill("2026-08-18", [{"anchor_date": "2026-08-01"}])[1].amount_untaxed, expected)

    def test_supplier_contract_makes_vendor_bills(self):
        kind = self._create_type(
            clauses=self.env["clm.clause"], name="Rent", direction="supplier", signature_required="none",
        )
        with self.at("2026-03-10"):
            contract, bill = self._bill("2026-03-01", type_id=kind.id, client_order_ref="R1")
            bill.action_post()
            self.assertRecordValues(bill, [{
                "move_type": "in_invoice", "journal_id": self.purchase_journal.id, "ref": "R1",
                "partner_id": self.partner.id, "amount_untaxed": 100.0,
            }])
            self.assertEqual(bill.invoice_line_ids.account_id, self.expense)
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            contract.installment_ids.filtered("to_confirm").action_confirm_credit()
            refund = self._run(contract)
            self.assertEqual((refund.move_type, refund.amount_untaxed), ("in_refund", 70.97))
            self.assertFalse(contract.mrr_movement_ids)

    def test_bills_with_the_same_reference_of_the_supplier_are_posted_month_by_month(self):
        self.company.clm_billing_post = True
        kind = self._create_type(
            clauses=self.env["clm.clause"], name="Rent", direction="supplier", signature_required="none",
        )
        with self.at("2026-05-10"):
            _contract, bills = self._bill("2026-03-01", type_id=kind.id, client_order_ref="R1")
            self.assertEqual(bills.mapped("state"), ["posted"] * 3)

    # === GROUPING, POSTING, SENDING === #

    def test_consolidated_customers_get_one_invoice_per_date(self):
        self.company.clm_billing_grouping = "customer"
        with self.at("2026-03-15"):
            contracts = self._create_billed("2026-03-01") | self._create_billed("2026-03-01", [{"price_unit": 50.0}])
            other = self._create_billed("2026-03-01", partner_id=self.other_partner.id)
            late = self._create_billed("2026-03-15")
            moves = self._run()
        first, second, third = moves.sorted(lambda move: (move.invoice_date, move.amount_untaxed), reverse=True)
        self.assertEqual((first.line_ids.clm_contract_id, str(first.invoice_date)), (late, "2026-03-15"))
        self.assertEqual((second.line_ids.clm_contract_id, second.amount_untaxed), (contracts, 150.0))
        self.assertEqual(second.invoice_origin, ", ".join(contracts.sorted("id").mapped("name")))
        self.assertEqual(second.clm_contract_count, 2)
        self.assertEqual(third.partner_id, other.partner_id)

    def test_contracts_in_different_currencies_are_never_on_one_invoice(self):
        currency = self.env["res.currency"].create({"name": "QQQ", "symbol": "Q"})
        self.company.clm_billing_grouping = "customer"
        with self.at("2026-03-01"):
            both = self._create_billed("2026-03-01") | self._create_billed("2026-03-01", currency_id=currency.id)
            moves = self._run(both)
        self.assertEqual(sorted(moves.currency_id.mapped("name")), sorted(both.currency_id.mapped("name")))

    def test_posting_is_a_setting(self):
        with self.at("2026-03-01"):
            self.assertEqual(self._bill()[1].state, "draft")
            self.company.clm_billing_post = True
            contract, move = self._bill()
            self.assertEqual(move.state, "posted")
            self.assertEqual(self._first(contract).state, "invoiced")
            self.assertFalse(move.sending_data)

    def test_sending_hands_customers_invoices_to_odoo_and_keeps_bills(self):
        kind = self._create_type(
            clauses=self.env["clm.clause"], name="Rent", direction="supplier", signature_required="none",
        )
        self.company.write({"clm_billing_post": True, "clm_billing_send": True})
        with self.at("2026-03-01"):
            self.assertEqual(self._bill()[1].sending_data["author_partner_id"], self.env.user.partner_id.id)
            self.assertFalse(self._bill(type_id=kind.id)[1].sending_data)

    # === WHAT BECOMES OF AN INVOICE === #

    def test_deleted_draft_is_billed_again_by_the_next_run(self):
        with self.at("2026-03-01"):
            contract, move = self._bill()
            move.unlink()
            self.assertEqual(self._first(contract).state, "planned")
            again = self._run(contract)
            self.assertEqual((again.amount_untaxed, self._first(contract).move_id), (100.0, again))
            self.assertFalse(self._run(contract))

    def test_posted_invoice_that_is_reset_and_deleted_is_billed_again(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(post=True)
            move.button_draft()
            self.assertEqual(self._first(contract).state, "invoiced")
            move.unlink()
            self.assertEqual(self._run(contract).amount_untaxed, 100.0)

    def test_deleted_line_is_billed_again_and_the_others_are_not(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(lines=[{}, {"name": "Tea", "price_unit": 50.0}])
            move.invoice_line_ids.filtered(lambda line: line.price_subtotal == 50.0).unlink()
            self.assertEqual(move.amount_untaxed, 100.0)
            again = self._run(contract)
            self.assertEqual(again.invoice_line_ids.mapped("price_subtotal"), [50.0])
            self.assertIn("Tea", again.invoice_line_ids.name)

    def test_cancelled_invoice_frees_its_rows_on_request_only(self):
        with self.at("2026-03-01"):
            contract, move = self._bill()
            move.button_cancel()
            row = self._first(contract)
            self.assertEqual((row.state, row.move_line_id.id), ("credited", False))
            self.assertFalse(self._run(contract))
            row.with_user(self.accountant).action_bill_again()
            self.assertEqual(self._run(contract).amount_untaxed, 100.0)
            self.assertEqual(row.move_id.state, "draft")

    def test_cancelled_invoice_that_is_set_to_draft_again_bills_its_rows_again(self):
        with self.at("2026-03-01"):
            contract, move = self._bill()
            move.button_cancel()
            move.button_draft()
            self.assertEqual((self._first(contract).state, self._first(contract).move_id), ("invoiced", move))
            with self._refuse("nothing to bill again"):
                self._first(contract).action_bill_again()

    def test_fully_credited_invoice_frees_its_rows_on_request_only(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(post=True)
            refund = self._credit(move)
            row = self._first(contract)
            self.assertEqual(row.state, "credited")
            self.assertEqual(refund.invoice_line_ids.clm_installment_id, row)
            self.assertEqual(refund.line_ids.clm_contract_id, contract)
            self.assertEqual(contract.invoice_count, 2)
            self.assertFalse(self._run(contract))
            row.action_bill_again()
            again = self._run(contract)
            again.action_post()
            self.assertEqual((row.state, row.move_id), ("invoiced", again))

    def test_draft_credit_note_frees_nothing(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(post=True)
            move._reverse_moves([{"invoice_date": "2026-03-01"}])
            self.assertEqual(self._first(contract).state, "invoiced")

    def test_partly_credited_invoice_stays_invoiced(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(post=True)
            refund = move._reverse_moves([{"invoice_date": "2026-03-01"}])
            refund.invoice_line_ids.price_unit = 40.0
            refund.action_post()
            self.assertEqual((self._first(contract).state, self._first(contract).move_id), ("invoiced", move))

    def test_cancelled_credit_note_makes_the_invoice_count_again(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(post=True)
            refund = self._credit(move)
            refund.button_draft()
            refund.button_cancel()
            self.assertEqual((self._first(contract).state, self._first(contract).move_id), ("invoiced", move))

    def test_corrected_invoice_takes_the_link_over(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(post=True)
            wizard = self.env["account.move.reversal"].with_context(
                active_model="account.move", active_ids=move.ids,
            ).create({"journal_id": move.journal_id.id})
            wizard.modify_moves()
            row = self._first(contract)
            corrected = row.move_id
            self.assertEqual((row.state, corrected.move_type, corrected.state), ("invoiced", "out_invoice", "draft"))
            self.assertNotEqual(corrected, move)
            self.assertFalse(self._run(contract))
            corrected.unlink()
            self.assertEqual(row.state, "planned")  # as after any draft that is deleted

    def test_invoice_that_a_user_duplicates_bills_nothing_of_the_contract(self):
        with self.at("2026-03-01"):
            contract, move = self._bill(post=True)
            copy = move.copy()
            self.assertFalse(copy.line_ids.clm_installment_id | copy.line_ids.clm_contract_id.installment_ids)
            copy.unlink()
            self.assertEqual((self._first(contract).state, self._first(contract).move_id), ("invoiced", move))

    def test_deleted_credit_note_of_a_confirmed_credit_is_made_again(self):
        with self.at("2026-03-10"):
            contract, _move = self._bill("2026-03-01", post=True)
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            credit = contract.installment_ids.filtered("to_confirm")
            credit.action_confirm_credit()
            self._run(contract).unlink()
            self.assertEqual((credit.state, credit.to_confirm), ("planned", False))
            self.assertEqual(self._run(contract).amount_untaxed, 70.97)

    def test_contract_with_invoices_cannot_be_deleted(self):
        with self.at("2026-03-01"):
            contract, _move = self._bill(post=True)
            with self._refuse("cannot be deleted"):
                contract.unlink()
