from datetime import timedelta

from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .contract_common import ContractCase


class ApprovalCase(ContractCase):
    """Contracts of a type with two steps: the desk (named), then anybody who approves."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.desk = cls._create_user("c-desk", "clm.group_viewer", name="Desk")
        cls.second = cls._create_user("c-second", "clm.group_approver", name="Second")
        cls.two_steps = cls._create_type(steps=[
            {"name": "Desk", "sequence": 1, "user_ids": [Command.set(cls.desk.ids)]},
            {"name": "Sales", "sequence": 2},
        ])

    def _ask(self, **vals):
        contract = self._create_contract(**{"type_id": self.two_steps.id, **vals})
        contract.action_request_approval()
        return contract

    def _steps(self, contract):
        """:return: name and state of the decisions of the present round, in their order"""
        return contract._current_approvals().sorted("sequence").mapped(lambda a: (a.name, a.state))

    def _asked(self, contract):
        """:return: the users with an activity to approve"""
        kind = self.env.ref("clm.mail_activity_approval")
        return contract.sudo().activity_ids.filtered(lambda activity: activity.activity_type_id == kind).user_id


@tagged("post_install", "-at_install")
class TestApprovalSteps(ApprovalCase):
    """Which steps a contract needs."""

    def _needed(self, step, **vals):
        kind = self._create_type(steps=[{"name": "Step", **step}])
        return bool(self._create_contract(type_id=kind.id, **vals)._required_steps())

    def test_step_without_threshold_always_applies(self):
        self.assertTrue(self._needed({}))
        self.assertTrue(self._needed({}, line_ids=[Command.create(self._prepare_line(price_unit=-100))]))

    def test_amount_counts_from_the_threshold_on(self):
        for amount, needed in ((1199.99, True), (1200, True), (1200.01, False)):
            with self.subTest(amount=amount):
                self.assertIs(self._needed({"min_amount": amount}), needed)

    def test_negative_amount_weighs_as_much(self):
        line = [Command.create(self._prepare_line(price_unit=-500))]
        self.assertTrue(self._needed({"min_amount": 5000}, line_ids=line))

    def test_amount_is_compared_in_company_currency(self):
        currency = self.env["res.currency"].create({"name": "TST", "symbol": "T"})
        self.env["res.currency.rate"].create({
            "currency_id": currency.id, "rate": 10.0, "name": "2020-01-01", "company_id": self.env.company.id,
        })
        self.assertFalse(self._needed({"min_amount": 1000}, currency_id=currency.id))
        self.assertTrue(self._needed({"min_amount": 120}, currency_id=currency.id))

    def test_term_counts_from_the_threshold_on(self):
        for months, needed in ((11, False), (12, True), (13, True)):
            with self.subTest(months=months):
                self.assertIs(self._needed({"min_months": 12}, term_months=months), needed)

    def test_contract_without_end_counts_as_endless(self):
        self.assertTrue(self._needed({"min_months": 1200}, renewal_policy="evergreen"))

    def test_end_date_by_hand_counts_as_term(self):
        self.assertTrue(self._needed({"min_months": 36}, date_end=self.today + timedelta(days=5 * 366)))

    def test_discount_is_the_highest_of_the_lines(self):
        lines = [Command.create(self._prepare_line(discount=discount)) for discount in (0, 15, 5)]
        self.assertTrue(self._needed({"min_discount": 15}, line_ids=lines))
        self.assertFalse(self._needed({"min_discount": 15.01}, line_ids=lines))

    def test_wording_counts_when_a_clause_differs(self):
        self.assertFalse(self._needed({"nonstandard_only": True}))
        kind = self._create_type(steps=[{"nonstandard_only": True}])
        contract = self._create_contract(type_id=kind.id)
        contract.clause_ids[2].body = "<p>Unlimited.</p>"
        self.assertTrue(contract._required_steps())

    def test_risk_counts_as_it_is_when_approval_is_asked_for(self):
        kind = self._create_type(steps=[{"name": "Risky", "min_risk": 5}])
        contract = self._create_contract(type_id=kind.id)
        self.assertTrue(contract._is_approved())
        contract.clause_ids[2].body = "<p>Unlimited.</p>"
        self.assertGreaterEqual(contract.risk, 5)
        with self._refuse("needs an approval"):
            contract.action_send()

    def test_all_thresholds_of_a_step_must_be_reached(self):
        step = {"min_amount": 1000, "min_discount": 10}
        self.assertFalse(self._needed(step))
        self.assertTrue(self._needed(step, line_ids=[Command.create(self._prepare_line(price_unit=200, discount=10))]))

    def test_absurd_thresholds_are_refused(self):
        for step in ({"min_amount": -1}, {"min_discount": 101}, {"min_risk": 101}, {"min_months": 10**12}):
            with self.subTest(step=step), self.assertRaisesRegex(ValidationError, "goes from 0"):
                self._create_type(steps=[step])


@tagged("post_install", "-at_install")
class TestApproval(ApprovalCase):
    """Asked, given, rejected, recalled, passed on; void once the content changes."""

    # === ORDER === #

    def test_nothing_is_sent_before_it_is_approved(self):
        contract = self._create_contract(type_id=self.two_steps.id)
        with self._refuse("needs an approval of its present text and terms. Request it first"):
            contract.action_send()
        contract.action_request_approval()
        with self._refuse("is not approved yet. Missing: Desk, Sales"):
            contract.action_send()
        self.assertEqual(contract.state, "approval")

    def test_steps_are_asked_in_their_order(self):
        contract = self._ask()
        self.assertEqual(self._steps(contract), [("Desk", "pending"), ("Sales", "waiting")])
        self.assertEqual(self._asked(contract), self.desk)
        with self.assertRaisesRegex(AccessError, "not one of the approvers"):
            contract.with_user(self.approver).action_approve()
        contract.with_user(self.desk).action_approve("Fine")
        self.assertEqual(self._steps(contract), [("Desk", "approved"), ("Sales", "pending")])
        self.assertIn(self.approver, self._asked(contract))
        self.assertNotIn(self.desk, self._asked(contract))
        contract.with_user(self.approver).action_approve()
        self.assertEqual(contract.approval_status, "approved")
        self.assertFalse(self._asked(contract))
        contract.action_send()
        self.assertEqual(contract.state, "signature")

    def test_steps_of_the_same_number_are_asked_together(self):
        kind = self._create_type(steps=[
            {"name": "A", "sequence": 5, "user_ids": [Command.set(self.desk.ids)]}, {"name": "B", "sequence": 5},
        ])
        contract = self._ask(type_id=kind.id)
        self.assertEqual(self._steps(contract), [("A", "pending"), ("B", "pending")])
        self.assertLessEqual(self.desk | self.approver, self._asked(contract))

    def test_one_click_decides_all_steps_that_are_the_users(self):
        kind = self._create_type(steps=[{"name": "A", "sequence": 5}, {"name": "B", "sequence": 5}])
        contract = self._ask(type_id=kind.id)
        contract.with_user(self.approver).action_approve("Both")
        self.assertEqual(contract.approval_ids.mapped("comment"), ["Both", "Both"])
        self.assertEqual(contract.approval_status, "approved")

    def test_approval_can_be_asked_for_although_no_step_applies(self):
        contract = self._create_contract()
        contract.action_request_approval()
        self.assertEqual(self._steps(contract), [("Approval", "pending")])
        with self._refuse("is not approved yet"):
            contract.action_send()
        contract.with_user(self.approver).action_approve()
        contract.action_send()

    def test_decision_is_recorded(self):
        contract = self._ask()
        contract.with_user(self.desk).action_approve("Good price")
        approval = contract.approval_ids.filtered("decided_by_id")
        self.assertRecordValues(approval, [{
            "state": "approved", "decided_by_id": self.desk.id, "comment": "Good price",
            "requested_by_id": self.user.id, "round": 1, "first_pass": True, "version_id": contract.last_version_id.id,
        }])
        self.assertTrue(approval.decided_at)
        self.assertIn("Approved: Desk - Good price", contract.message_ids.mapped("preview"))

    def test_owner_is_told_when_all_approved(self):
        contract = self._ask()
        contract.with_user(self.desk).action_approve()
        contract.with_user(self.approver).action_approve()
        self.assertEqual(contract.activity_ids.mapped("summary"), ["Approved: send for signature"])
        self.assertEqual(contract.activity_ids.user_id, self.user)

    # === WHO === #

    def test_nobody_approves_what_they_own_or_asked_for(self):
        contract = self._create_contract(user=self.approver)
        contract.action_request_approval()
        self.assertNotIn(self.approver, self._asked(contract))
        self.assertFalse(contract.can_approve)
        with self._refuse("Nobody approves their own contract"):
            contract.action_approve()
        other = self._create_contract(user=self.manager, user_id=self.approver.id)
        other.action_request_approval()
        with self._refuse("Nobody approves their own contract"):
            other.action_approve()

    def test_giving_the_contract_away_makes_nobody_an_approver(self):
        contract = self._create_contract(user=self.approver)
        contract.with_user(self.manager).action_request_approval()
        contract.with_user(self.manager).user_id = self.user
        with self._refuse("Nobody approves their own contract"):
            contract.with_user(self.approver).action_approve()

    def test_whoever_changes_the_content_meanwhile_does_not_decide(self):
        contract = self._create_contract()
        contract.action_request_approval()
        contract.with_user(self.manager).line_ids.price_unit = 1
        with self._refuse("changed it since"):
            contract.with_user(self.manager).action_approve()
        with self._refuse("Nobody approves"):
            contract.action_approve()
        contract.with_user(self.approver).action_approve()

    def test_asking_anew_by_an_edit_does_not_free_who_asked_first(self):
        contract = self._create_contract()
        contract.with_user(self.manager).action_request_approval()
        contract.line_ids.price_unit = 1
        self.assertEqual(contract._current_approvals().requested_by_id, self.user)
        with self._refuse("Nobody approves"):
            contract.with_user(self.manager).action_approve()

    def test_users_and_viewers_do_not_decide_unless_named(self):
        contract = self._create_contract()
        contract.action_request_approval()
        for user in (self.mate, self.stranger, self.viewer, self.desk):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                contract.with_user(user).action_approve()
            with self.assertRaises(AccessError):
                contract.with_user(user).action_reject("No")
        for user in (self.internal, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                contract.with_user(user).action_approve()

    def test_named_approvers_alone_decide(self):
        contract = self._ask()
        for user in (self.approver, self.manager):
            with self.assertRaises(AccessError):
                contract.with_user(user).action_approve()

    def test_nobody_left_to_approve_is_said_when_asking(self):
        for vals in (
            {"user_ids": [Command.set(self.user.ids)]},  # the owner alone
            {"user_ids": [Command.set(self.internal.ids)]},  # cannot read contracts
            {"user_ids": [Command.set(self.portal.ids)]},
        ):
            kind = self._create_type(steps=[{"name": "Sales", "sequence": 1}, {"name": "Boss", "sequence": 2, **vals}])
            contract = self._create_contract(type_id=kind.id)
            with self._refuse("Nobody may decide “Boss” of .* Give another user the right"):
                contract.action_request_approval()
            self.env.invalidate_all()
            self.assertEqual((contract.state, len(contract.approval_ids)), ("draft", 0))

    def test_no_approver_in_the_company_is_said(self):
        company = self.env["res.company"].create({"name": "Lonely"})
        owner = self._create_user("c-lonely", "clm.group_user", company_id=company.id, company_ids=company.ids)
        (self.env.ref("base.user_admin") | self.env.user).company_ids -= company
        contract = self._create_contract(user=owner, company_id=company.id, line_ids=[Command.create({
            "name": "Work", "price_unit": 5,
        })])
        with self._refuse("Nobody may decide “Approval”"):
            contract.action_request_approval()

    def test_archived_named_approver_makes_it_nobody_elses_decision(self):
        """A step for the director must not become everybody's once the director leaves."""
        self.desk.active = False
        contract = self._create_contract(type_id=self.two_steps.id)
        with self._refuse("Nobody may decide “Desk”"):
            contract.action_request_approval()

    def test_approver_who_leaves_meanwhile_leaves_the_decision_to_nobody_else(self):
        contract = self._ask()
        self.desk.active = False
        self.env.invalidate_all()
        for user in (self.approver, self.manager):
            self.assertFalse(contract.with_user(user).can_approve)
            self.assertNotIn(contract, contract.with_user(user).search([("can_approve", "=", True)]))
            with self.assertRaises(AccessError):
                contract.with_user(user).action_approve()
        contract.action_recall()
        self.two_steps.approval_ids[0].user_ids = self.second
        contract.action_request_approval()
        contract.with_user(self.second).action_approve()

    def test_approver_of_another_company_does_not_decide(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self._create_user(
            "c-foreign", "clm.group_approver", company_id=company.id, company_ids=company.ids
        )
        contract = self._create_contract()
        contract.action_request_approval()
        self.assertNotIn(foreign, self._asked(contract))
        with self.assertRaises(AccessError):
            contract.with_user(foreign).action_approve()

    def test_what_waits_for_me_can_be_searched(self):
        contract, other = self._ask(), self._create_contract()
        other.action_request_approval()
        mine = [("can_approve", "=", True), ("partner_id", "=", self.partner.id)]
        for user, found in (
            (self.desk, contract), (self.approver, other), (self.user, other.browse()), (self.viewer, other.browse()),
        ):
            with self.subTest(user=user.login):
                self.assertEqual(self.env["clm.contract"].with_user(user).search(mine).ids, found.ids)
                shown = (contract | other).with_user(user).filtered("can_approve")
                self.assertEqual(shown.ids, found.ids)
        rest = self.env["clm.contract"].with_user(self.desk).search([("can_approve", "=", False), *mine[1:]])
        self.assertEqual(rest.ids, other.ids)

    # === TWICE === #

    def test_approving_twice_is_refused(self):
        contract = self._ask()
        contract.with_user(self.desk).action_approve()
        with self._refuse("You decided about .* already"):
            contract.with_user(self.desk).action_approve()
        contract.with_user(self.approver).action_approve()
        with self._refuse("You decided about .* already"):
            contract.with_user(self.approver).action_approve()
        contract.action_send()
        with self._refuse("is not waiting for an approval"):
            contract.with_user(self.approver).action_approve()

    def test_asking_twice_is_refused(self):
        contract = self._ask()
        with self._refuse("cannot go to “Approval”"):
            contract.action_request_approval()

    # === REJECT, RECALL, PASS ON === #

    def test_rejection_brings_a_draft_back_with_the_reason(self):
        contract = self._ask()
        contract.with_user(self.desk).action_reject("Too cheap")
        self.assertEqual((contract.state, contract.pen, contract.approval_status), ("draft", "us", "rejected"))
        self.assertEqual(self._steps(contract), [("Desk", "rejected"), ("Sales", "void")])
        self.assertFalse(self._asked(contract))
        told = contract.activity_ids
        self.assertEqual((told.user_id, told.summary), (self.user, "Desk rejected this contract"))
        self.assertIn("Too cheap", told.note)
        self.assertEqual(contract.visit_ids.sorted("number").mapped("state"), ["draft", "approval", "draft"])

    def test_rejection_brings_a_shared_contract_back_to_negotiation(self):
        contract = self._create_contract(type_id=self.two_steps.id)
        contract.action_negotiate()
        contract.action_request_approval()
        contract.with_user(self.desk).action_reject("Too cheap")
        self.assertEqual((contract.state, contract.pen), ("negotiation", "us"))

    def test_rejection_needs_a_reason(self):
        contract = self._ask()
        for reason in (None, "", "   "):
            action = contract.with_user(self.desk).action_reject(reason)
            self.assertEqual(action["res_model"], "clm.reason")
        self.assertEqual(contract.state, "approval")

    def test_rejected_contract_is_not_sent_even_if_no_step_needs_it(self):
        contract = self._create_contract()
        contract.action_request_approval()
        contract.with_user(self.approver).action_reject("Wrong price")
        with self._refuse("needs an approval"):
            contract.action_send()

    def test_second_round_counts_as_such(self):
        contract = self._ask()
        contract.with_user(self.desk).action_reject("Too cheap")
        contract.line_ids.price_unit = 200
        contract.action_request_approval()
        contract.with_user(self.desk).action_approve()
        decided = contract.approval_ids.filtered("decided_by_id").sorted("round")
        self.assertEqual(decided.mapped(lambda a: (a.round, a.state, a.first_pass)), [
            (1, "rejected", False), (2, "approved", False),
        ])

    def test_recall_ends_the_open_decisions(self):
        contract = self._ask()
        contract.with_user(self.desk).action_approve()
        contract.action_recall()
        self.assertEqual(self._steps(contract), [("Desk", "approved"), ("Sales", "void")])
        self.assertFalse(self._asked(contract))
        with self._refuse("is not waiting for an approval"):
            contract.with_user(self.approver).action_approve()
        with self._refuse("needs an approval"):
            contract.action_send()

    def test_passing_on_gives_the_decision_to_one_user(self):
        contract = self._ask()
        contract.with_user(self.desk)._delegate(self.second, "On holiday")
        approval = contract.approval_ids.filtered(lambda approval: approval.state == "pending")
        self.assertRecordValues(approval, [{
            "user_ids": self.second.ids, "delegated_by_id": self.desk.id, "comment": "On holiday",
        }])
        self.assertEqual(self._asked(contract), self.second)
        with self.assertRaises(AccessError):
            contract.with_user(self.desk).action_approve()
        contract.with_user(self.second).action_approve()

    def test_passing_on_frees_the_others_from_their_activity(self):
        contract = self._create_contract()
        contract.action_request_approval()
        contract.with_user(self.approver)._delegate(self.desk)
        self.assertEqual(self._asked(contract), self.desk)

    def test_passing_on_is_refused_to_whoever_may_not_decide(self):
        contract = self._ask()
        gone = self._create_user("c-gone", "clm.group_approver")
        gone.active = False
        for user in (self.user, self.internal, self.portal, gone):
            with self.subTest(user=user.login), self._refuse("cannot decide about this contract"):
                contract.with_user(self.desk)._delegate(user)
        with self.assertRaises(AccessError):
            contract.with_user(self.approver)._delegate(self.second)

    # === CHANGES === #

    def _approved(self):
        contract = self._ask()
        contract.with_user(self.desk).action_approve()
        contract.with_user(self.approver).action_approve()
        self.assertEqual(contract.approval_status, "approved")
        return contract

    def _changes(self):
        return {
            "text": lambda c: c.clause_ids[0].write({"body": "<p>Else</p>"}),
            "no clause": lambda c: c.clause_ids[0].unlink(),
            "new clause": lambda c: c.write({"clause_ids": [Command.create({"name": "New", "body": "<p>New</p>"})]}),
            "price": lambda c: c.line_ids.write({"price_unit": 99}),
            "new line": lambda c: c.write({"line_ids": [Command.create(self._prepare_line())]}),
            "no line": lambda c: c.line_ids.unlink(),
            "start": lambda c: c.write({"date_start": self.today + timedelta(days=3)}),
            "end": lambda c: c.write({"date_end": self.today + timedelta(days=300)}),
            "notice": lambda c: c.write({"notice_count": 2}),
            "partner": lambda c: c.write({"partner_id": self.other_partner.id}),
            "signatures": lambda c: c.write({"signature_required": "us"}),
            "type": lambda c: c.write({"type_id": self._create_type(steps=[{"name": "Other"}]).id}),
        }

    def test_change_while_approvers_decide_asks_all_of_them_anew(self):
        for what, change in self._changes().items():
            contract = self._ask()
            contract.with_user(self.desk).action_approve()
            change(contract)
            with self.subTest(what=what):
                self.assertEqual((contract.state, contract.approval_round), ("approval", 2))
                self.assertEqual(self._steps(contract)[0][1], "pending")
                self.assertEqual(set(contract.approval_ids.filtered(lambda a: a.round == 1).mapped("state")), {"void"})
                with self._refuse("is not approved yet"):
                    contract.action_send()

    def test_change_after_approval_asks_anew(self):
        for what, change in self._changes().items():
            contract = self._approved()
            change(contract)
            with self.subTest(what=what), self._refuse("is not approved yet"):
                contract.action_send()

    def test_change_after_negotiation_needs_a_new_request(self):
        for what, change in self._changes().items():
            contract = self._approved()
            contract.action_negotiate()
            change(contract)
            with self.subTest(what=what), self._refuse("needs an approval|is not approved"):
                contract.action_send()

    def test_one_save_of_many_changes_opens_one_round(self):
        contract = self._ask()
        contract.write({
            "title": "Else", "notice_count": 2,
            "clause_ids": [Command.update(clause.id, {"name": f"New {clause.id}"}) for clause in contract.clause_ids],
            "line_ids": [Command.update(contract.line_ids.id, {"price_unit": 7}), Command.create(self._prepare_line())],
        })
        self.assertEqual((contract.approval_round, len(contract.version_ids)), (2, 2))

    def test_unchanged_content_keeps_its_approval(self):
        contract = self._approved()
        contract.action_negotiate()
        contract.write({"note": "<p>Internal</p>", "user_id": self.mate.id})
        contract.clause_ids[0].body = contract.clause_ids[0].body
        contract.line_ids.price_unit = 100.0
        contract.with_user(self.mate).action_send()
        self.assertEqual((contract.state, contract.approval_round), ("signature", 1))

    def test_change_that_is_undone_keeps_the_approval(self):
        contract = self._approved()
        contract.action_negotiate()
        contract.line_ids.price_unit = 90
        self.assertFalse(contract._is_approved())
        contract.line_ids.price_unit = 100
        contract.action_send()

    def test_taking_over_a_proposal_after_approval_asks_anew(self):
        contract = self._approved()
        contract.action_negotiate()
        version = contract.sudo()._propose({contract.clause_ids[2].id: "<p>None.</p>"})
        self.assertTrue(contract._is_approved())
        version.with_user(self.user).action_take_over()
        with self._refuse("needs an approval"):
            contract.action_send()

    def test_declined_signature_keeps_the_approval_of_the_same_text(self):
        contract = self._approved()
        contract.action_send()
        contract._decline("Wrong name")
        contract.action_send()
        self.assertEqual(contract.state, "signature")

    def test_approver_in_another_language_sees_the_same_content(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.product.with_context(lang="fr_FR").name = "Café"
        self.approver.lang = "fr_FR"
        contract = self._create_contract()
        contract.action_request_approval()
        contract.with_user(self.approver).with_context(lang="fr_FR", show_vat=True).action_approve()
        self.assertEqual(contract.approval_status, "approved")

    # === BY HAND === #

    def test_approvals_are_written_by_nobody(self):
        contract = self._ask()
        approval = contract.approval_ids[0]
        for user in (self.user, self.desk, self.approver, self.manager):
            record = approval.with_user(user)
            for act in (
                lambda record=record: record.write({"state": "approved"}),
                lambda record=record: record.unlink(),
                lambda record=record: record.create({"contract_id": contract.id, "name": "x", "state": "approved"}),
            ):
                with self.assertRaises(AccessError):
                    act()

    def test_context_of_a_client_approves_nothing(self):
        contract = self._create_contract(type_id=self.two_steps.id).with_context(
            default_state="approved", default_decided_by_id=self.approver.id, default_first_pass=True,
        )
        contract.action_request_approval()
        self.assertEqual(self._steps(contract), [("Desk", "pending"), ("Sales", "waiting")])
        self.assertFalse(contract.approval_ids.decided_by_id)

    def test_figures_that_decide_about_approval_cannot_be_written(self):
        contract = self._create_contract()
        contract.clause_ids[2].body = "<p>Unlimited.</p>"
        for record, vals in (
            (contract, {"approval_round": 9}), (contract, {"company_tcv": 1}), (contract, {"tcv": 1}),
            (contract, {"max_discount": 0}), (contract, {"nonstandard_count": 0}), (contract, {"risk": 0}),
            (contract.line_ids, {"total_amount": 1}), (contract.line_ids, {"price_subtotal": 1}),
            (contract.clause_ids[2], {"is_standard": True}), (contract.clause_ids[2], {"risk_weight": 0}),
        ):
            with self.subTest(vals=vals), self._refuse("by its buttons, not by hand"):
                record.write(vals)
