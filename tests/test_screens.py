from lxml import etree

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestScreens(ClmCase):
    """What the screens ask the server for, and who gets it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = cls._create_user("screen-viewer", "clm.group_viewer")
        cls.user = cls._create_user("screen-user", "clm.group_user")
        cls.manager = cls._create_user("screen-manager", "clm.group_manager")
        cls.internal = cls._create_user("screen-internal")
        cls.fresh, cls.overdue, cls.pinned = cls.env["res.partner"].create([
            {"name": name, "user_id": cls.user.id} for name in ("Fresh", "Overdue", "Pinned")
        ])
        cls.partners = cls.fresh | cls.overdue | cls.pinned
        cls.awareness.rotting_threshold_days = 30
        cls.env.cr.execute(
            "UPDATE res_partner SET create_date = create_date - interval '40 days' WHERE id = %s", [cls.overdue.id]
        )
        cls.engine._process_queue()
        cls.pinned.lifecycle_pinned = True

    def _arch(self, user, xmlid):
        view = self.env.ref(xmlid)
        return etree.fromstring(self.env[view.model].with_user(user).get_view(view.id)["arch"])

    # === STATE === #

    def test_state_says_fresh_overdue_or_pinned(self):
        self.assertEqual(self.partners.mapped("lifecycle_state"), ["fresh", "overdue", "pinned"])

    def test_state_can_be_searched_and_grouped_as_it_is_computed(self):
        among = [("id", "in", self.partners.ids)]
        Partner = self.env["res.partner"].with_user(self.viewer)
        self.assertEqual(Partner.search([*among, ("lifecycle_state", "=", "overdue")]), self.overdue)
        self.assertEqual(Partner.search([*among, ("lifecycle_state", "!=", "pinned")]), self.fresh | self.overdue)
        self.assertEqual(
            {(state, count) for state, count in Partner._read_group(among, ["lifecycle_state"], ["__count"])},
            {("fresh", 1), ("overdue", 1), ("pinned", 1)},
        )

    def test_progress_bar_counts_the_states_of_each_column(self):
        bars = self.env["res.partner"].with_user(self.viewer).read_progress_bar(
            [("id", "in", self.partners.ids)], "lifecycle_stage_id",
            {"field": "lifecycle_state", "colors": {"fresh": "success", "overdue": "warning", "pinned": "info"}},
        )
        self.assertEqual(bars[str(self.awareness.id)], {"fresh": 1, "overdue": 1, "pinned": 1})

    def test_state_is_hidden_from_plain_employees(self):
        with self.assertRaises(AccessError):
            self.env["res.partner"].with_user(self.internal)._read_group([], ["lifecycle_state"])

    # === VIEWS === #

    def test_partner_form_shows_plain_employees_nothing_of_the_lifecycle(self):
        plain = self._arch(self.internal, "base.view_partner_form")
        self.assertFalse(plain.xpath("//field[starts-with(@name, 'lifecycle_')] | //page[@name='lifecycle']"))
        self.assertTrue(self._arch(self.viewer, "base.view_partner_form").xpath("//page[@name='lifecycle']"))

    def test_plain_employee_creates_a_contact_in_the_form(self):
        creator = self._create_user("screen-creator", "base.group_partner_manager")
        with Form(self.env["res.partner"].with_user(creator)) as form:
            form.name = "By a colleague"
        self.assertTrue(form.record)

    def test_viewer_gets_no_button_to_move(self):
        for xmlid in (
            "base.view_partner_form", "clm.res_partner_view_kanban_lifecycle", "clm.res_partner_view_list_lifecycle",
        ):
            action = str(self.env.ref("clm.clm_stage_move_action").id)
            arch = self._arch(self.viewer, xmlid)
            self.assertFalse(arch.xpath(f"//*[@name='{action}']"), xmlid)
            self.assertTrue(self._arch(self.user, xmlid).xpath(f"//*[@name='{action}']"), xmlid)

    def test_order_form_shows_the_stage_to_accountants(self):
        accountant = self._create_user("screen-accountant", "account.group_account_invoice")
        self.assertTrue(self._arch(accountant, "sale.view_order_form").xpath("//field[@name='lifecycle_stage_id']"))
        self.assertTrue(self._arch(self.env.ref("base.user_admin"), "sale.view_order_form").xpath(
            "//field[@name='lifecycle_stage_id']"
        ))

    def test_every_filter_and_grouping_works_for_viewers(self):
        for xmlid in (
            "clm.res_partner_view_search_lifecycle", "clm.clm_visit_view_search", "clm.clm_event_view_search",
            "clm.clm_stage_change_view_search",
        ):
            Model = self.env[self.env.ref(xmlid).model].with_user(self.viewer)
            for node in self._arch(self.viewer, xmlid).xpath("//filter"):
                with self.subTest(model=Model._name, filter=node.get("name")):
                    Model.search_count(safe_eval(node.get("domain") or "[]", {"uid": self.viewer.id}), limit=1)
                    if groupby := safe_eval(node.get("context") or "{}").get("group_by"):
                        Model.formatted_read_group([], [groupby], ["__count"])

    # === PROGRESS OF THE RECONSTRUCTION === #

    def test_progress_counts_customers_that_a_rebuild_still_has_to_replay(self):
        Queue = self.queue.with_user(self.viewer)
        self.assertEqual(Queue.get_progress(), {"remaining": 0})
        self.queue._push_everyone()
        self.assertGreaterEqual(Queue.get_progress()["remaining"], 3)
        self.engine._process_queue()
        self.assertEqual(Queue.get_progress(), {"remaining": 0})

    def test_plain_employee_gets_no_progress(self):
        with self.assertRaises(AccessError):
            self.queue.with_user(self.internal).get_progress()
        with self.assertRaises(AccessError):
            self.env["clm.policy"].with_user(self.internal).get_edit_state()

    # === POLICY === #

    def test_only_managers_apply_or_discard(self):
        policy = self.env["clm.policy"].with_user(self.user)
        for method in (policy.action_apply, policy.action_discard, policy.action_preview):
            with self.assertRaises(AccessError):
                method()

    def test_manager_applies_an_edit_that_waits(self):
        rule = self.env.ref("clm.rule_retention_purchase").with_user(self.manager)
        rule.with_context(clm_policy_edit=True).sequence = 7
        policy = self.env["clm.policy"].with_user(self.manager)
        self.assertEqual(policy.get_edit_state(), {"waiting": True, "may_apply": True})
        policy.action_apply()
        self.assertFalse(policy.get_edit_state()["waiting"])
        self.assertGreater(self.queue._count(bulk=True), 0)

    # === WIZARDS === #

    def _move(self, user, partners, **vals):
        wizard = self.env["clm.stage.move"].with_user(user).with_context(
            active_model="res.partner", active_ids=partners.ids
        )
        return wizard.create({"stage_id": self.retention.id, "reason": "Because", **vals}).action_move()

    def test_move_asks_for_customers_stage_and_reason(self):
        self._move(self.user, self.fresh | self.overdue)
        self.assertEqual((self.fresh | self.overdue).lifecycle_stage_id, self.retention)
        changes = self.env["clm.stage.change"].search([("partner_id", "in", (self.fresh | self.overdue).ids)])
        self.assertEqual(changes.mapped("reason"), ["Because", "Because"])
        self.assertEqual(changes.user_id, self.user)

    def test_move_of_a_contact_moves_its_company(self):
        contact = self.env["res.partner"].create({"name": "Contact", "parent_id": self.fresh.id})
        self._move(self.user, contact)
        self.assertEqual(self.fresh.lifecycle_stage_id, self.retention)

    def test_move_can_pin_for_people_who_cannot_write_contacts(self):
        self.assertFalse(self.fresh.with_user(self.user).has_access("write"))
        self._move(self.user, self.fresh, pin=True)
        self.assertTrue(self.fresh.lifecycle_pinned)
        self.assertEqual(self.fresh.lifecycle_state, "pinned")

    def test_move_of_a_strangers_customer_is_refused(self):
        stranger = self._create_user("screen-stranger", "clm.group_user")
        with self.assertRaises(AccessError):
            self._move(stranger, self.fresh, pin=True)
        self.assertFalse(self.fresh.lifecycle_pinned)

    def test_move_of_contacts_without_a_lifecycle_says_why(self):
        with self.assertRaisesRegex(UserError, "None of these contacts has a lifecycle"):
            self._move(self.manager, self.env.company.partner_id)

    def test_viewer_cannot_open_the_move(self):
        with self.assertRaises(AccessError):
            self._move(self.viewer, self.fresh)

    def test_rebuild_queues_everybody_for_managers_only(self):
        wizard = self.env["clm.rebuild"].with_user(self.manager).create({})
        self.assertEqual(wizard.remaining, 0)
        wizard.action_rebuild()
        self.assertGreater(self.queue._count(bulk=True), 0)
        with self.assertRaises(AccessError):
            wizard.with_user(self.user).action_rebuild()

    def test_managers_rebuild_selected_customers_at_once(self):
        self.env.cr.execute("UPDATE clm_visit SET cycle = 9 WHERE partner_id = %s", [self.fresh.id])
        with self.assertRaises(AccessError):
            self.fresh.with_user(self.user).action_lifecycle_rebuild()
        self.fresh.with_user(self.manager).action_lifecycle_rebuild()
        self.assertEqual(self._visits(self.fresh), [(self.awareness, 1)])

    def test_history_of_a_customer_shows_superseded_visits_too(self):
        action = self.fresh.with_user(self.viewer).action_open_lifecycle_visits()
        self.assertIn("active_test", action["context"])
        self.assertEqual(action["domain"], [("partner_id", "=", self.fresh.id)])

    def test_cause_of_a_visit_is_its_rule_or_who_moved_it_and_why(self):
        self._move(self.user, self.fresh)
        causes = self.fresh.with_user(self.viewer).lifecycle_visit_ids.mapped("cause")
        self.assertEqual(causes, [f"{self.user.name}: Because", "The contact exists"])
