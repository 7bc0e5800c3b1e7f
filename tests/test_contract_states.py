import re
from datetime import timedelta
from pathlib import Path

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from ..tools import transitions
from ..tools.transitions import MOVES, STATES, allowed, as_table, first_pen, sources, targets
from .contract_common import PNG, ContractCase

ARCHITECTURE = Path(__file__).parents[1] / "docs" / "architecture.md"
# acts that are no button of the contract: they happen in the portal, in dialogs or by time
EVENTS = {"conclude", "decline", "sign", "close"}


@tagged("post_install", "-at_install")
class TestContractMoves(ContractCase):
    """The table of moves, and the buttons that make them."""

    def test_table_names_known_states_once_each(self):
        self.assertEqual(len(set(MOVES)), len(MOVES))
        self.assertLessEqual({state for move in MOVES for state in move[:2]}, set(STATES))

    def test_every_state_is_reachable_and_only_closed_is_final(self):
        self.assertEqual([state for state in STATES if not sources(state)], [])
        self.assertEqual([state for state in STATES if not targets(state)], ["closed"])

    def test_allowed_asks_for_the_act_when_one_is_given(self):
        self.assertTrue(allowed("signature", "negotiation"))
        self.assertTrue(allowed("signature", "negotiation", "decline"))
        self.assertFalse(allowed("signature", "negotiation", "negotiate"))
        self.assertFalse(allowed("closed", "draft"))
        with self.assertRaises(KeyError):
            allowed("lost", "draft")

    def test_pen_is_theirs_where_they_are_asked(self):
        self.assertEqual([state for state in STATES if first_pen(state) == "them"], ["negotiation", "signature"])

    def test_acts_are_buttons_or_known_events(self):
        Contract = self.env["clm.contract"]
        missing = {move.act for move in MOVES if not hasattr(Contract, f"action_{move.act}")}
        self.assertEqual(missing, EVENTS)

    def test_states_of_the_model_are_those_of_the_table(self):
        for model in ("clm.contract", "clm.contract.visit"):
            self.assertEqual(tuple(self.env[model]._fields["state"].get_values(self.env)), STATES)

    def test_state_is_stored_and_defined_once(self):
        """A peer computes states in one way and searches them in another."""
        for model in ("clm.contract", "clm.contract.visit", "clm.contract.approval"):
            field = self.env[model]._fields["state"]
            self.assertTrue(field.store)
            self.assertFalse(field.compute or field.search)

    def test_documentation_shows_the_table(self):
        text = ARCHITECTURE.read_text(encoding="utf-8")
        shown = re.search(r"<!-- moves -->\n(.*?)\n<!-- /moves -->", text, re.DOTALL)
        self.assertTrue(shown, "docs/architecture.md has no table of moves")
        self.assertEqual(shown[1].strip(), as_table())

    def test_state_groups_cover_every_state_once(self):
        groups = (transitions.OPEN, transitions.BINDING, transitions.FINAL, {"cancelled"})
        self.assertEqual(sorted(state for group in groups for state in group), sorted(STATES))
        self.assertLess(transitions.EDITABLE, transitions.OPEN)


