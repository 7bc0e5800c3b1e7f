from odoo.exceptions import AccessError
from odoo.tests import tagged

from .contract_days import ContractDaysCase, day


@tagged("post_install", "-at_install")
class TestClaim(ContractDaysCase):
    """A complaint, and how it was resolved."""

    def setUp(self):
        super().setUp()
        self.contract = self._create_running("2026-01-01")

    def _raise(self, on="2026-03-02", **vals):
        with self.at(on):
            return self.env["clm.claim"].with_user(self.user).create({
                "name": "Cold coffee", "contract_id": self.contract.id, "side": "them", **vals,
            })

    def _answer(self, claim, on="2026-03-04", text="<p>We send a technician.</p>"):
        with self.at(on):
            claim.answer = text
            claim.action_answer()

    # === RAISED === #

    def test_claim_has_an_owner_a_day_and_an_activity(self):
        claim = self._raise()
        self.assertRecordValues(claim, [{
            "state": "open", "user_id": self.user.id, "date_due": day("2026-03-07"), "partner_id": self.partner.id,
            "company_id": self.company.id, "answered_at": False, "days_to_resolve": 0.0,
        }])
        self.assertRecordValues(self._activities(claim), [{
            "user_id": self.user.id, "date_deadline": day("2026-03-07"), "summary": "Cold coffee",
        }])
        self.assertEqual(self.contract.open_claim_count, 1)

    def test_other_side_raises_one_in_the_portal(self):
        with self.at("2026-03-02"):
            claim = self.contract.with_user(self.portal).sudo()._raise_claim(
                "  Cold coffee ", "<p>Since <script>alert(1)</script>Monday</p>", by="Theo", ip="192.0.2.1",
            )
        self.assertRecordValues(claim, [{
            "name": "Cold coffee", "side": "them", "state": "open", "date_due": day("2026-03-07"),
            "user_id": self.user.id,
        }])
        self.assertNotIn("script", claim.description)
        trail = self.contract.sudo().audit_ids.filtered(lambda entry: entry.act == "claimed")
        self.assertRecordValues(trail, [{"name": "Theo", "ip": "192.0.2.1", "note": "Cold coffee"}])

    def test_claim_without_a_subject_is_refused(self):
        for name in ("", "   ", None):
            with self._refuse("Give your claim a subject"):
                self.contract._raise_claim(name, "x")

    def test_long_subject_is_cut(self):
        self.assertEqual(len(self.contract._raise_claim("x" * 500, "x").name), 200)

    def test_claim_about_an_obligation_of_the_contract_only(self):
        duty, other = self.env["clm.obligation"].create([
            {"contract_id": contract.id, "name": "Report", "date_due": day("2026-06-01")}
            for contract in (self.contract, self._create_running("2026-01-01"))
        ])
        self.assertEqual(self._raise(obligation_id=duty.id).obligation_id, duty)
        with self._refuse("belongs to another contract"):
            self._raise(obligation_id=other.id)
        with self._refuse("belongs to another contract"):
            self.contract._raise_claim("x", "x", obligation=other)

    def test_answer_by_is_the_company_s_day(self):
        self.company.lifecycle_tz = "Pacific/Auckland"
        with self.at("2026-03-02"):  # noon UTC is the 3rd there
            self.assertEqual(self.contract._raise_claim("x", "x").date_due, day("2026-03-08"))

    def test_claim_of_a_contract_whose_owner_left_goes_to_a_manager(self):
        self.user.active = False
        claim = self.contract.sudo()._raise_claim("x", "x")
        self.assertTrue(self._activities(claim).user_id.has_group("clm.group_manager"))

    # === ANSWERED === #

    def test_answer_is_sent_and_settles_the_activity(self):
        claim = self._raise()
        self._answer(claim)
        self.assertRecordValues(claim, [{"state": "answered", "days_to_answer": 2.0}])
        self.assertEqual(str(claim.answered_at), "2026-03-04 12:00:00")
        self.assertFalse(self._activities(claim))
        message = self.contract.message_ids.filtered(lambda message: message.subject == "Cold coffee")
        self.assertIn("We send a technician", message.body)

    def test_empty_answer_is_refused(self):
        claim = self._raise()
        for text in (False, "", "<p><br></p>", "<p>  </p>", "<div><br/></div>"):
            claim.answer = text
            with self._refuse("Write the answer first"):
                claim.action_answer()

    def test_second_answer_keeps_the_time_of_the_first(self):
        claim = self._raise()
        self._answer(claim)
        self._answer(claim, "2026-03-08", "<p>He comes today.</p>")
        self.assertEqual(claim.days_to_answer, 2.0)

    # === RESOLVED === #

    def test_accepted_claim_says_how_long_it_took(self):
        claim = self._raise()
        self._answer(claim)
        with self.at("2026-03-12"):
            claim.action_accept()
        self.assertRecordValues(claim, [{"state": "accepted", "days_to_answer": 2.0, "days_to_resolve": 10.0}])
        self.assertEqual(self.contract.open_claim_count, 0)

    def test_claim_settled_at_once_was_answered_then(self):
        claim = self._raise()
        with self.at("2026-03-03"):
            claim.action_accept()
        self.assertRecordValues(claim, [{"days_to_answer": 1.0, "days_to_resolve": 1.0}])
        self.assertFalse(self._activities(claim))

    def test_escalated_claim_goes_to_the_team_leader(self):
        self.team.user_id = self.manager
        claim = self._raise()
        with self.at("2026-03-05"):
            claim.action_escalate()
        self.assertEqual(claim.state, "escalated")
        activity = self._activities(claim).filtered(lambda activity: activity.user_id == self.manager)
        self.assertRecordValues(activity, [{
            "summary": "Escalated: Cold coffee", "date_deadline": day("2026-03-05"),
        }])

    def test_escalated_claim_can_be_answered_and_accepted(self):
        claim = self._raise()
        claim.action_escalate()
        self._answer(claim)
        claim.action_accept()
        self.assertEqual(claim.state, "accepted")

    def test_settled_claim_is_settled(self):
        claim = self._raise(answer="<p>x</p>")
        claim.action_accept()
        for act in ("action_accept", "action_escalate", "action_answer"):
            with self._refuse("is settled already"):
                getattr(claim, act)()

    def test_reopened_claim_is_asked_for_again(self):
        claim = self._raise()
        claim.action_accept()
        claim.action_reopen()
        self.assertRecordValues(claim, [{"state": "open", "closed_at": False, "days_to_resolve": 0.0}])
        self.assertEqual(len(self._activities(claim)), 1)
        claim.action_reopen()
        self.assertEqual(len(self._activities(claim)), 1, "open already")

    # === OVERDUE === #

    def test_overdue_is_what_nobody_answered_in_time(self):
        claim = self._raise()
        for on, overdue in (("2026-03-07", False), ("2026-03-08", True)):
            with self.at(on):
                claim.invalidate_recordset(["is_overdue"])
                self.assertEqual(claim.is_overdue, overdue)
                self.assertEqual(claim in claim.search([("is_overdue", "=", True)]), overdue)
                self.assertEqual(claim in claim.search([("is_overdue", "=", False)]), not overdue)
        self._answer(claim)
        with self.at("2026-03-20"):
            claim.invalidate_recordset(["is_overdue"])
            self.assertFalse(claim.is_overdue)

    # === BY HAND === #

    def test_state_and_times_cannot_be_written_by_hand(self):
        claim = self._raise()
        for vals in ({"state": "accepted"}, {"closed_at": "2026-03-03"}, {"answered_at": "2026-03-03"},
                     {"date_open": "2026-03-01"}):
            with self._refuse("by its buttons, not by hand"):
                claim.write(vals)
        with self._refuse("by its buttons, not by hand"):
            self._raise(state="accepted")

    def test_claim_of_the_other_side_cannot_be_deleted_ours_can(self):
        with self._refuse("cannot be deleted"):
            self._raise().unlink()
        self._raise(side="us").unlink()

    def test_stranger_reads_but_cannot_answer(self):
        claim = self._raise(answer="<p>x</p>")
        self.assertEqual(claim.with_user(self.stranger).name, "Cold coffee")
        for act in ("action_answer", "action_accept", "action_escalate", "action_reopen"):
            with self.assertRaises(AccessError):
                getattr(claim.with_user(self.stranger), act)()

    def test_portal_users_have_no_rights_on_claims(self):
        claim = self._raise()
        with self.assertRaises(AccessError):
            claim.with_user(self.portal).read(["name"])
