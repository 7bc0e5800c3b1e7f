from datetime import date, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import SQL

from ..models.clm_kpi_measure import share
from ..tools.kpi_periods import Period
from .common import ClmCase


@tagged("post_install", "-at_install")
class TestHandover(ClmCase):
    """A customer is handed over to somebody, who accepts or sends back with a reason."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.handovers = cls.env["clm.handover"]
        cls.seller = cls._create_user("h-seller", "clm.group_user")
        cls.taker = cls._create_user("h-taker", "clm.group_user")
        cls.mate = cls._create_user("h-mate", "clm.group_user")
        cls.leader = cls._create_user("h-leader", "clm.group_user")
        cls.viewer = cls._create_user("h-viewer", "clm.group_viewer")
        cls.stranger = cls._create_user("h-stranger", "clm.group_user")
        cls.manager = cls._create_user("h-manager", "clm.group_manager")
        cls.team = cls.env["crm.team"].create({"name": "Care", "user_id": cls.leader.id})
        cls.env["crm.team.member"].create({"crm_team_id": cls.team.id, "user_id": cls.mate.id})
        cls.customer = cls.env["res.partner"].create({"name": "Ada", "user_id": cls.seller.id})
        cls.engine._process_queue()

    def _request(self, user=None, team=None, by=None, **vals):
        handovers = self.handovers.with_user(by or self.seller)
        return handovers._request(self.customer, user, team, **vals).with_env(self.env)

    def _wizard(self, by=None, **vals):
        vals = {"partner_id": self.customer.id, "user_id": self.taker.id, **vals}
        return self.env["clm.handover.request"].with_user(by or self.seller).create(vals)

    # === REQUEST === #

    def test_request_asks_the_taker_until_the_due_date(self):
        handover = self._request(self.taker, hours=72, note="Prefers the phone")
        self.assertRecordValues(handover, [{
            "state": "pending", "from_user_id": self.seller.id, "user_id": self.taker.id, "note": "Prefers the phone",
            "date_due": handover.requested_at + timedelta(hours=72), "company_id": self.env.company.id,
        }])
        self.assertRecordValues(handover.activity_ids, [{
            "user_id": self.taker.id, "date_deadline": handover.date_due.date(),
            "activity_type_id": self.env.ref("clm.mail_activity_handover").id,
        }])

    def test_request_for_a_contact_hands_over_the_company(self):
        company = self.env["res.partner"].create({"name": "Mill", "is_company": True})
        contact = self.env["res.partner"].create({"name": "Max", "parent_id": company.id})
        self.assertEqual(self.handovers._request(contact, self.taker).partner_id, company)

    def test_request_to_a_team_asks_its_leader(self):
        self.assertEqual(self._request(team=self.team).activity_user_id, self.leader)

    def test_request_to_a_team_without_a_leader_asks_a_member(self):
        self.team.user_id = False
        self.assertEqual(self._request(team=self.team).activity_user_id, self.mate)

    def test_request_to_an_empty_team_is_refused(self):
        team = self.env["crm.team"].create({"name": "Empty", "user_id": False})
        with self.assertRaisesRegex(UserError, "Nobody is in the team Empty"):
            self._request(team=team)

    def test_request_to_somebody_who_cannot_see_it_is_refused(self):
        other = self.env["res.company"].create({"name": "Other"})
        archived = self._create_user("h-archived", "clm.group_user")
        archived.active = False
        foreign = self._create_user(
            "h-foreign", "clm.group_user", company_id=other.id, company_ids=[Command.set(other.ids)],
        )
        for user in (self._create_user("h-none"), archived, foreign):
            with self.subTest(user=user.login), self.assertRaisesRegex(UserError, "cannot take this customer over"):
                self._request(user)

    def test_request_to_the_same_taker_gives_the_one_that_waits(self):
        handover = self._request(self.taker)
        self.assertEqual(self._request(self.taker, note="Again"), handover)
        self.assertIn("Again", handover.message_ids[0].body)
        self.assertNotEqual(self._request(self.mate), handover)
        self.assertNotEqual(self._request(team=self.team), handover)

    def test_request_by_a_playbook_comes_from_the_salesperson(self):
        root = self.env.ref("base.user_root")
        self.assertEqual(self._request(self.taker, by=root).from_user_id, self.seller)

    # === DIALOG === #

    def test_dialog_hands_over_for_the_salesperson_and_the_team(self):
        action = self._wizard(hours=24, note="Call first").action_request()
        self.assertIn("Ada", action["params"]["message"])
        handover = self.customer.clm_handover_ids
        self.assertEqual((handover.from_user_id, handover.note), (self.seller, "Call first"))
        self.assertEqual(handover.date_due - handover.requested_at, timedelta(hours=24))
        self.assertEqual(self.customer.clm_handover_count, 1)

    def test_dialog_is_refused_to_strangers_and_viewers(self):
        for user in self.stranger | self.viewer:
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self._wizard(by=user).action_request()

    def test_dialog_tells_what_is_wrong(self):
        other = self.env["res.partner"].create({"name": "Ben"})
        contract_type = self.env["clm.contract.type"].search([], limit=1)
        contract = self.env["clm.contract"].create({
            "partner_id": other.id, "direction": "customer", "type_id": contract_type.id,
        })
        cases = [
            ({"user_id": False}, UserError, "Choose the person or the team"),
            ({"user_id": self.seller.id}, UserError, "to yourself"),
            ({"contract_id": contract.id}, UserError, "belongs to another customer"),
        ]
        for vals, error, message in cases:
            with self.subTest(message=message), self.assertRaisesRegex(error, message):
                self._wizard(**vals).action_request()
        for hours in (-1, 10 ** 6):
            with self.subTest(hours=hours), self.assertRaises(ValidationError):
                self._wizard(hours=hours)
        self._wizard().action_request()
        with self.assertRaisesRegex(UserError, "was asked already"):
            self._wizard().action_request()

    def test_dialog_opens_for_the_customer_on_screen(self):
        contact = self.env["res.partner"].create({"name": "Max", "parent_id": self.customer.id})
        self.customer.is_company = True
        wizard = Form(self.env["clm.handover.request"].with_user(self.seller).with_context(
            active_model="res.partner", active_id=contact.id,
        ))
        self.assertEqual(wizard.partner_id, self.customer)

    # === ANSWER === #

    def test_accepting_closes_the_activity_and_changes_the_salesperson(self):
        handover = self._request(self.taker, salesperson=True)
        handover.with_user(self.taker).action_accept()
        self.assertRecordValues(handover, [{"state": "accepted", "decided_by": self.taker.id}])
        self.assertTrue(handover.decided_at)
        self.assertFalse(handover.activity_ids)
        self.assertEqual(self.customer.user_id, self.taker)

    def test_accepting_leaves_the_salesperson_unless_asked_for(self):
        self._request(self.taker).with_user(self.taker).action_accept()
        self.assertEqual(self.customer.user_id, self.seller)

    def test_member_who_accepts_for_the_team_becomes_the_salesperson(self):
        self._request(team=self.team, salesperson=True).with_user(self.mate).action_accept()
        self.assertEqual(self.customer.user_id, self.mate)

    def test_leader_becomes_the_salesperson_when_a_manager_accepts_for_the_team(self):
        self._request(team=self.team, salesperson=True).with_user(self.manager).action_accept()
        self.assertEqual(self.customer.user_id, self.leader)

    def test_only_the_taker_the_team_and_managers_answer(self):
        handover = self._request(self.taker, self.team)
        for user in (self.seller, self.stranger, self.viewer):
            for method in ("action_accept", "action_return"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(handover.with_user(user), method)()
        for user in (self.taker, self.mate, self.leader, self.manager):
            with self.subTest(user=user.login):
                self.assertTrue(handover.with_user(user).can_decide)

    def test_second_answer_is_refused_in_words(self):
        handover = self._request(team=self.team)
        handover.with_user(self.mate).action_accept()
        with self.assertRaisesRegex(UserError, "not waiting for an answer any more"):
            handover.with_user(self.leader).action_return("Too late")

    def test_sending_back_asks_for_a_reason_and_tells_the_sender(self):
        handover = self._request(self.taker)
        action = handover.with_user(self.taker).action_return("  ")
        self.assertEqual(action["res_model"], "clm.reason")
        wizard = self.env["clm.reason"].with_user(self.taker).with_context(**action["context"]).create({
            "reason": "Not my region",
        })
        wizard.action_confirm()
        self.assertRecordValues(handover, [{"state": "returned", "reason": "Not my region"}])
        self.assertEqual(handover.activity_ids.user_id, self.seller)
        self.assertIn("Not my region", handover.activity_ids.summary)
        self.assertEqual(self.customer.user_id, self.seller)

    def test_several_are_accepted_from_the_list(self):
        ben = self.env["res.partner"].create({"name": "Ben"})
        handovers = self._request(self.taker) | self.handovers._request(ben, self.taker)
        handovers.with_user(self.taker).action_accept()
        self.assertEqual(set(handovers.mapped("state")), {"accepted"})

    def test_the_sender_cancels_and_the_taker_does_not(self):
        handover = self._request(self.taker)
        with self.assertRaises(AccessError):
            handover.with_user(self.taker).action_cancel()
        handover.with_user(self.seller).action_cancel()
        self.assertEqual(handover.state, "cancelled")
        self.assertFalse(handover.activity_ids)
        self.assertNotEqual(self._request(self.taker), handover)

    # === SCREENS AND RIGHTS === #

    def test_late_and_mine_are_found(self):
        late, fresh = self._request(self.taker, hours=1), self._request(team=self.team, hours=1000)
        late.date_due = fields.Datetime.now() - timedelta(hours=1)
        self.assertTrue(late.is_late)
        ours = late | fresh
        search = self.handovers.search
        for domain, found in (
            ([("is_late", "=", True)], late), ([("is_late", "=", False)], fresh), ([("is_late", "!=", True)], fresh),
        ):
            self.assertEqual(search(domain) & ours, found, domain)
        for user, found in ((self.taker, late), (self.mate, fresh), (self.leader, fresh), (self.seller, None)):
            mine = self.handovers.with_user(user).search([("is_mine", "=", True)])
            self.assertEqual(mine, found or self.handovers)
            self.assertEqual(ours.with_user(user).filtered("is_mine"), found or self.handovers)

    def test_everybody_reads_and_nobody_writes(self):
        handover = self._request(self.taker)
        for user in (self.viewer, self.taker, self.manager):
            self.assertEqual(handover.with_user(user).read(["state"])[0]["state"], "pending")
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                handover.with_user(user).state = "accepted"
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.handovers.with_user(user).create({"partner_id": self.customer.id})

    def test_every_role_opens_the_screens(self):
        handover = self._request(self.taker)
        for user in (self.viewer, self.taker, self.manager):
            for view in ("form", "list", "kanban", "search"):
                with self.subTest(user=user.login, view=view):
                    views = self.handovers.with_user(user).get_views([(False, view)])
                    fields_read = views["models"]["clm.handover"]["fields"]
                    self.assertIn("date_due", fields_read)
                    specification = {name: {} for name in fields_read}
                    self.assertTrue(handover.with_user(user).web_read(specification)[0]["partner_id"])
        arch = self.handovers.with_user(self.viewer).get_views([(False, "form")])["views"]["form"]["arch"]
        self.assertNotIn("Hand Over Again", arch)

    def test_hand_overs_of_another_company_are_hidden(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.taker.company_ids = [Command.link(other.id)]
        customer = self.env["res.partner"].create({"name": "Ben", "company_id": other.id})
        handover = self.handovers._request(customer, self.taker)
        self.assertEqual(handover.company_id, other)
        visible = self.handovers.with_user(self.viewer).search([("id", "=", handover.id)])
        self.assertFalse(visible)
        with self.assertRaises(AccessError):
            handover.with_user(self.mate).with_context(allowed_company_ids=self.env.company.ids).action_accept()

    def test_merged_customers_wait_once_for_the_same_taker(self):
        ben = self.env["res.partner"].create({"name": "Ben"})
        first, second = self._request(self.taker), self.handovers._request(ben, self.taker)
        third = self.handovers._request(ben, self.mate)
        self.env["base.partner.merge.automatic.wizard"]._merge((self.customer | ben).ids, ben)
        self.assertEqual((first.state, second.state, third.state), ("pending", "cancelled", "pending"))
        self.assertEqual((first | second | third).partner_id, ben)

    # === KPI === #

    def test_facts_are_the_answers_of_the_period(self):
        company = self.env["res.company"].create({"name": "Clean", "lifecycle_tz": "Europe/Berlin"})
        self.taker.write({"company_ids": [Command.link(company.id)]})
        facts = self.env["clm.kpi.facts"].with_company(company)
        moments = {
            "2026-01-31 22:59:59": "accepted", "2026-01-31 23:00:00": "returned", "2026-02-10 12:00:00": "accepted",
            "2026-02-11 12:00:00": "cancelled", "2026-02-12 12:00:00": "pending",
        }
        ids = {}
        for moment, state in moments.items():
            customer = self.env["res.partner"].create({"name": moment, "company_id": company.id})
            handover = self.handovers._request(customer, self.taker)
            handover.sudo().write({"state": state, "decided_at": moment if state != "pending" else False})
            ids[moment] = handover.id
        self.env.flush_all()
        periods = [Period("month", date(2026, month, 1), date(2026, month, last)) for month, last in ((1, 31), (2, 28))]
        rows = self.env.execute_query(SQL(
            "WITH %s SELECT f.period_id, f.res_id, f.is_returned FROM (%s) f ORDER BY f.res_id",
            facts._with_periods(periods), facts._facts("handovers", periods),
        ))
        first, second, third, *__ = ids.values()
        self.assertEqual(rows, [(0, first, False), (1, second, True), (1, third, False)])
        counted = facts._counted(share("handovers", "f.is_returned"), periods[1], self.env["crm.team"], {})
        self.assertEqual({res_id for res_id, in self.env.execute_query(counted)}, {second, third})
