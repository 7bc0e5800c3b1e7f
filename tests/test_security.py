from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestSecurity(ClmCase):
    """Viewers read, users move their own and their team's customers, managers do the rest, nobody else sees it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = cls._create_user("viewer", "clm.group_viewer")
        cls.user = cls._create_user("user", "clm.group_user")
        cls.mate = cls._create_user("mate", "clm.group_user")
        cls.stranger = cls._create_user("stranger", "clm.group_user")
        cls.manager = cls._create_user("manager", "clm.group_manager")
        cls.internal = cls._create_user("internal")
        cls.portal = new_test_user(cls.env, "portal-user", groups="base.group_portal")
        cls.public = cls.env.ref("base.public_user")
        cls.env["crm.team"].create({"name": "Team", "member_ids": [(6, 0, (cls.user | cls.mate).ids)]})
        cls.partner = cls.env["res.partner"].create({"name": "Customer", "user_id": cls.user.id})
        cls.engine._process_queue()

    def _as(self, user):
        return self.partner.with_user(user)

    def test_viewer_reads_stage_visits_and_timeline(self):
        partner = self._as(self.viewer)
        self.assertEqual(partner.lifecycle_stage_id.name, self.awareness.name)
        self.assertEqual(partner.lifecycle_visit_ids.mapped("stage_id.name"), [self.awareness.name])
        self.assertEqual(partner.lifecycle_event_ids.mapped("kind"), ["contact"])

    def test_viewer_sees_what_was_bought_without_rights_on_orders(self):
        order = self._create_order(self.partner)
        self.engine._process_queue()
        with self.assertRaises(AccessError):
            order.with_user(self.viewer).read(["name"])
        self.assertIn(order.name, self._as(self.viewer).lifecycle_event_ids.mapped("label"))
        visit = self._as(self.viewer).lifecycle_visit_ids.filtered(lambda visit: visit.stage_id == self.conversion)
        self.assertEqual(visit.evidence, order.name)
        with self.assertRaises(AccessError):
            visit.action_open_evidence()

    def test_who_has_no_lifecycle_cannot_search_by_it(self):
        for name, value in (
            ("lifecycle_state", "overdue"), ("lifecycle_is_rotting", True), ("lifecycle_cohort", "2026-01-01/0"),
            ("lifecycle_turned_red", True), ("lifecycle_health", 50), ("lifecycle_segment", "lost"),
            ("lifecycle_overdue_buyer", True),
        ):
            with self.subTest(name):
                self.env["res.partner"].with_user(self.viewer).search([(name, "=", value)])
                with self.assertRaises(AccessError):
                    self.env["res.partner"].with_user(self.internal).search([(name, "=", value)])

    def test_viewer_cannot_move(self):
        with self.assertRaises(AccessError):
            self._as(self.viewer).action_lifecycle_move(self.retention.id)

    def test_user_moves_own_customer(self):
        self._as(self.user).action_lifecycle_move(self.retention.id, "Agreed on the phone")
        self.assertEqual(self.partner.lifecycle_stage_id, self.retention)
        change = self.env["clm.stage.change"].search([("partner_id", "=", self.partner.id)])
        self.assertEqual(change.user_id, self.user)

    def test_user_moves_customer_of_the_team(self):
        self._as(self.mate).action_lifecycle_move(self.retention.id)
        self.assertEqual(self.partner.lifecycle_stage_id, self.retention)

    def test_user_cannot_move_customer_of_another_team(self):
        with self.assertRaisesRegex(AccessError, "your own and your team's"):
            self._as(self.stranger).action_lifecycle_move(self.retention.id)

    def test_manager_moves_every_customer(self):
        self._as(self.manager).action_lifecycle_move(self.retention.id)
        self.assertEqual(self.partner.lifecycle_stage_id, self.retention)

    def test_ledger_is_read_only_even_for_managers(self):
        visit = self.partner.lifecycle_visit_ids.with_user(self.manager)
        for act in (
            lambda: visit.write({"cycle": 5}),
            visit.unlink,
            lambda: self.env["clm.visit"].with_user(self.manager).create({"partner_id": self.partner.id}),
        ):
            with self.assertRaises(AccessError):
                act()

    def test_only_managers_edit_the_policy(self):
        for user in (self.viewer, self.user, self.internal):
            with self.assertRaises(AccessError):
                self.awareness.with_user(user).write({"name": "Mine"})
        self.awareness.with_user(self.manager).write({"name": "Known"})
        self.assertEqual(self.awareness.name, "Known")

    def test_salesperson_is_a_user_and_sales_administrator_a_manager(self):
        salesman = self._create_user("salesman", "sales_team.group_sale_salesman")
        boss = self._create_user("boss", "sales_team.group_sale_manager")
        self.assertTrue(salesman.has_group("clm.group_user"))
        self.assertFalse(salesman.has_group("clm.group_manager"))
        self.assertTrue(boss.has_group("clm.group_manager"))

    def test_portal_public_and_plain_employees_see_nothing(self):
        self.portal.partner_id.parent_id = self.partner
        for user in (self.portal, self.public, self.internal):
            for model in ("clm.visit", "clm.event", "clm.stage", "clm.rule", "clm.queue", "clm.stage.change"):
                with self.subTest(user=user.login, model=model), self.assertRaises(AccessError):
                    self.env[model].with_user(user).search_read([], ["id"], limit=1)
            with self.assertRaises(AccessError):
                self.partner.with_user(user).read(["lifecycle_stage_id"])

    def test_plain_employee_still_creates_contacts_and_orders_still_work(self):
        creator = self._create_user("creator", "base.group_partner_manager")
        partner = self.env["res.partner"].with_user(creator).create({"name": "By a colleague"})
        self.engine._process_queue()
        self.assertEqual(partner.sudo().lifecycle_stage_id, self.awareness)

    def test_customer_of_another_company_is_invisible(self):
        other = self.env["res.company"].create({"name": "Company B"})
        theirs = self.env["res.partner"].create({"name": "Of B", "company_id": other.id})
        self.engine._process_queue()
        self.assertEqual(theirs.lifecycle_stage_id, self.awareness)
        self.assertFalse(self.env["res.partner"].with_user(self.viewer).search([("id", "=", theirs.id)]))
        self.assertFalse(self.env["clm.visit"].with_user(self.viewer).search([("partner_id", "=", theirs.id)]))
        self.assertFalse(self.env["clm.event"].with_user(self.viewer).search([("partner_id", "=", theirs.id)]))

    def test_events_of_every_company_count_but_their_documents_stay_protected(self):
        other = self.env["res.company"].create({"name": "Company B"})
        partner = self._create_partner("Shared", known_since=self.days_ago(50))
        order = self._create_order(partner.with_company(other), self.days_ago(10), company_id=other.id)
        self.engine._process_queue()
        self.assertEqual(partner.lifecycle_stage_id, self.conversion)
        seen = partner.with_user(self.viewer)
        self.assertEqual(seen.lifecycle_stage_id, self.conversion)
        self.assertNotIn(order.name, seen.lifecycle_event_ids.mapped("label"))
        visit = seen.lifecycle_visit_ids.filtered(lambda visit: visit.stage_id == self.conversion)
        self.assertNotIn(order.name, visit.evidence)
