from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .billing_common import BillingCase

FIGURES = ("clm_mrr", "clm_arr", "clm_acv", "clm_tcv")


@tagged("post_install", "-at_install")
class TestCustomerRevenue(BillingCase):
    """What a customer is worth, on the customer's form and in the lists."""

    def _shown(self, user, view_type, view=None):
        arch = self.env["res.partner"].with_user(user).get_view(view and self.env.ref(view).id, view_type)["arch"]
        names = {node.get("name") for node in etree.fromstring(arch).iter("field")}
        return [name for name in FIGURES if name in names]

    def test_form_and_lists_show_the_figures_to_whom_may_see_contracts(self):
        self.assertEqual(self._shown(self.viewer, "form", "base.view_partner_form"), list(FIGURES))
        self.assertEqual(self._shown(self.viewer, "list", "clm.res_partner_view_list_lifecycle"), list(FIGURES))
        self.assertEqual(self._shown(self.viewer, "list", "base.view_partner_tree"), ["clm_mrr", "clm_tcv"])
        self.assertFalse(self._shown(self.internal, "form", "base.view_partner_form"))
        self.assertFalse(self._shown(self.internal, "list", "base.view_partner_tree"))
        with self.assertRaises(AccessError):
            self.partner.with_user(self.internal).read(["clm_mrr"])

    def test_figures_of_a_contact_are_those_of_its_company_and_a_list_costs_no_more_than_one(self):
        with self.at("2026-03-10"):
            self._create_billed("2026-01-01", [{"price_unit": 100.0}], term_months=12)
            contact = self.partner.child_ids[0]
            others = self.env["res.partner"].create([{"name": f"Customer {number}"} for number in range(20)])
            self.env.flush_all()
            counts = []
            for partners in (contact, contact, self.partner | contact | others):
                self.env.invalidate_all()
                before = self.cr.sql_log_count
                values = partners.with_user(self.viewer).read(FIGURES)
                counts.append(self.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[1] + 2)
        for row in values[:2]:
            self.assertEqual([row[name] for name in FIGURES], [100.0, 1200.0, 1200.0, 1200.0])
        self.assertFalse(values[2]["clm_mrr"])
