from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import SQL

from .common import ClmCase

EDIT = {"clm_policy_edit": True}


@tagged("post_install", "-at_install")
class TestPolicyPreview(ClmCase):
    """Dry run: who would stand where, without a trace."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._create_user("preview-manager", "clm.group_manager")
        cls.rule = cls.env.ref("clm.rule_retention_purchase")
        cls.env["clm.policy"]._discard()  # whatever somebody left waiting in this database
        # only the test's own customers
        cls.env["ir.config_parameter"].set_param("clm.customer_domain", "[('ref', '=', 'preview')]")

    def _create_customer(self, name, *days_of_purchases, **vals):
        partner = self._create_partner(name, self.days_ago(300), ref="preview", **vals)
        for days in days_of_purchases:
            self._create_order(partner, self.days_ago(days))
        return partner

    def _create_customers(self):
        """Nobody bought, one bought once, one twice, one three times, on different days."""
        customers = [
            self._create_customer(name, *days) for name, days in
            {"None": (), "Once": (90,), "Twice": (90, 60), "Thrice": (90, 60, 30)}.items()
        ]
        self.engine._process_queue()
        return customers

    def _edit_threshold(self, value):
        self.rule.condition_ids.with_context(**EDIT).threshold = value

    def _preview(self, user=None, rules=None):
        Preview = self.env["clm.policy.preview"].with_user(user or self.manager)
        return Preview.browse(Preview._open(rules.ids if rules else ())["res_id"])

    def _standing(self, preview):
        """:return: dict stage -> (now, then), where they differ"""
        return {line.name: (line.count_now, line.count_then) for line in preview.stage_ids if line.difference}

    # === WHAT IT SAYS === #

    def test_nothing_edited_moves_nobody(self):
        self._create_customers()
        preview = self._preview()
        self.assertRecordValues(preview, [{
            "customer_count": 4, "moved_count": 0, "moved_share": 0.0, "is_sample": False, "edits_waiting": False,
        }])
        self.assertFalse(preview.move_ids)
        self.assertFalse(self._standing(preview))

    def test_nothing_edited_moves_nobody_of_the_whole_database(self):
        self.env["ir.config_parameter"].set_param("clm.customer_domain", False)
        self.engine._rebuild()
        preview = self._preview()
        self.assertGreater(preview.customer_count, 0)
        self.assertEqual(preview.moved_count, 0, preview.move_ids.mapped("display_name"))

    def test_changed_threshold_moves_the_right_customers(self):
        __, __, twice, __ = self._create_customers()
        self._edit_threshold(3)
        preview = self._preview()
        self.assertRecordValues(preview, [{
            "customer_count": 4, "moved_count": 1, "moved_share": 0.25, "edits_waiting": True,
        }])
        self.assertRecordValues(preview.move_ids, [{
            "from_name": self.retention.name, "to_name": self.conversion.name, "count": 1, "partner_ids": twice.ids,
        }])
        self.assertEqual(self._standing(preview), {self.conversion.name: (1, 2), self.retention.name: (2, 1)})

    def test_move_opens_its_customers(self):
        __, __, twice, __ = self._create_customers()
        self._edit_threshold(3)
        action = self._preview().move_ids.action_open_customers()
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]), twice)

    def test_funnels_stand_side_by_side(self):
        for days in (120, 110):
            customer = self._create_customer("Customer", days - 20, days - 40)
            lead = self.env["crm.lead"].create({"name": "Lead", "partner_id": customer.id, "type": "lead"})
            self._backdate(lead, self.days_ago(days))
        self.engine._process_queue()
        self._edit_threshold(3)
        lines = self._preview().funnel_ids
        self.assertNotIn(self.lapsed.name, lines.mapped("name"))
        self.assertEqual(
            [(line.name, line.strict_now, line.strict_then, line.any_now, line.any_then) for line in lines],
            [
                (self.awareness.name, 2, 2, 2, 2), (self.acquisition.name, 2, 2, 2, 2),
                (self.conversion.name, 2, 2, 2, 2), (self.retention.name, 2, 0, 2, 0), (self.loyalty.name, 0, 0, 0, 0),
            ],
        )
        retention = lines.filtered(lambda line: line.name == self.retention.name)
        self.assertEqual((retention.strict_rate_now, retention.strict_rate_then), (1.0, 0.0))

    def test_funnels_agree_with_the_funnel_page(self):
        self.env.cr.execute(SQL("DELETE FROM clm_visit"))
        self._create_customers()
        stages = self.env["clm.funnel.report"].with_user(self.manager).get_funnel()["stages"]
        self.assertEqual(
            [(line.strict_now, line.any_now) for line in self._preview().funnel_ids],
            [(stage["strict"]["count"], stage["any"]["count"]) for stage in stages],
        )

    def test_new_stage_is_compared_too(self):
        self._create_customers()
        stage = self.env["clm.stage"].with_context(**EDIT).create({"name": "Regular", "sequence": 45})
        self.env["clm.rule"].with_context(**EDIT).create({
            "name": "Three days", "stage_id": stage.id,
            "condition_ids": [Command.create({"event_kind": "purchase", "measure": "days", "threshold": 3})],
        })
        preview = self._preview()
        self.assertEqual(self._standing(preview), {self.retention.name: (2, 1), "Regular": (0, 1)})
        self.assertIn("Regular", preview.funnel_ids.mapped("name"))

    def test_archived_rule_counts_as_active(self):
        self._create_customers()
        rule = self._create_rule(
            self.loyalty, {"event_kind": "purchase", "measure": "days", "threshold": 3}, active=False
        )
        self.assertFalse(self._preview().moved_count)
        preview = self._preview(rules=rule)
        self.assertEqual(self._standing(preview), {self.retention.name: (2, 1), self.loyalty.name: (0, 1)})
        self.assertEqual(preview.archived_rules, rule.name)
        self.assertFalse(rule.active)

    def test_rule_opens_its_own_dry_run(self):
        action = self.rule.with_user(self.manager).action_preview()
        preview = self.env["clm.policy.preview"].browse(action["res_id"])
        self.assertEqual(preview.rule_ids, self.rule)
        self.assertFalse(preview.archived_rules)

    def test_customers_who_wait_are_told(self):
        self._create_customer("Waiting", 30)
        preview = self._preview()
        self.assertGreater(preview.waiting_count, 0)
        self.assertRecordValues(preview.move_ids, [
            {"from_name": "No stage", "to_name": self.conversion.name, "count": 1},
        ])

    def test_suppliers_are_not_counted(self):
        self._create_customers()
        self._create_partner("Supplier", ref="preview", supplier_rank=1)
        self.engine._process_queue()
        self.assertRecordValues(self._preview(), [{"customer_count": 4, "moved_count": 0}])

    def test_archived_customers_are_counted(self):
        self._create_customers()[0].action_archive()
        self.assertEqual(self._preview().customer_count, 4)

    # === SAMPLE === #

    def test_sample_is_told_and_stays_the_same(self):
        self._create_customers()
        self.env["ir.config_parameter"].set_param("clm.preview_limit", "2")
        preview = self._preview()
        self.assertRecordValues(preview, [{
            "is_sample": True, "replayed_count": 2, "total_count": 4, "customer_count": 2,
        }])
        Preview = self.env["clm.policy.preview"]
        self.assertEqual(Preview._sample(), Preview._sample())
        self.env["ir.config_parameter"].set_param("clm.preview_limit", "3")
        smaller = set(Preview._sample()[1])
        self.env["ir.config_parameter"].set_param("clm.preview_limit", "2")
        self.assertLess(set(Preview._sample()[1]), smaller)

    def test_customers_behind_a_move_are_capped(self):
        self._create_customers()
        self._edit_threshold(3)
        move = self._preview().move_ids
        move.count = 5000
        self.assertIn("1 of 5000", move.action_open_customers()["name"])

    # === NO TRACE === #

    def _state(self):
        self.env.flush_all()
        return [
            self.env.execute_query(SQL("SELECT * FROM clm_visit ORDER BY id")),
            self.env.execute_query(SQL("SELECT * FROM clm_queue ORDER BY id")),
            self.env.execute_query(SQL("SELECT * FROM clm_stage_change ORDER BY id")),
            self.env.execute_query(SQL(
                "SELECT id, purchase_number, lifecycle_stage_id, write_date FROM sale_order ORDER BY id"
            )),
            self.env.execute_query(SQL(
                """
                SELECT id, lifecycle_stage_id, lifecycle_since, lifecycle_cycle, lifecycle_pinned, lifecycle_next_check,
                       write_date
                  FROM res_partner ORDER BY id
                """
            )),
            self.env.execute_query(SQL("SELECT key, value FROM ir_config_parameter ORDER BY id")),
            self.env.execute_query(SQL("SELECT * FROM clm_rule ORDER BY id")),
            self.env.execute_query(SQL("SELECT * FROM clm_rule_condition ORDER BY id")),
        ]

    def test_nothing_is_written(self):
        self._create_customers()
        self._edit_threshold(3)
        self._create_customer("Waiting", 30)
        before = self._state()
        self.assertTrue(self._preview().move_ids)
        self.assertEqual(self._state(), before)

    def test_number_of_queries_does_not_grow_with_the_customers(self):
        self._create_customers()
        self._edit_threshold(3)
        Preview = self.env["clm.policy.preview"]
        Preview._prepare_vals([])
        few = self._count_queries(Preview)
        for number in range(15):
            self._create_customer(f"Customer {number}", 90, 60)
        self.engine._process_queue()
        self.assertLessEqual(self._count_queries(Preview), few)

    def _count_queries(self, preview):
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        preview._prepare_vals([])
        return self.env.cr.sql_log_count - before

    # === APPLY AND DISCARD === #

    def test_apply_lets_the_edit_take_effect(self):
        __, __, twice, __ = self._create_customers()
        self._edit_threshold(3)
        action = self._preview().action_apply()
        self.assertFalse(self.env["clm.policy"]._held())
        self.engine._process_queue()
        self.assertEqual(twice.lifecycle_stage_id, self.conversion)
        self.assertEqual(action["params"]["next"]["tag"], "clm.go_back")

    def test_apply_takes_the_rule_out_of_the_archive(self):
        *__, thrice = self._create_customers()
        rule = self._create_rule(
            self.loyalty, {"event_kind": "purchase", "measure": "days", "threshold": 3}, active=False
        )
        self._preview(rules=rule).action_apply()
        self.assertTrue(rule.active)
        self.engine._process_queue()
        self.assertEqual(thrice.lifecycle_stage_id, self.loyalty)

    def test_apply_refuses_what_was_not_tried(self):
        self._edit_threshold(3)
        preview = self._preview()
        self._edit_threshold(4)
        with self.assertRaisesRegex(UserError, "Count again"):
            preview.action_apply()
        preview.action_refresh()
        preview.action_apply()
        self.assertFalse(self.env["clm.policy"]._held())

    def test_apply_does_not_care_about_names(self):
        self._edit_threshold(3)
        preview = self._preview()
        self.rule.name = "Another name"
        preview.action_apply()

    def test_count_again_replaces_the_lines(self):
        self._create_customers()
        self._edit_threshold(3)
        preview = self._preview()
        stages = len(preview.stage_ids)
        self._edit_threshold(2)
        preview.action_refresh()
        self.assertEqual((len(preview.stage_ids), len(preview.move_ids), preview.moved_count), (stages, 0, 0))

    def test_discard_puts_the_rules_back(self):
        self._edit_threshold(3)
        self._preview().action_discard()
        self.assertEqual(self.rule.condition_ids.threshold, 2)
        self.assertFalse(self.env["clm.policy"]._held())

    def test_close_leaves_the_edit_waiting(self):
        self._edit_threshold(3)
        self._preview().action_close()
        self.assertEqual(self.rule.condition_ids.threshold, 3)
        self.assertTrue(self.env["clm.policy"]._held())

    # === RIGHTS === #

    def test_only_managers_may_try(self):
        for groups in (["clm.group_viewer"], ["clm.group_user"], ["clm.group_approver"], []):
            user = self._create_user(f"preview-{len(groups) and groups[0]}", *groups)
            with self.assertRaises(AccessError):
                self._preview(user=user)
            with self.assertRaises(AccessError):
                self.rule.with_user(user).action_preview()

    def test_only_managers_may_read_apply_or_discard(self):
        self._edit_threshold(3)
        preview = self._preview().with_user(self._create_user("preview-user", "clm.group_user"))
        for method in ("action_apply", "action_discard", "action_refresh"):
            with self.assertRaises(AccessError):
                getattr(preview, method)()
        with self.assertRaises(AccessError):
            preview.read(["moved_count"])
        self.assertTrue(self.env["clm.policy"]._held())

    def test_customers_of_other_companies_are_not_counted(self):
        self._create_customers()
        other = self.env["res.company"].create({"name": "Other"})
        self._create_customer("Theirs", company_id=other.id)
        self.engine._process_queue()
        self.assertEqual(self._preview().customer_count, 4)
