from odoo.tests import tagged

from .billing_common import BillingCase


@tagged("post_install", "-at_install")
class TestBillingRun(BillingCase):
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
