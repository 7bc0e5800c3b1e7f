import base64
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .contract_common import PNG
from .screen_common import NOT_FOR_VIEWERS, WIZARDS, ScreenCase


@tagged("post_install", "-at_install")
class TestContractWizards(ScreenCase):
    """The dialogs: what they propose, what they do, and whom they refuse."""

    def test_dialogs_are_refused_to_those_who_only_read(self):
        contract = self._create_active()
        for name in NOT_FOR_VIEWERS:
            with self.subTest(wizard=name), self.assertRaises(AccessError):
                self.env[name].with_user(self.viewer).with_context(
                    active_model="clm.contract", active_id=contract.id, active_ids=contract.ids,
                ).create({})

    def test_dialogs_are_refused_to_customers(self):
        for name in WIZARDS:
            with self.subTest(wizard=name), self.assertRaises(AccessError):
                self.env[name].with_user(self.portal).create({})

    def test_dialog_without_a_contract_says_so(self):
        with self._refuse("Open this dialog from a contract"):
            self.env["clm.contract.sign"].with_user(self.user).create({"name": "Ursula"})

    # === REASON === #

    def _ask(self, action, user=None):
        return self.env[action["res_model"]].with_user(user or self.user).with_context(**action["context"])

    def test_reason_is_asked_before_an_obligation_is_waived(self):
        contract = self._create_active(obligation_ids=[
            Command.create({"name": name, "date_due": self.today}) for name in ("Report", "Visit")
        ])
        action = contract.obligation_ids.action_waive()
        self.assertEqual(contract.obligation_ids.mapped("state"), ["open", "open"])
        with Form(self._ask(action)) as form:
            form.reason = "Both agreed"
        form.record.action_confirm()
        self.assertEqual(contract.obligation_ids.mapped("waive_reason"), ["Both agreed"] * 2)

    def test_reason_is_asked_before_a_contract_is_rejected(self):
        contract = self._create_contract(type_id=self._create_type(steps=[{"name": "Legal"}]).id)
        contract.action_request_approval()
        action = contract.with_user(self.approver).action_reject()
        with Form(self._ask(action, self.approver)) as form:
            form.reason = "Too cheap"
        form.record.action_confirm()
        self.assertEqual((contract.state, contract.approval_ids.comment), ("draft", "Too cheap"))

    def test_blank_reason_is_refused(self):
        contract = self._create_active(obligation_ids=[Command.create({"name": "Report", "date_due": self.today})])
        dialog = self._ask(contract.obligation_ids.action_waive()).create({"reason": "  "})
        with self._refuse("Say why"):
            dialog.action_confirm()

    def test_reason_calls_nothing_but_what_asks_for_one(self):
        contract = self._create_contract()
        for model, method in (("clm.contract", "unlink"), ("res.users", "action_archive"), ("clm.contract", "_close")):
            dialog = self.env["clm.reason"].with_user(self.viewer).create({
                "res_model": model, "res_ids": contract.ids, "method": method, "reason": "Because",
            })
            with self._refuse("cannot be done with a reason"):
                dialog.action_confirm()
        self.assertTrue(contract.exists())

    # === AMEND, PAUSE, TERMINATE === #

    def test_amendment_starts_today_and_keeps_the_end(self):
        contract = self._create_active(date_start=fields.Date.subtract(self.today, months=2))
        wizard = self._wizard("clm.contract.amend", contract, reason="More coffee")
        self.assertRecordValues(wizard, [{"date": self.today, "date_end": contract.date_end}])
        amendment = self._follow(wizard.action_amend())
        self.assertRecordValues(amendment, [{
            "amends_id": contract.id, "title": "More coffee", "date_start": self.today, "state": "draft",
            "date_end": contract.date_end,
        }])

    def test_amendment_of_a_contract_that_starts_later_begins_with_it(self):
        start = self.today + timedelta(days=20)
        wizard = self._wizard("clm.contract.amend", self._create_active(date_start=start))
        self.assertEqual(wizard.date, start)

    def test_extension_moves_the_end(self):
        contract = self._create_active()
        end = fields.Date.add(contract.date_end, months=6)
        amendment = self._follow(self._wizard("clm.contract.amend", contract, date_end=end).action_amend())
        self.assertEqual(amendment.date_end, end)

    def test_pause_and_resume(self):
        contract = self._create_active()
        last = self.today + timedelta(days=9)
        self._wizard("clm.contract.suspend", contract, reason="Holiday", date_to=last, extend_end=True).action_suspend()
        self.assertTrue(contract.is_suspended)
        self.assertRegex(contract.pause_note, "^Paused from .* to .*: Holiday$")
        self.assertTrue(contract.suspension_ids.extend_end)
        contract.action_resume()
        self.assertFalse(contract.pause_note)

    def test_open_pause_says_since_when(self):
        contract = self._create_active()
        self._wizard("clm.contract.suspend", contract, reason="Strike").action_suspend()
        self.assertRegex(contract.pause_note, "^Paused since .*: Strike$")

    def test_termination_proposes_the_earliest_day(self):
        contract = self._create_active(minimum_months=12)
        wizard = self._wizard("clm.contract.terminate", contract, reason_id=self.reason, note="Return the machine")
        self.assertRecordValues(wizard, [{
            "date": contract.date_end, "earliest_end": contract.date_end, "too_early": False, "at_once": False,
            "notice": "1 month", "date_minimum_end": contract.date_minimum_end,
        }])
        wizard.action_terminate()
        self.assertRecordValues(contract, [{
            "state": "active", "terminated_on": self.today, "close_reason_id": self.reason.id,
            "settlement_note": "Return the machine", "decision_due": False,
        }])

    def test_earlier_day_needs_both_sides(self):
        contract = self._create_active()
        wizard = self._wizard("clm.contract.terminate", contract, reason_id=self.reason, date=self.today)
        self.assertTrue(wizard.too_early)
        with self._refuse("bind both sides"):
            wizard.action_terminate()
        wizard.agreed = True
        self.assertEqual((wizard.too_early, wizard.at_once), (False, True))
        wizard.action_terminate()
        self.assertEqual((contract.state, contract.close_reason), ("closed", "terminated"))

    # === RENEW === #

    def test_renewal_of_one_contract_is_shown_beforehand(self):
        contract = self._create_active(uplift=3.0)
        wizard = self._wizard("clm.contract.renew", contract)
        start = contract.date_end + timedelta(days=1)
        self.assertRecordValues(wizard.line_ids, [{
            "contract_id": contract.id, "new_start": start, "uplift": 3.0, "months": 12, "mrr": 100.0,
            "new_mrr": 103.0, "problem": False,
        }])
        successor = self._follow(wizard.action_renew())
        self.assertEqual(successor, contract.next_id)
        self.assertRecordValues(successor, [{
            "date_start": wizard.line_ids.new_start, "date_end": wizard.line_ids.new_end, "mrr": 103.0,
        }])

    def test_renewal_follows_what_is_chosen_for_all(self):
        contract = self._create_active(uplift=3.0)
        wizard = self._wizard(
            "clm.contract.renew", contract, own_uplift=False, uplift=10.0, own_months=False, months=6
        )
        self.assertRecordValues(wizard.line_ids, [{"uplift": 10.0, "months": 6, "new_mrr": 110.0}])
        wizard.action_renew()
        self.assertRecordValues(contract.next_id, [{"term_months": 6, "mrr": 110.0}])

    def test_renewal_leaves_one_off_lines_out_of_the_preview(self):
        contract = self._create_active(line_ids=[
            Command.create(self._prepare_line()),
            Command.create(self._prepare_line(recurrence_unit="once", price_unit=500.0)),
        ])
        self.assertEqual(self._wizard("clm.contract.renew", contract).line_ids.new_mrr, 100.0)

    def test_mass_renewal_leaves_out_what_cannot_be_renewed_and_says_why(self):
        good, other, draft = self._create_active(), self._create_active(), self._create_contract()
        done = self._create_active()
        done.action_renew()
        wizard = self._wizard("clm.contract.renew", good | other | draft | done)
        self.assertRecordValues(wizard, [{"contract_count": 4, "ready_count": 2, "has_problems": True}])
        problems = {line.contract_id: line.problem for line in wizard.line_ids}
        self.assertIn("Only a contract in force", problems[draft])
        self.assertIn("renewed already", problems[done])
        successors = self._follow(wizard.action_renew())
        self.assertEqual(successors, good.next_id | other.next_id)
        self.assertEqual(len(successors), 2)
        self.assertFalse(draft.next_id)

    def test_renewal_of_nothing_renewable_is_refused_with_the_reason(self):
        draft = self._create_contract()
        with self._refuse("Only a contract in force"):
            self._wizard("clm.contract.renew", draft).action_renew()
        with self._refuse("None of these contracts"):
            self._wizard("clm.contract.renew", draft | self._create_contract()).action_renew()

    def test_renewal_with_a_quotation_opens_it(self):
        seller = self._create_user("c-seller", "clm.group_user", "sales_team.group_sale_salesman")
        contract = self._create_contract(user=seller)
        self._activate(contract)
        action = self._wizard("clm.contract.renew", contract, user=seller, quotation=True).action_renew()
        self.assertEqual(action["res_model"], "sale.order")
        self.assertEqual(self._follow(action, seller).clm_contract_id, contract.next_id)

    def test_supplier_contract_is_renewed_without_a_quotation(self):
        kind = self._create_type(direction="supplier")
        contract = self._create_active(type_id=kind.id)
        wizard = self._wizard("clm.contract.renew", contract, quotation=True)
        self.assertTrue(wizard.has_suppliers)
        self.assertEqual(self._follow(wizard.action_renew()), contract.next_id)

    # === OWNER === #

    def test_new_owner_takes_over_what_is_to_be_done(self):
        contracts = self._create_active(obligation_ids=[
            Command.create({"name": "Report", "date_due": self.today}),
            Command.create({"name": "Other", "date_due": self.today, "user_id": self.manager.id}),
        ]) | self._create_contract()
        done = contracts[0].obligation_ids.create({
            "contract_id": contracts[0].id, "name": "Done", "date_due": self.today,
        })
        done.action_done()
        contracts.activity_schedule("clm.mail_activity_contract", summary="Call", user_id=self.user.id)
        self._wizard("clm.contract.owner", contracts, user_id=self.mate).action_apply()
        self.assertEqual(contracts.user_id, self.mate)
        owners = {duty.name: duty.user_id for duty in contracts.obligation_ids}
        self.assertEqual(owners, {"Report": self.mate, "Other": self.manager, "Done": self.user})
        calls = contracts.sudo().activity_ids.filtered(lambda activity: activity.summary == "Call")
        self.assertEqual((len(calls), calls.user_id), (2, self.mate))

    def test_new_owner_takes_over_nothing_else_when_told_so(self):
        contract = self._create_active(obligation_ids=[Command.create({"name": "Report", "date_due": self.today})])
        contract.activity_schedule("clm.mail_activity_contract", summary="Call", user_id=self.user.id)
        self._wizard(
            "clm.contract.owner", contract, user_id=self.mate, obligations=False, activities=False
        ).action_apply()
        self.assertEqual((contract.user_id, contract.obligation_ids.user_id), (self.mate, self.user))
        calls = contract.sudo().activity_ids.filtered(lambda activity: activity.summary == "Call")
        self.assertEqual(calls.user_id, self.user)

    def test_contracts_of_another_team_are_not_handed_over(self):
        contract = self._create_contract()
        wizard = self._wizard("clm.contract.owner", contract, user=self.stranger, user_id=self.stranger)
        with self.assertRaises(AccessError):
            wizard.action_apply()

    # === SIGN === #

    def test_signature_is_taken_for_our_side(self):
        contract = self._create_contract(type_id=self._create_type(signature_required="us").id)
        contract.action_send()
        wizard = self._wizard("clm.contract.sign", contract)
        self.assertEqual((wizard.name, wizard.version_id), (self.user.name, contract.last_version_id))
        with self._refuse("Draw or type your signature"):
            wizard.action_sign()
        wizard.write({"signature": PNG, "name": "Ursula Us"})
        wizard.action_sign()
        self.assertRecordValues(contract.signature_ids, [{"side": "us", "name": "Ursula Us", "method": "drawn"}])
        self.assertEqual(contract.state, "active")

    def test_signature_needs_the_right_to_write_the_contract(self):
        contract = self._create_contract()
        contract.action_send()
        wizard = self._wizard("clm.contract.sign", contract, user=self.stranger)
        wizard.signature = PNG
        with self.assertRaises(AccessError):
            wizard.action_sign()
        self.assertFalse(contract.signature_ids)

    def test_copy_signed_on_paper_concludes(self):
        contract = self._create_contract(partner_id=self.portal.partner_id.id)
        contract.action_send()
        scan = base64.b64encode(b"%PDF-1.4 scan")
        wizard = self._wizard("clm.contract.paper", contract, file=scan, name_us="Ursula")
        self.assertEqual(wizard.name_them, self.portal.partner_id.name, "a person signs in person")
        wizard.filename = "signed.pdf"
        wizard.action_conclude()
        self.assertEqual(contract.state, "active")
        self.assertEqual(contract.sudo().signed_attachment_id.raw, b"%PDF-1.4 scan")
        self.assertEqual(contract.sudo().signed_attachment_id.name, "signed.pdf")
        self.assertEqual(set(contract.signature_ids.mapped("name")), {"Ursula", self.portal.partner_id.name})
        self.assertIn(str(contract.sudo().signed_attachment_id.id), contract.action_download_signed()["url"])

    # === DELEGATE === #

    def test_decision_is_passed_on_to_whom_it_may_be(self):
        kind = self._create_type(steps=[{"name": "Legal", "user_ids": [Command.set(self.approver.ids)]}])
        contract = self._create_contract(type_id=kind.id)
        contract.action_request_approval()
        wizard = self._wizard("clm.contract.delegate", contract, user=self.approver, user_id=self.mate, comment="Away")
        allowed = wizard.allowed_user_ids
        self.assertIn(self.viewer, allowed)
        self.assertFalse(allowed & (self.user | self.approver | self.internal | self.portal))
        wizard.action_delegate()
        self.assertFalse(contract.with_user(self.approver).can_approve)
        self.assertTrue(contract.with_user(self.mate).can_approve)
        self.assertEqual(contract.approval_ids.delegated_by_id, self.approver)

    # === REDLINE === #

    def _create_two_versions(self):
        contract = self._share(self._create_contract())
        contract.clause_ids[2].body = "<p>Liability is limited to twice the yearly price.</p>"
        contract.line_ids.price_unit = 120
        contract.action_save_version()
        return contract

    def test_changes_of_text_and_terms_are_shown(self):
        contract = self._create_two_versions()
        action = contract.action_redline()
        wizard = self.env["clm.contract.redline"].with_user(self.viewer).with_context(**action["context"]).create({})
        self.assertIn('<ins class="clm_ins">twice</ins>', str(wizard.html).replace("> ", ">").replace(" <", "<"))
        self.assertGreaterEqual(wizard.inserted, 1)
        self.assertFalse(wizard.is_same)
        self.assertEqual([row["label"] for row in wizard.changes if "120" in row["after"]], ["Coffee"])

    def test_changes_are_read_the_other_way_round(self):
        contract = self._create_two_versions()
        new, old = contract.version_ids.sorted("number", reverse=True)
        wizard = self._wizard("clm.contract.redline", contract, old_id=old, new_id=new)
        before = (wizard.inserted, wizard.deleted)
        wizard.action_swap()
        self.assertEqual((wizard.deleted, wizard.inserted), before)
        self.assertEqual(wizard.new_id, old)

    def test_same_version_has_no_changes(self):
        contract = self._create_two_versions()
        wizard = self._wizard(
            "clm.contract.redline", contract, old_id=contract.last_version_id, new_id=contract.last_version_id
        )
        self.assertTrue(wizard.is_same)
        self.assertFalse(wizard.changes)

    def test_versions_of_another_contract_are_not_compared(self):
        contract, other = self._create_two_versions(), self._create_two_versions()
        wizard = self.env["clm.contract.redline"].with_user(self.user).create({
            "contract_id": contract.id, "new_id": contract.last_version_id.id, "old_id": other.last_version_id.id,
        })
        self.assertFalse(wizard.html)

    def test_changes_are_printed(self):
        contract = self._create_two_versions()
        new, old = contract.version_ids.sorted("number", reverse=True)
        wizard = self._wizard("clm.contract.redline", contract, old_id=old, new_id=new)
        action = wizard.action_print()
        self.assertEqual((action["report_name"], action["data"]["old"]), ("clm.report_contract_redline", old.id))
