from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .contract_common import PNG
from .screen_common import ScreenCase


@tagged("post_install", "-at_install")
class TestContractGuide(ScreenCase):
    """The form leads: the button that stands out, who must act, and the decision about a renewal."""

    # === WHAT COMES NEXT === #

    def _primary(self, contract):
        """:return: labels of the highlighted header buttons that this contract shows to its user"""
        arch = self._arch("clm.contract", user=contract.env.user)
        buttons = arch.xpath("//header/button[contains(@class, 'btn-primary')]")
        names = set(contract._fields) - {"text_search"}
        values = {
            name: contract[name].id if contract._fields[name].type == "many2one" else contract[name]
            for name in names if any(name in button.get("invisible", "") for button in buttons)
        }
        return [
            button.get("string") for button in buttons
            if not safe_eval(button.get("invisible"), {**values, "id": contract.id})
        ]

    def test_one_button_stands_out_in_every_state(self):
        kind = self._create_type(steps=[{"name": "Legal"}])
        contract = self._create_contract(type_id=kind.id)
        self.assertEqual(self._primary(contract), ["Share for Review"])
        contract.action_negotiate()
        self.assertEqual(self._primary(contract), ["Request Approval"])
        contract.action_request_approval()
        self.assertEqual(self._primary(contract), [])
        self.assertEqual(self._primary(contract.with_user(self.approver)), ["Approve"])
        contract.with_user(self.approver).action_approve()
        self.assertEqual(self._primary(contract), ["Send for Signature"])
        contract.action_send()
        self.assertEqual(self._primary(contract), [], "the other party signs first")
        contract._sign("them", "Theo", PNG)
        self.assertEqual(self._primary(contract), ["Sign…"])
        contract._sign("us", "Ursula", PNG)
        self.assertEqual(contract.state, "active")
        self.assertEqual(self._primary(contract), [])

    def test_contract_without_signature_is_put_into_force(self):
        contract = self._create_contract(type_id=self._create_type(signature_required="none").id)
        self.assertEqual(self._primary(contract), ["Put into Force"])

    def test_cancelled_contract_can_start_again(self):
        contract = self._create_contract()
        contract.action_cancel()
        self.assertEqual(self._primary(contract), ["Start Again"])

    def test_open_proposal_is_to_be_answered_first(self):
        contract = self._share(self._create_contract())
        clause = contract.clause_ids[0]
        contract.sudo()._propose({clause.id: "<p>Between friends.</p>"}, author=self.partner)
        self.assertEqual(contract.proposal_id.side, "them")
        self.assertEqual(self._primary(contract), [])
        self.assertIn("Azure Interior proposes another wording", contract.waiting_for)
        contract.action_take_over_proposal()
        self.assertFalse(contract.proposal_id)
        self.assertEqual(clause.body, "<p>Between friends.</p>")

    def test_notice_says_who_must_act(self):
        kind = self._create_type(steps=[{"name": "Legal", "user_ids": [Command.set(self.approver.ids)]}])
        contract = self._create_contract(type_id=kind.id)
        self.assertFalse(contract.waiting_for)
        contract.action_negotiate()
        self.assertIn("Waiting for Azure Interior to comment", contract.waiting_for)
        contract.action_request_approval()
        self.assertEqual(contract.waiting_for, f"Waiting for approval: Legal ({self.approver.name}).")
        self.assertIn("Your decision", contract.with_user(self.approver).waiting_for)
        contract.with_user(self.approver).action_reject("Too cheap")
        self.assertEqual(contract.waiting_for, f"{self.approver.name} rejected it: Too cheap")
        contract.line_ids.price_unit = 150
        self._send(contract)
        self.assertRegex(contract.waiting_for, "Waiting for Azure Interior to sign until .*20")
        contract.sudo()._unlocked().sign_by = self.today - timedelta(days=1)
        self.assertIn("The time to sign ended", contract.waiting_for)
        contract.sudo()._unlocked().sign_by = self.today
        contract._sign("them", "Theo", PNG)
        self.assertEqual(contract.waiting_for, "Our signature is missing.")

    def test_notice_of_a_contract_that_starts_later_names_the_day(self):
        contract = self._create_active(date_start=self.today + timedelta(days=10))
        self.assertEqual((contract.state, contract.next_step), ("signed", False))
        self.assertIn("put into force on that day by itself", contract.waiting_for)

    # === DECISIONS === #

    def _create_due(self, policy="auto", notice_in=10, **vals):
        """Create a contract in force whose notice deadline is so many days from today."""
        contract = self._create_active(renewal_policy=policy, **vals)
        end = fields.Date.add(self.today + timedelta(days=notice_in), months=1)
        contract.sudo()._unlocked().write({"date_end": end})
        return contract

    def test_decision_is_due_as_it_is_searched_for(self):
        due = self._create_due()
        later = self._create_active()
        decided = self._create_due()
        decided.action_decide_end()
        contracts = due | later | decided
        self.assertEqual(contracts.mapped("decision_due"), [True, False, False])
        found = contracts.search([("id", "in", contracts.ids), ("decision_due", "=", True)])
        self.assertEqual(found, due)
        self.assertEqual(due.next_step, "renew")

    def test_renewed_contract_needs_no_decision(self):
        due = self._create_due()
        due.action_renew()
        due.action_decide_later()
        self.assertFalse(due.decision_due)
        self.assertFalse(due.search([("id", "=", due.id), ("decision_due", "=", True)]))

    def test_decision_is_told_in_words(self):
        due = self._create_due()
        self.assertIn("Without notice until", due.decision_note)
        due.sudo()._unlocked().date_end = self.today + timedelta(days=5)
        self.assertTrue(due.notice_passed)
        self.assertIn("The last day for notice was", due.decision_note)
        self.assertIn("Should it be renewed?", self._create_due("manual").decision_note)
        due.action_decide_end()
        self.assertIn(f"as {self.user.name} decided", due.decision_note)

    def test_days_left_show_when_the_deadline_is_near(self):
        far, near = self._create_active(), self._create_due()
        self.assertEqual((far.notice_near, near.notice_near), (False, True))
