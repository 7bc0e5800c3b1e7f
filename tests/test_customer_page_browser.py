from odoo.tests import HttpCase, tagged

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestCustomerPageBrowser(ClmCase, HttpCase):
    """What people do on the page. Its components are tested with those of the cockpit, in ``test_cockpit_browser``."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._create_user(
            "page-tour", "sales_team.group_sale_salesman_all_leads", "clm.group_user", password="page-tour")

    def test_salesperson_when_looking_through_the_page_then_finds_back(self):
        partner = self._create_partner("Tour Customer", email="tour@example.com", user_id=self.seller.id)
        for days in range(1, 45):
            self._create_order(partner, self.days_ago(days))
        self.env["clm.lifecycle.engine"]._sync(partner.ids)
        self.start_tour(f"/odoo/res.partner/{partner.id}", "clm_customer_page", login="page-tour")
