from odoo.fields import Command

from .billing_common import BillingCase


class PageCase(BillingCase):
    """The page of ``cls.partner``, as a salesperson or as somebody with the lifecycle alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._create_user("p-seller", "sales_team.group_sale_salesman_all_leads")
        cls.company.write({"clm_customer_years": 4.0, "clm_gross_margin": 0.5})
        cls.contact = cls.env["res.partner"].create({"name": "Ada", "parent_id": cls.partner.id})

    def _page_model(self, user=None, companies=None):
        page = self.env["clm.customer.page"].with_user(user or self.seller)
        return page.with_context(allowed_company_ids=(companies or self.company).ids)

    def _page(self, user=None, partner=None, companies=None):
        """:return: the page, as the browser gets it"""
        self.env.flush_all()
        self.env.invalidate_all()
        return self._page_model(user, companies).get_page((partner or self.partner).id)

    def _hide_amounts(self):
        self.env["ir.config_parameter"].set_param("clm.viewer_amounts", "False")

    def _create_company(self, name="Other", **vals):
        company = self.env["res.company"].create({"name": name, **vals})
        (self.seller | self.viewer).write({"company_ids": [Command.link(company.id)]})
        return company

    def _create_other_order(self, company, price):
        product = self.product.with_company(company)
        order = self.env["sale.order"].with_company(company).create({
            "partner_id": self.partner.id, "company_id": company.id,
            "order_line": [Command.create({
                "product_id": product.id, "price_unit": price, "tax_ids": [Command.clear()],
            })],
        })
        order.action_confirm()
        return order