@tagged("post_install", "-at_install")
class TestContractStates(ContractCase):
    """What each button does, and why it is refused elsewhere."""

    def _at(self, state, **vals):
        """:return: a contract of ``cls.user`` that came to a state by its buttons"""
        contract = self._create_contract(**vals)
        if state in ("negotiation",):
            contract.action_negotiate()
        elif state == "approval":
            contract.action_request_approval()
        elif state == "signature":
            self._send(contract)
        elif state == "signed":
            contract.date_start = self.today + timedelta(days=10)
            self._activate(contract)
        elif state in ("active", "closed"):
            self._activate(contract)
            if state == "closed":
                reason = self.env["clm.close.reason"].create({"name": "Moved"})
                contract.action_terminate(reason.id, self.today, agreed=True)
        elif state == "cancelled":
            contract.action_cancel()
        self.assertEqual(contract.state, state)
        return contract

    def _path(self, contract):
        return contract.visit_ids.sorted("number").mapped(lambda visit: (visit.state, visit.pen))

    # === THE WAY === #

    def test_contract_begins_as_a_draft_of_ours(self):
        contract = self._create_contract()
        self.assertEqual((contract.state, contract.pen, contract.user_id), ("draft", "us", self.user))
        self.assertEqual(self._path(contract), [("draft", "us")])
        self.assertRegex(contract.name, r"^C/\d{4}/\d+$")

    def test_whole_way_leaves_a_stay_for_each_turn(self):
        contract = self._create_contract()
        contract.action_negotiate()
        contract.sudo()._propose({contract.clause_ids[2].id: "<p>No limit.</p>"}, author=self.partner)
        contract.action_negotiate()
        contract.action_request_approval()
        contract.with_user(self.approver).action_approve()
        contract.action_send()
        contract._sign("them", "Theo", PNG)
        contract._sign("us", "Ursula", PNG)
        self.assertEqual(self._path(contract), [
            ("draft", "us"), ("negotiation", "them"), ("negotiation", "us"), ("negotiation", "them"),
            ("approval", "us"), ("signature", "them"), ("signature", "us"), ("signed", "us"), ("active", "us"),
        ])

    def test_new_round_of_negotiation_counts_as_a_round(self):
        contract = self._at("negotiation")
        contract.action_withdraw()
        contract.action_negotiate()
        contract.action_send()
        contract._decline("Too dear")
        rounds = contract.visit_ids.sorted("number").mapped(lambda visit: (visit.state, visit.cycle))
        self.assertEqual(rounds, [
            ("draft", 1), ("negotiation", 1), ("draft", 1), ("negotiation", 2), ("signature", 2), ("negotiation", 3),
        ])

    def test_passing_the_pen_is_no_new_round(self):
        contract = self._at("negotiation")
        contract._set_pen("us")
        contract._set_pen("us")
        self.assertEqual(contract.visit_ids.mapped("cycle"), [1, 1, 1])

    def test_visits_name_who_moved_and_copy_the_contract(self):
        contract = self._at("negotiation")
        visit = contract.visit_ids.filtered(lambda visit: not visit.exited_at)
        self.assertEqual(
            (visit.user_id, visit.type_id, visit.partner_id, visit.direction, visit.company_id),
            (self.user, self.contract_type, self.partner, "customer", contract.company_id),
        )
        self.assertEqual(contract.state_since, visit.entered_at)

    def test_clock_that_goes_back_makes_no_negative_stay(self):
        contract = self._create_contract()
        with freeze_time(fields.Datetime.now() - timedelta(hours=2)):
            contract.action_negotiate()
        visits = contract.visit_ids.sorted("number")
        self.assertEqual(visits.mapped("days")[0], 0.0)
        self.assertEqual(visits[0].exited_at, visits[1].entered_at)

    def test_days_of_a_stay_are_measured(self):
        contract = self._create_contract()
        with freeze_time(fields.Datetime.now() + timedelta(days=3, hours=12)):
            contract.action_negotiate()
        self.assertAlmostEqual(contract.visit_ids.sorted("number")[0].days, 3.5, 3)

    # === REFUSALS === #

    def test_every_button_is_refused_where_the_table_has_no_such_move(self):
        buttons = ("negotiate", "request_approval", "send", "take_back", "withdraw", "cancel", "reset", "activate")
        for state in STATES:
            contract = self._at(state)
            for act in buttons:
                if any(move.source == state and move.act == act for move in MOVES):
                    continue
                if (state, act) == ("negotiation", "negotiate"):
                    continue  # another round
                before = (self._path(contract), contract.read(["state", "pen", "shared_at", "signed_on"]))
                with self.subTest(state=state, act=act), self._refuse(re.escape(contract.name)):
                    getattr(contract, f"action_{act}")()
                self.assertEqual(before, (
                    self._path(contract), contract.read(["state", "pen", "shared_at", "signed_on"])
                ))

    def test_refusal_says_where_the_contract_can_go(self):
        contract = self._at("negotiation")
        with self._refuse("cannot go to “Active”. From there it can go to: Draft, Approval, Signature"):
            contract._set_state("active")
        with self._refuse("is closed: nothing can change it"):
            self._at("closed").action_cancel()

    def test_move_is_refused_for_the_whole_batch(self):
        draft, active = self._at("draft"), self._at("active")
        with self._refuse(re.escape(active.name)):
            (draft | active).action_cancel()
        self.assertEqual((draft.state, active.state), ("draft", "active"))

    def test_empty_contract_is_not_shared(self):
        contract = self._create_contract(line_ids=[], clause_ids=[Command.clear()])
        contract.clause_ids.unlink()
        for act in ("action_negotiate", "action_send", "action_request_approval"):
            with self._refuse("is empty: add clauses or lines"):
                getattr(contract, act)()

    def test_contract_without_a_start_is_not_shared(self):
        contract = self._create_contract(date_start=False)
        self.assertFalse(contract.date_end)
        with self._refuse("Say when"):
            contract.action_negotiate()
        with self._refuse("cannot go to “Active”"):
            contract.action_activate()

    # === SINGLE MOVES === #

    def test_sharing_sets_the_time_once(self):
        contract = self._at("negotiation")
        first = contract.shared_at
        self.assertTrue(first)
        contract.action_withdraw()
        with freeze_time(fields.Datetime.now() + timedelta(days=1)):
            contract.action_negotiate()
        self.assertEqual(contract.shared_at, first)

    def test_signature_is_asked_for_until_the_day_of_the_type(self):
        contract = self._at("signature")
        self.assertEqual(contract.sign_by, self.today + timedelta(days=14))
        self.assertTrue(contract.shared_at)
        unlimited = self._at("signature", type_id=self._create_type(signature_days=0).id)
        self.assertFalse(unlimited.sign_by)

    def test_taking_back_from_signature_voids_the_signatures(self):
        contract = self._at("signature")
        contract._sign("them", "Theo", PNG)
        contract.action_take_back()
        self.assertEqual((contract.state, contract.pen), ("negotiation", "us"))
        self.assertEqual(contract.signature_ids.mapped("valid"), [False])
        contract.clause_ids[2].body = "<p>Another text.</p>"
        contract.action_send()
        self.assertEqual(contract._sides_to_sign(), ["them", "us"])

    def test_taking_back_an_unshared_contract_from_approval_makes_it_a_draft(self):
        contract = self._at("approval")
        contract.action_take_back()
        self.assertEqual(contract.state, "draft")
        self.assertEqual(contract.approval_ids.mapped("state"), ["void"])
        self.assertFalse(contract.activity_ids)

    def test_taking_back_a_shared_contract_from_approval_leads_to_negotiation(self):
        contract = self._at("negotiation")
        contract.action_request_approval()
        contract.action_recall()
        self.assertEqual((contract.state, contract.pen), ("negotiation", "us"))

    def test_sharing_from_approval_ends_the_open_decisions(self):
        contract = self._at("approval")
        contract.action_negotiate()
        self.assertEqual(contract.approval_ids.mapped("state"), ["void"])
        self.assertFalse(contract.with_user(self.approver).can_approve)

    def test_cancelling_voids_signatures_and_decisions(self):
        contract = self._at("signature")
        contract._sign("them", "Theo", PNG)
        contract.action_cancel()
        self.assertEqual(contract.signature_ids.mapped("valid"), [False])
        self.assertFalse(contract.activity_ids)
        waiting = self._at("approval")
        waiting.action_cancel()
        self.assertEqual(waiting.approval_ids.mapped("state"), ["void"])

    def test_cancelled_contract_starts_again_as_a_draft(self):
        contract = self._at("cancelled")
        contract.action_reset()
        self.assertEqual((contract.state, contract.pen), ("draft", "us"))
        contract.title = "Second attempt"

    def test_future_start_waits_for_its_day(self):
        contract = self._at("signed")
        with self._refuse("will be put into force on that day by itself"):
            contract.action_activate()
        with freeze_time(fields.Datetime.now() + timedelta(days=11)):
            self.env["clm.contract"]._cron_daily()
            contract.invalidate_recordset()
            self.assertEqual(contract.state, "active")
        self.assertEqual(contract.activated_on, self.today + timedelta(days=10))

    def test_late_signature_puts_into_force_on_its_day(self):
        contract = self._create_active(date_start=self.today - timedelta(days=40))
        self.assertEqual((contract.state, contract.activated_on), ("active", self.today))

    def test_contract_without_signature_is_concluded_by_the_button(self):
        kind = self._create_type(signature_required="none")
        contract = self._create_contract(type_id=kind.id)
        with self._refuse("need no signature"):
            contract.action_send()
        contract.action_activate()
        self.assertEqual((contract.state, contract.signed_on), ("active", self.today))
        later = self._create_contract(type_id=kind.id, date_start=self.today + timedelta(days=5))
        later.action_activate()
        self.assertEqual(later.state, "signed")

    def test_contract_without_signature_still_needs_its_approval(self):
        kind = self._create_type(signature_required="none", steps=[{"min_amount": 1000}])
        contract = self._create_contract(type_id=kind.id)
        with self._refuse("needs an approval"):
            contract.action_activate()
        self._approve(contract)
        contract.action_activate()
        self.assertEqual(contract.state, "active")

    def test_first_activation_is_never_overwritten(self):
        contract = self._at("active")
        with self._refuse("not by hand"):
            contract.activated_on = self.today - timedelta(days=9)
        contract._unlocked().write({"state": "signed"})
        with freeze_time(fields.Datetime.now() + timedelta(days=3)):
            contract._activate()
        self.assertEqual(contract.activated_on, self.today)

    def test_locked_row_is_refused_with_a_sentence(self):
        contract = self._create_contract()
        self.patch(type(contract), "try_lock_for_update", lambda records, **kwargs: records.browse())
        with self._refuse("Somebody else is changing .* at this moment"):
            contract.action_negotiate()

    # === LOCKED CONTENT === #

    def test_content_is_locked_from_signature_on(self):
        sentences = {
            "signature": "out for signature and cannot be changed",
            "signed": "is signed: .* can no longer be changed. Make an amendment",
            "active": "is signed: .* can no longer be changed. Make an amendment",
            "closed": "closed or cancelled and cannot be changed",
            "cancelled": "closed or cancelled and cannot be changed",
        }
        for state, sentence in sentences.items():
            contract = self._at(state)
            changes = {
                "partner": lambda c: c.write({"partner_id": self.other_partner.id}),
                "title": lambda c: c.write({"title": "Else"}),
                "dates": lambda c: c.write({"date_end": self.today + timedelta(days=900)}),
                "terms": lambda c: c.write({"notice_count": 0}),
                "uplift": lambda c: c.write({"uplift": 50}),
                "signatures": lambda c: c.write({"signature_required": "none"}),
                "type": lambda c: c.write({"type_id": self._create_type().id}),
                "price": lambda c: c.line_ids.write({"price_unit": 1}),
                "order of lines": lambda c: c.line_ids.write({"sequence": 99}),
                "new line": lambda c: c.write({"line_ids": [Command.create(self._prepare_line())]}),
                "no line": lambda c: c.line_ids.unlink(),
                "text": lambda c: c.clause_ids[0].write({"body": "<p>Else</p>"}),
                "no text": lambda c: c.clause_ids[0].unlink(),
                "all text": lambda c: c.write({"clause_ids": [Command.clear()]}),
                "library text": lambda c: c.clause_ids[0].action_restore(),
                "new text": lambda c: self.env["clm.contract.clause"].with_user(self.user).create({
                    "contract_id": c.id, "name": "New", "body": "<p>New</p>",
                }),
            }
            for what, change in changes.items():
                with self.subTest(state=state, what=what), self._refuse(sentence):
                    change(contract)

    def test_content_cannot_be_moved_into_a_locked_contract(self):
        draft, active = self._at("draft"), self._at("active")
        for record in (draft.line_ids, draft.clause_ids[0]):
            with self._refuse("is signed"):
                record.contract_id = active

    def test_edits_leave_a_trace(self):
        """A peer's contracts are edited without one."""
        contract = self._create_contract().with_context(tracking_disable=False)
        self.env.flush_all()
        self.env.cr.precommit.run()
        contract.write({"date_end": self.today + timedelta(days=500), "partner_id": self.other_partner.id, "uplift": 4})
        self.env.flush_all()
        self.env.cr.precommit.run()
        tracked = contract.sudo().message_ids.tracking_value_ids.field_id.mapped("name")
        self.assertLessEqual({"date_end", "partner_id", "uplift"}, set(tracked))
        contract.action_save_version()
        contract.line_ids.write({"quantity": 3, "price_unit": 7})
        contract.action_save_version()
        first, second = contract.version_ids.sorted("number").mapped(lambda version: version.terms["lines"][0])
        self.assertEqual((first["price_unit"], second["price_unit"], second["quantity"]), ("100.0", "7.0", "3.0"))

    def test_owner_and_notes_change_at_any_time(self):
        contract = self._at("active")
        contract.write({"user_id": self.mate.id, "note": "<p>Careful</p>"})
        self.assertEqual(contract.user_id, self.mate)

    # === DELETING AND ARCHIVING === #

    def test_unshared_draft_is_deleted_with_all_it_has(self):
        contract = self._at("approval")
        contract.action_recall()
        self.env["clm.obligation"].create({
            "name": "Call", "contract_id": contract.id, "date_due": self.today,
        }).activity_schedule("mail.mail_activity_data_todo", user_id=self.user.id)
        obligations = contract.obligation_ids
        activities = obligations.activity_ids
        self.assertTrue(contract.version_ids and contract.approval_ids and activities)
        contract.unlink()
        self.assertFalse(contract.exists() | contract.browse())
        self.assertFalse(activities.exists())

    def test_only_unshared_drafts_are_deleted(self):
        for state in STATES:
            contract = self._at(state)
            self.env["clm.obligation"].create({
                "name": "Call", "contract_id": contract.id, "date_due": self.today + timedelta(days=20),
            })
            if state in ("draft", "cancelled"):
                contract.unlink()
                self.assertFalse(contract.exists())
                continue
            with self.subTest(state=state), self._refuse("cannot be deleted"):
                contract.unlink()
        shared = self._at("negotiation")
        shared.action_withdraw()
        with self._refuse("was shared with the other party and cannot be deleted"):
            shared.unlink()

    def test_cancelled_contract_with_a_voided_signature_is_kept(self):
        contract = self._at("signature")
        contract._sign("them", "Theo", PNG)
        contract.action_cancel()
        with self._refuse("carries signatures"):
            contract.unlink()

    def test_only_finished_contracts_are_archived(self):
        for state in STATES:
            contract = self._at(state)
            if state in ("draft", "closed", "cancelled"):
                contract.active = False
                continue
            with self.subTest(state=state), self._refuse("is not finished and cannot be archived"):
                contract.active = False

    def test_copy_is_a_new_draft_with_the_same_content(self):
        contract = self._at("active")
        copy = contract.copy()
        self.assertEqual((copy.state, copy.pen, copy.activated_on, copy.shared_at), ("draft", "us", False, False))
        self.assertNotEqual(copy.name, contract.name)
        self.assertEqual(copy.clause_ids.mapped("body"), contract.clause_ids.mapped("body"))
        self.assertEqual(copy.line_ids.mapped("price_unit"), [100.0])
        self.assertFalse(copy.version_ids | copy.version_ids)
        self.assertFalse(copy.signature_ids)
        self.assertEqual(self._path(copy), [("draft", "us")])

    # === TYPE AND TERMS === #

    def test_terms_come_from_the_type(self):
        kind = self._create_type(
            term_months=24, minimum_months=6, notice_count=10, notice_unit="day", renewal_policy="auto",
            renewal_limit=3, renewal_months=12, uplift=3.0, signature_required="them",
        )
        contract = self._create_contract(type_id=kind.id, date_start="2027-01-31")
        self.assertRecordValues(contract, [{
            "title": "Agreement", "direction": "customer", "term_months": 24, "minimum_months": 6, "notice_count": 10,
            "notice_unit": "day", "renewal_policy": "auto", "renewal_limit": 3, "renewal_months": 12, "uplift": 3.0,
            "signature_required": "them", "date_end": fields.Date.to_date("2029-01-30"),
            "date_notice": fields.Date.to_date("2029-01-20"), "date_act_by": fields.Date.to_date("2028-12-21"),
            "date_minimum_end": fields.Date.to_date("2027-07-30"),
        }])

    def test_writing_the_same_type_again_keeps_what_was_edited(self):
        contract = self._create_contract(notice_count=2)
        contract.clause_ids[2].body = "<p>Agreed wording.</p>"
        contract.write({"type_id": self.contract_type.id, "title": "Imported"})
        self.assertEqual((contract.notice_count, contract.nonstandard_count), (2, 1))

    def test_changing_a_type_changes_no_contract(self):
        contract = self._create_contract()
        self.contract_type.write({"term_months": 36, "renewal_policy": "auto", "clause_ids": [Command.clear()]})
        self.assertEqual((contract.term_months, contract.renewal_policy), (12, "manual"))
        self.assertEqual(len(contract.clause_ids), 3)

    def test_type_of_the_other_direction_is_refused(self):
        supplier = self._create_type(direction="supplier")
        contract = self._create_contract(type_id=supplier.id)
        self.assertEqual(contract.direction, "supplier")
        with self.assertRaisesRegex(ValidationError, "is not for this kind of contract"):
            contract.direction = "customer"

    def test_deadlines_follow_the_end(self):
        contract = self._create_contract(date_start="2027-03-01")
        self.assertEqual(str(contract.date_end), "2028-02-29")
        self.assertEqual(str(contract.date_notice), "2028-01-29")
        contract.date_end = "2028-06-30"
        self.assertEqual(str(contract.date_notice), "2028-05-30")

    def test_evergreen_contract_has_no_end(self):
        contract = self._create_contract(type_id=self._create_type(renewal_policy="evergreen").id)
        self.assertEqual((contract.date_end, contract.date_notice, contract.date_act_by), (False, False, False))
