from odoo import api, fields, models
from odoo.tools import SQL, str2bool

from .clm_event import OPTIONAL_COLUMNS

VIEWER_AMOUNTS = "clm.viewer_amounts"
#: Whoever sells or books sees amounts in any case.
AMOUNT_GROUPS = (
    "sales_team.group_sale_salesman", "account.group_account_invoice", "account.group_account_readonly",
)
EVENT_COLUMNS = (
    "id", "partner_id", "date", "day", "kind", "kind_number", "amount", "currency_id", "company_id", "model", "res_id",
    *OPTIONAL_COLUMNS,
)


class ClmCustomerPage(models.AbstractModel):
    _inherit = "clm.customer.page"

    @api.model
    def _viewers_see_amounts(self):
        """:return: whether the lifecycle alone is enough to see amounts; so it is unless somebody said otherwise"""
        # sudo: a setting that concerns everybody
        return str2bool(self.env["ir.config_parameter"].sudo().get_param(VIEWER_AMOUNTS, "True"), True)

    @api.model
    def _sees_amounts(self):
        """:return: whether the user sees amounts of customers"""
        user = self.env.user
        return self.env.su or any(map(user.has_group, AMOUNT_GROUPS)) or self._viewers_see_amounts()


class ClmEvent(models.Model):
    _inherit = "clm.event"

    # what one user may not see must not stay behind for another one, or for the system
    amount = fields.Monetary(depends_context=["uid"])

    @property
    def _table_query(self):
        """The timeline has no amounts for those who may not see them: neither to read nor to filter or add up."""
        events = super()._table_query
        if self.env["clm.customer.page"]._sees_amounts():
            return events
        columns = (
            SQL("NULL::numeric AS amount") if name == "amount" else SQL.identifier("e", name) for name in EVENT_COLUMNS
        )
        return SQL("SELECT %s FROM (%s) e", SQL(", ").join(columns), events)


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    # no config_parameter: Odoo forgets those that are off, and this one is on unless it is set
    clm_viewer_amounts = fields.Boolean("Everybody with the lifecycle sees amounts")

    @api.model
    def get_values(self):
        return {**super().get_values(), "clm_viewer_amounts": self.env["clm.customer.page"]._viewers_see_amounts()}

    def set_values(self):
        res = super().set_values()
        # sudo: managers of the lifecycle save these settings too
        self.env["ir.config_parameter"].sudo().set_param(VIEWER_AMOUNTS, str(self.clm_viewer_amounts))
        return res
