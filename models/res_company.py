from odoo import api, fields, models

from odoo.addons.base.models.res_partner import _tz_get

from ..const import BILLING_GROUPINGS, PRORATIONS


class ResCompany(models.Model):
    _inherit = "res.company"

    lifecycle_tz = fields.Selection(
        _tz_get,
        string="Lifecycle Time Zone",
        help="Days of the customer lifecycle begin at midnight here."
        " Empty: the time zone of the company's contact, or UTC.",
    )

    clm_billing_horizon = fields.Integer(
        "Billing Horizon", default=12, required=True, help="Months for which the billing schedule is made ahead.",
    )
    clm_billing_proration = fields.Selection(
        PRORATIONS, "Broken Periods", default="days", required=True,
        help="How a period is charged that begins or ends in the middle.",
    )
    clm_billing_grouping = fields.Selection(BILLING_GROUPINGS, "Invoices per", default="contract", required=True)
    clm_billing_post = fields.Boolean("Post Invoices", help="Otherwise the billing run leaves drafts to be checked.")
    clm_billing_send = fields.Boolean("Send Invoices", help="By mail, once they are posted.")
    clm_mrr_closed_on = fields.Date(
        readonly=True, help="The last month end at which contracts in foreign currencies were valued.",
    )

    _check_clm_billing_horizon = models.Constraint(
        "CHECK (clm_billing_horizon BETWEEN 1 AND 120)", "The billing horizon is 1 to 120 months.",
    )

    def write(self, vals):
        res = super().write(vals)
        if "lifecycle_tz" in vals:
            self.env["clm.lifecycle.engine"]._enqueue_all()
        if vals.keys() & {"clm_billing_horizon", "clm_billing_proration"}:
            self.env["clm.contract"]._extend_soon(self)
        return res

    @api.model
    def _lifecycle_companies(self):
        """:return: all companies, the main one (lowest id) first; readable by everybody"""
        # sudo: events of every company count for a shared customer
        return self.sudo().with_context(active_test=False).search([], order="id")  # pylint: disable=no-search-all

    @api.model
    def _lifecycle_timezones(self):
        """:return: dict of company id -> name of its time zone, the main company first"""
        return {
            company.id: company.lifecycle_tz or company.partner_id.tz or "UTC"
            for company in self._lifecycle_companies()
        }

    @api.model
    def _lifecycle_currencies(self):
        """:return: dict of company id -> id of its currency, the main company first"""
        return {company.id: company.currency_id.id for company in self._lifecycle_companies()}

    def _lifecycle_today(self):
        """:return: the date that it is now where this company is"""
        self.ensure_one()
        company = self.sudo()  # sudo: everybody may know what day it is at a company of theirs
        zone = company.lifecycle_tz or company.partner_id.tz or "UTC"
        return fields.Datetime.context_timestamp(self.with_context(tz=zone), fields.Datetime.now()).date()
