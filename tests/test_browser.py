from odoo.tests import HttpCase, tagged

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestBrowser(ClmCase, HttpCase):
    """What people do in the web client."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._create_user("tour-seller", "sales_team.group_sale_salesman")
        cls.viewer = cls._create_user("tour-viewer", "clm.group_viewer")
        cls.boss = cls._create_user("tour-boss", "sales_team.group_sale_manager")
        cls.partner = cls.env["res.partner"].create({"name": "Tour Customer", "user_id": cls.seller.id})
        cls.engine._process_queue()

    def test_confirmed_order_moves_the_card(self):
        order = self._create_order(self.partner, confirm=False, user_id=self.seller.id)
        self.start_tour(f"/odoo/sales/{order.id}", "clm_confirm_order", login=self.seller.login)
        self.engine._process_queue()  # the cron's work
        self.assertEqual(self.partner.lifecycle_stage_id, self.conversion)
        self.start_tour("/odoo/lifecycle", "clm_customer_converted", login=self.seller.login)

    def test_dragged_card_asks_for_a_reason_and_moves(self):
        self.start_tour("/odoo/lifecycle", "clm_drag_customer", login=self.seller.login)
        change = self.env["clm.stage.change"].search([("partner_id", "=", self.partner.id)])
        self.assertRecordValues(change, [{
            "stage_id": self.loyalty.id, "reason": "Signed at the fair", "user_id": self.seller.id,
        }])
        self.assertEqual(self.partner.lifecycle_stage_id, self.loyalty)

    def test_click_on_the_stage_bar_moves_and_pins(self):
        self.start_tour(
            f"/odoo/lifecycle/{self.partner.id}", "clm_move_by_stage_bar", login=self.seller.login
        )
        self.assertEqual(self.partner.lifecycle_stage_id, self.retention)
        self.assertTrue(self.partner.lifecycle_pinned)

    def test_viewer_sees_but_cannot_move(self):
        self.start_tour("/odoo/lifecycle", "clm_viewer_looks", login=self.viewer.login)

    def test_edited_rule_waits_and_can_be_discarded(self):
        rule = self.env.ref("clm.rule_retention_purchase")
        self.start_tour(f"/odoo/lifecycle-rules/{rule.id}", "clm_edit_rule", login=self.boss.login)
        self.assertEqual(rule.condition_ids.threshold, 2)
        self.assertFalse(self.env["clm.policy"].get_edit_state()["waiting"])
