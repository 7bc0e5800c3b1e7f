from odoo import api, fields, models

from odoo.addons.base.models.res_partner import _tz_get


class ResCompany(models.Model):
    _inherit = "res.company"

    lifecycle_tz = fields.Selection(
        _tz_get,
        string="Lifecycle Time Zone",
        help="Days of the customer lifecycle begin at midnight here."
        " Empty: the time zone of the company's contact, or UTC.",
    )

    def write(self, vals):
        res = super().write(vals)
        if "lifecycle_tz" in vals:
            self.env["clm.lifecycle.engine"]._enqueue_all()
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
