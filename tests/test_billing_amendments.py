from odoo.tests import tagged

from .billing_common import BillingCase


@tagged("post_install", "-at_install")
class TestBillingAmendments(BillingCase):
    """What a change of a contract in force does to what was billed, and to what will be."""

    def _bill(self, day="2026-03-01", lines=({},), **vals):
        """:return: contract whose due periods are on posted invoices"""
        contract = self._create_billed(day, lines, **vals)
        self._run(contract).action_post()
        return contract

    def _change(self, contract, day, end=None, line=0, **vals):
        """Conclude an amendment that changes a line from a day on."""
        amendment = self._amend(contract, day, end=end)
        if vals:
            amendment.line_ids[line].write(vals)
        amendment.action_activate()
        return amendment

    def _charged(self, contract, until):
        """:return: the sum of all rows that are planned until a day, billed or not"""
        rows = contract.installment_ids.filtered(lambda row: str(row.date_planned) <= until)
        return contract.currency_id.round(sum(rows.mapped("amount")))

    def _open_rows(self, contract):
        return self._rows(contract, "planned", "due")

    # === PRICE === #

    def test_price_changed_within_a_billed_period_is_credited_and_charged_by_its_days(self):
        with self.at("2026-03-10"):
            contract = self._bill()
            self._change(contract, "2026-03-16", price_unit=200.0)
            self.assertEqual(self._open_rows(contract)[0][0], "2026-04-01")  # not in force yet
        self.run_on("2026-03-16")
        with self.at("2026-03-16"):
            self.assertEqual(sorted(self._open_rows(contract))[:2], sorted([
                ("2026-03-16", "2026-03-31", "2026-03-16", 103.23),
                ("2026-03-16", "2026-03-31", "2026-03-16", -51.61),
            ]))
            move = self._run()  # agreed: nobody has to confirm it
            self.assertEqual((move.move_type, move.amount_untaxed), ("out_invoice", 51.62))
            self.assertEqual(sorted(move.invoice_line_ids.mapped("price_subtotal")), [-51.61, 103.23])
        with self.at("2026-04-01"):
            self.assertEqual(self._run().amount_untaxed, 200.0)

    def test_lower_price_within_a_billed_period_makes_a_credit_note(self):
        with self.at("2026-03-16"):
            contract = self._bill()
            self._change(contract, "2026-03-16", price_unit=50.0)
            move = self._run(contract)
            self.assertEqual((move.move_type, move.amount_untaxed), ("out_refund", 25.8))
            self.assertEqual(self._charged(contract, "2026-03-31"), 74.2)

    def test_price_changed_within_a_period_that_is_not_billed_is_charged_in_two_parts(self):
        with self.at("2026-03-16"):
            contract = self._create_billed("2026-03-01")
            self._change(contract, "2026-03-16", price_unit=200.0)
            self.assertEqual([row[3] for row in self._rows(contract)[:3]], [48.39, 103.23, 200.0])
            self.assertEqual(self._run(contract).mapped("amount_untaxed"), [48.39, 103.23])

    def test_price_changed_in_arrears_charges_both_parts_at_their_ends(self):
        with self.at("2026-03-16"):
            contract = self._create_billed("2026-03-01", [{"billing": "arrears"}])
            self._change(contract, "2026-03-16", price_unit=200.0)
            self.assertEqual(self._rows(contract)[:2], [
                ("2026-03-01", "2026-03-15", "2026-03-16", 48.39), ("2026-03-16", "2026-03-31", "2026-04-01", 103.23),
            ])

    def test_price_changed_to_the_same_price_costs_nothing(self):
        with self.at("2026-03-16"):
            contract = self._bill()
            self._change(contract, "2026-03-16", name="Better coffee")
            self.assertEqual(self._charged(contract, "2026-03-31"), 100.0)

    def test_backdated_price_change_corrects_every_billed_period(self):
        with self.at("2026-03-10"):
            contract = self._bill("2026-02-01")
            self._change(contract, "2026-02-15", price_unit=200.0)
            moves = self._run(contract)
            self.assertEqual(
                [(str(move.invoice_date), move.amount_untaxed) for move in moves],
                [("2026-02-15", 50.0), ("2026-03-01", 100.0)],
            )
            self.assertEqual(self._charged(contract, "2026-03-31"), 350.0)
            self.assertFalse(self._run(contract))
            self.assertFalse(contract._mrr_gaps(self.company))

    def test_change_within_a_period_that_is_charged_whole_counts_from_the_next_one(self):
        self.company.clm_billing_proration = "none"
        with self.at("2026-03-16"):
            contract = self._bill()
            self._change(contract, "2026-03-16", price_unit=200.0)
            self.assertEqual(self._open_rows(contract)[0], ("2026-04-01", "2026-04-30", "2026-04-01", 200.0))

    def test_change_in_months_of_30_days_sums_to_the_parts(self):
        self.company.clm_billing_proration = "days30"
        with self.at("2026-03-16"):
            contract = self._bill()
            self._change(contract, "2026-03-16", price_unit=200.0)
            self.assertEqual(self._run(contract).amount_untaxed, 50.0)

    def test_two_changes_one_after_the_other_charge_each_day_once(self):
        with self.at("2026-03-21"):
            contract = self._bill()
            self._change(contract, "2026-03-11", price_unit=200.0)
            self._run(contract).action_post()
            self._change(contract, "2026-03-21", price_unit=300.0)
            self._run(contract).action_post()
            # 10 days of 100, 10 of 200, 11 of 300
            self.assertAlmostEqual(self._charged(contract, "2026-03-31"), (1000 + 2000 + 3300) / 31, delta=0.011)
            self.assertFalse(self._run(contract))

    # === OTHER CHANGES === #

    def test_quantity_changed_is_charged_for_the_rest_of_the_period(self):
        with self.at("2026-03-16"):
            contract = self._bill(lines=[{"quantity": 2.0}])
            self._change(contract, "2026-03-16", quantity=3.0)
            self.assertEqual(self._run(contract).amount_untaxed, 51.61)  # 154.84 - 103.23

    def test_removed_line_is_credited_without_asking(self):
        with self.at("2026-03-16"):
            contract = self._bill(lines=[{}, {"name": "Tea", "price_unit": 31.0}])
            amendment = self._amend(contract, "2026-03-16")
            amendment.line_ids.filtered(lambda line: line.name == "Tea").unlink()
            amendment.action_activate()
            move = self._run(contract)
            self.assertEqual((move.move_type, move.amount_untaxed), ("out_refund", 16.0))
            self.assertIn("Credit for", move.invoice_line_ids.name)

    def test_added_line_begins_periods_of_its_own(self):
        with self.at("2026-03-16"):
            contract = self._bill()
            amendment = self._amend(contract, "2026-03-16")
            amendment.line_ids = [self._line(name="Tea", price_unit=31.0)]
            amendment.action_activate()
            move = self._run(contract)
            self.assertEqual((move.amount_untaxed, str(move.invoice_date)), (31.0, "2026-03-16"))
            tea = contract.line_ids.filtered(lambda line: line.name == "Tea")
            self.assertEqual(str(tea.installment_ids.sorted("period_start")[1].period_start), "2026-04-16")

    def test_recurrence_changed_after_billing_credits_the_rest_and_begins_anew(self):
        with self.at("2026-03-16"):
            contract = self._bill()
            self._change(contract, "2026-03-16", recurrence_unit="year", price_unit=1200.0)
            self.assertEqual(sorted(self._open_rows(contract))[:2], sorted([
                ("2026-03-16", "2026-03-31", "2026-03-16", -51.61), ("2026-03-16", "2027-03-15", "2026-03-16", 1200.0),
            ]))
            self.assertEqual(self._run(contract).amount_untaxed, 1148.39)

    def test_billing_changed_from_advance_to_arrears_charges_each_day_once(self):
        with self.at("2026-03-16"):
            contract = self._bill()
            self._change(contract, "2026-04-01", billing="arrears")
        self.run_on("2026-04-01")
        with self.at("2026-04-01"):
            self.assertFalse(self._run(contract))
            self.assertEqual(self._open_rows(contract)[0], ("2026-04-01", "2026-04-30", "2026-05-01", 100.0))

    def test_extended_end_adds_periods_and_completes_the_broken_one(self):
        with self.at("2026-04-01"):
            contract = self._bill(date_end="2026-04-15")
            self.assertEqual(self._rows(contract)[-1], ("2026-04-01", "2026-04-15", "2026-04-01", 50.0))
            self._change(contract, "2026-04-01", end="2026-05-31")
            self.assertEqual(self._open_rows(contract), [
                ("2026-04-16", "2026-04-30", "2026-04-16", 50.0), ("2026-05-01", "2026-05-31", "2026-05-01", 100.0),
            ])

    # === PAUSES === #

    def test_pause_before_billing_cuts_its_days_out(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
            contract._suspend("Works", self._day("2026-03-10"), self._day("2026-03-19"))
            self.assertEqual(self._rows(contract)[:3], [
                ("2026-03-01", "2026-03-09", "2026-03-01", 29.03), ("2026-03-20", "2026-03-31", "2026-03-20", 38.71),
                ("2026-04-01", "2026-04-30", "2026-04-01", 100.0),
            ])

    def _day(self, text):
        return self.env["clm.installment"]._fields["period_start"].to_date(text)

    def test_pause_after_billing_proposes_a_credit(self):
        with self.at("2026-03-05"):
            contract = self._bill()
            contract._suspend("Works", self._day("2026-03-10"), self._day("2026-03-19"))
            credit = contract.installment_ids.filtered(lambda row: row.kind == "credit")
            self.assertEqual((credit.to_confirm, credit.amount), (True, -32.26))
            self.assertFalse(self._run(contract, "2026-03-31"))

    def test_pause_that_ends_earlier_shrinks_the_proposed_credit(self):
        with self.at("2026-03-05"):
            contract = self._bill()
            contract._suspend("Works", self._day("2026-03-10"))
        with self.at("2026-03-15"):
            contract.action_resume()
            credit = contract.installment_ids.filtered(lambda row: row.kind == "credit")
            self.assertEqual((str(credit.period_start), str(credit.period_end)), ("2026-03-10", "2026-03-14"))
            self.assertEqual(contract.installment_ids.filtered(lambda row: row.state == "planned")[1].amount, 100.0)

    def test_pause_without_end_bills_nothing_more(self):
        with self.at("2026-03-05"):
            contract = self._bill()
            contract._suspend("Works", self._day("2026-04-01"))
            self.assertFalse(self._open_rows(contract))
            self.assertFalse(self._run(None, "2027-03-01"))

    def test_pause_that_moves_the_end_charges_the_days_that_are_added(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", date_end="2026-04-30")
            contract._suspend("Works", self._day("2026-03-10"), self._day("2026-03-19"), extend_end=True)
        self.run_on("2026-03-20")
        self.assertEqual(str(contract.date_end), "2026-05-10")
        self.assertEqual(self._rows(contract)[-1], ("2026-05-01", "2026-05-10", "2026-05-01", 32.26))

    # === TERMINATION === #

    def _terminated(self, last_day="2026-03-09"):
        """:return: contract that was billed to the end of March and ended before that, and the proposed credit"""
        contract = self._bill()
        contract.action_terminate(self.reason, last_day, agreed=True)
        return contract, contract.installment_ids.filtered(lambda row: row.kind == "credit")

    def test_backdated_termination_proposes_a_credit_that_can_be_skipped(self):
        with self.at("2026-03-20"):
            contract, credit = self._terminated()
            credit.with_user(self.accountant).action_skip("Paid for the whole month")
            self.assertEqual((credit.state, credit.reason), ("skipped", "Paid for the whole month"))
            self.assertFalse(self._run(contract, "2027-01-01"))
            contract._sync_schedule()
            self.assertFalse(self._open_rows(contract))

    def test_skipped_credit_can_be_proposed_again(self):
        with self.at("2026-03-20"):
            contract, credit = self._terminated()
            credit.action_skip("No")
            credit.action_bill_again()
            credit = contract.installment_ids.filtered(lambda row: row.kind == "credit")
            self.assertEqual((credit.state, credit.to_confirm, credit.amount), ("planned", True, -70.97))

    def test_confirmed_credit_is_dated_when_it_was_confirmed(self):
        with self.at("2026-03-20"):
            contract, credit = self._terminated()
        with self.at("2026-04-02"):
            credit.action_confirm_credit()
            with self._refuse("not a proposed credit"):
                credit.action_confirm_credit()
            refund = self._run(contract)
            self.assertEqual((str(refund.invoice_date), refund.amount_untaxed), ("2026-04-02", 70.97))

    def test_termination_that_is_withdrawn_takes_its_proposal_back(self):
        with self.at("2026-01-10"):
            contract = self._bill("2026-01-01", [{"recurrence_unit": "year", "price_unit": 365.0}], term_months=12)
            contract.action_terminate(self.reason, "2026-06-30", agreed=True)
            credit = contract.installment_ids.filtered("to_confirm")
            self.assertEqual((str(credit.period_start), credit.amount), ("2026-07-01", -184.0))
            contract.action_withdraw_termination()
            self.assertEqual(self._rows(contract), [("2026-01-01", "2026-12-31", "2026-01-01", 365.0)])

    def test_termination_that_is_withdrawn_after_its_credit_charges_the_days_again(self):
        with self.at("2026-01-10"):
            contract = self._bill("2026-01-01", [{"recurrence_unit": "year", "price_unit": 365.0}], term_months=12)
            contract.action_terminate(self.reason, "2026-06-30", agreed=True)
            contract.installment_ids.filtered("to_confirm").action_confirm_credit()
        with self.at("2026-07-01"):
            self._run(contract, "2026-07-01").action_post()
            contract.action_withdraw_termination()
            self.assertEqual(self._open_rows(contract), [("2026-07-01", "2026-12-31", "2026-07-01", 184.0)])
            self.assertEqual(self._run(contract).amount_untaxed, 184.0)
            self.assertEqual(self._charged(contract, "2026-12-31"), 365.0)

    def test_period_that_was_skipped_is_not_credited_when_the_contract_ends(self):
        with self.at("2026-03-20"):
            contract = self._create_billed("2026-03-01")
            contract.installment_ids.sorted("period_start")[0].action_skip("A gift")
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            self.assertEqual(self._rows(contract), [("2026-03-01", "2026-03-31", "2026-03-01", 100.0)])

    def test_period_whose_invoice_was_credited_is_not_credited_again_when_the_contract_ends(self):
        for undo in (self._credit, lambda move: (move.button_draft(), move.button_cancel())):
            with self.subTest(undo), self.at("2026-03-20"):
                contract = self._bill()
                undo(contract.installment_ids.move_id)
                contract.action_terminate(self.reason, "2026-03-09", agreed=True)
                self.assertFalse(contract.installment_ids.filtered(lambda row: row.kind == "credit"))

    def test_period_that_is_charged_whole_is_credited_whole_or_not_at_all(self):
        self.company.clm_billing_proration = "none"
        with self.at("2026-03-20"):
            _contract, credit = self._terminated("2026-03-09")
            self.assertFalse(credit)
            _contract, credit = self._terminated("2026-02-28")
            self.assertEqual(credit.amount, -100.0)

    def test_proposed_credit_leaves_out_what_was_credited_by_hand(self):
        with self.at("2026-03-20"):
            contract = self._bill()
            refund = contract.installment_ids.move_id._reverse_moves([{"invoice_date": "2026-03-15"}])
            refund.invoice_line_ids.price_unit = 40.0
            refund.action_post()
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            credit = contract.installment_ids.filtered("to_confirm")
            self.assertEqual(credit.amount, -60.0)

    def test_proposed_credit_shrinks_or_goes_when_somebody_credits_the_invoice_by_hand(self):
        for price, expected in ((60.0, [-40.0]), (100.0, [])):
            with self.subTest(price), self.at("2026-03-20"):
                contract, credit = self._terminated()
                self.assertEqual(credit.amount, -70.97)
                refund = contract.installment_ids.move_id._reverse_moves([{"invoice_date": "2026-03-20"}])
                refund.invoice_line_ids.price_unit = price
                refund.action_post()
                proposed = contract.installment_ids.filtered(lambda row: row.kind == "credit")
                self.assertEqual(proposed.mapped("amount"), expected)

    def test_termination_before_the_first_invoice_charges_the_served_days(self):
        with self.at("2026-03-20"):
            contract = self._create_billed("2026-03-01")
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            self.assertEqual(self._rows(contract), [("2026-03-01", "2026-03-09", "2026-03-01", 29.03)])
            self.assertEqual(self._run().amount_untaxed, 29.03)

    def test_shorter_end_that_was_agreed_proposes_a_credit_for_the_days_after_it(self):
        with self.at("2026-01-10"):
            contract = self._bill("2026-01-01", [{"recurrence_unit": "year", "price_unit": 365.0}], term_months=12)
            self._change(contract, "2026-01-10", end="2026-06-30")
            credit = contract.installment_ids.filtered(lambda row: row.kind == "credit")
            self.assertEqual((str(credit.period_start), credit.amount, credit.to_confirm), ("2026-07-01", -184.0, True))

    # === RENEWAL === #

    def test_renewal_continues_the_periods_of_the_31st_at_its_own_price(self):
        with self.at("2026-01-31"):
            contract = self._create_billed(
                "2026-01-31", term_months=3, renewal_policy="auto", uplift=10.0, type_id=self.calendar_type.id,
            )
            self.assertEqual(str(contract.date_end), "2026-04-29")
        self.run_on("2026-04-30")
        renewal = contract.next_id
        with self.at("2026-04-30"):
            moves = self._run(None, "2026-07-31")
            self.assertEqual(
                [(str(move.invoice_date), move.amount_untaxed) for move in moves.sorted("invoice_date")],
                [("2026-01-31", 100.0), ("2026-02-28", 100.0), ("2026-03-31", 100.0),
                 ("2026-04-30", 110.0), ("2026-05-31", 110.0), ("2026-06-30", 110.0)],
            )
            self.assertEqual(moves.line_ids.clm_contract_id, contract | renewal)
            self.assertEqual(str(renewal.installment_ids.sorted("period_start")[-1].period_end), "2026-07-30")

    def test_renewal_in_the_middle_of_a_period_begins_a_new_one(self):
        with self.at("2026-01-01"):
            contract = self._bill(
                "2026-01-01", [{"recurrence_unit": "year", "price_unit": 365.0}], date_end="2026-03-31",
                renewal_policy="auto", renewal_months=3, type_id=self.calendar_type.id,
            )
            self.assertEqual(self._rows(contract)[0][3], 90.0)
        self.run_on("2026-04-01")
        self.assertEqual(self._rows(contract.next_id), [("2026-04-01", "2026-06-30", "2026-04-01", 91.0)])
