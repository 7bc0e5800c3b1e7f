from odoo.tests import HttpCase, tagged
from odoo.tools import SQL

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestReportScreens(ClmCase, HttpCase):
    """The funnel page and the dry run in the web client."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.cr.execute(SQL("DELETE FROM clm_visit"))
        cls.env["ir.config_parameter"].set_param("clm.customer_domain", "[('ref', '=', 'screen')]")
        cls.viewer = cls._create_user("screen-viewer", "clm.group_viewer")
        cls.boss = cls._create_user("screen-boss", "sales_team.group_sale_manager")

    def _create_customer(self, name, *days_of_purchases):
        partner = self._create_partner(name, self.days_ago(100), ref="screen")
        for days in days_of_purchases:
            self._create_order(partner, self.days_ago(days))
        return partner

    def test_numbers_of_the_funnel_open_their_records(self):
        asked = self._create_customer("Asked, then bought", 50)
        lead = self.env["crm.lead"].create({"name": "Lead", "partner_id": asked.id, "type": "lead"})
        self._backdate(lead, self.days_ago(80))
        self._create_customer("Bought at once", 40)
        self._create_customer("Did nothing")
        self.engine._process_queue()
        self.start_tour("/odoo/customer-funnel", "clm_funnel", login=self.viewer.login)

    def test_dry_run_of_an_edited_rule(self):
        self._create_customer("Twice", 50, 40)
        self.engine._process_queue()
        rule = self.env.ref("clm.rule_retention_purchase")
        rule.condition_ids.with_context(clm_policy_edit=True).threshold = 3
        self.start_tour(f"/odoo/lifecycle-rules/{rule.id}", "clm_policy_preview", login=self.boss.login)
        self.assertFalse(self.env["clm.policy"]._held())
