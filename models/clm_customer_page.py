from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .clm_cockpit import MAX_ID

#: Stays of the path that are shown; the last ones.
PATH_LENGTH = 12


class ClmCustomerPage(models.AbstractModel):
    """Everything about one customer on one page, for everybody in the company.

    One call gives the whole page as plain values. Each part is a hook of its own, ``_prepare_<part>(customer)``; what
    a part says of documents that the user has no rights on are names, days and numbers, never the documents. Amounts
    are in the currency of the company that the user works in; only documents of the companies the user works in count.

    The number of queries does not depend on how many documents the customer has.
    """

    _name = "clm.customer.page"
    _description = "Customer Page"

    @api.model
    @api.readonly
    def get_page(self, partner_id):
        """What the page shows.

        :param int partner_id: the customer, or a contact of it
        :return: dict by part, see static/src/customer_page
        :raise AccessError: for people without the lifecycle, and for customers they may not read
        """
        return self._page(self._customer(partner_id))

    @api.model
    def _page(self, customer):
        page = {"today": self._day(self.env.company._lifecycle_today())}
        page.update((part, getattr(self, f"_prepare_{part}")(customer)) for part in self._page_parts())
        page["actions"] = self._prepare_actions(customer, page)
        return page

    @api.model
    def _page_parts(self):
        """Hook: the parts of the page; the next best actions are drawn from them."""
        return [
            "header", "money", "stage", "value", "contracts", "deadlines", "products", "timeline",
        ]

    @api.model
    def _customer(self, partner_id):
        """:return: the commercial partner of a contact, which the user may read"""
        if not self.env.user.has_group("clm.group_viewer"):
            raise AccessError(self.env._("Ask your administrator for the right to see the customer lifecycle."))
        if type(partner_id) is not int or not 0 < partner_id <= MAX_ID:
            raise UserError(self.env._("Choose a customer first."))
        partner = self.env["res.partner"].browse(partner_id).exists()
        if not partner:
            raise UserError(self.env._("This customer was deleted since."))
        partner.check_access("read")
        customer = partner.commercial_partner_id
        customer.check_access("read")
        return customer

    # === MONEY === #

    @api.model
    def _prepare_money(self, customer):
        currency = self.env.company.currency_id
        return {"currency": {"id": currency.id, "name": currency.name}, "is_shown": self._sees_amounts()}

    @api.model
    def _money(self, amount):
        """:return: an amount of the page, rounded; None for those who see no amounts"""
        return self.env.company.currency_id.round(amount) if self._sees_amounts() else None

    @api.model
    def _rate(self, currency):
        """:return: what turns an amount into the currency of the page, at today's rate"""
        company = self.env.company
        if currency == company.currency_id:
            return 1.0
        return self.env["res.currency"]._get_conversion_rate(
            currency, company.currency_id, company, company._lifecycle_today())

    @api.model
    def _rates(self):
        """:return: dict of id of company -> :meth:`_rate` of its currency"""
        by_currency = {currency: self._rate(currency) for currency in self.env.companies.currency_id}
        return {company.id: by_currency[company.currency_id] for company in self.env.companies}

    # === WHO === #

    @api.model
    def _prepare_header(self, customer):
        salesperson = customer.user_id.sudo()  # sudo: a name
        return {
            "id": customer.id,
            "name": customer.display_name,
            "is_archived": not customer.active,
            "place": ", ".join(filter(None, (customer.city, customer.country_id.name))),
            "email": customer.email or "",
            "phone": customer.phone or "",
            "salesperson": {"id": salesperson.id, "name": salesperson.name} if salesperson else None,
            "tags": [{"id": tag.id, "name": tag.name, "color": tag.color} for tag in customer.category_id],
            "can_hand_over": self._can_hand_over(customer),
            "can_ask": self._can_ask(customer),
        }

    @api.model
    def _can_hand_over(self, customer):
        return customer.active and self.env.user.has_group("clm.group_user")

    @api.model
    def _can_ask(self, customer):
        return customer.active and self.env.user.has_group("clm.group_user")

    @api.model
    def _day(self, day):
        return fields.Date.to_string(day) or None

    # === STAGE === #

    @api.model
    def _prepare_stage(self, customer):
        """Where the customer stands, and the way there; None for contacts without a lifecycle."""
        stage = customer.lifecycle_stage_id
        if not stage or not customer.lifecycle_cycle:
            return None
        return {
            "id": stage.id,
            "name": stage.name,
            "since": fields.Datetime.to_string(customer.lifecycle_since) or None,
            "days": customer.lifecycle_days,
            "expected_days": stage.rotting_threshold_days,
            "is_overdue": customer.lifecycle_is_rotting,
            "is_pinned": customer.lifecycle_pinned,
            "is_customer": stage.is_customer,
            "is_lapsed": stage.is_lapsed,
            "cycle": customer.lifecycle_cycle,
            "path": self._prepare_path(customer),
        }

    @api.model
    def _prepare_path(self, customer):
        visits = self.env["clm.visit"].search(
            [("partner_id", "=", customer.id)], order="number desc", limit=PATH_LENGTH)
        return [
            {
                "id": visit.id,
                "name": visit.stage_id.name,
                "entered_at": fields.Datetime.to_string(visit.entered_at),
                "exited_at": fields.Datetime.to_string(visit.exited_at) or None,
                "days": int(visit.days_so_far),
                "cycle": visit.cycle,
                "cause": visit.cause or "",
            }
            for visit in reversed(visits)
        ]


class ResPartner(models.Model):
    _inherit = "res.partner"

    def action_open_customer_page(self):
        """Open the page of the customer, from any of its contacts."""
        self.ensure_one()
        customer = self.env["clm.customer.page"]._customer(self.id)
        action = self.env["ir.actions.client"]._for_xml_id("clm.clm_customer_page_action")
        return {**action, "display_name": customer.display_name, "params": {"partner_id": customer.id}}
