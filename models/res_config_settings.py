from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from .clm_ledger import CUSTOMER_DOMAIN, DEFAULT_CUSTOMER_DOMAIN


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    lifecycle_tz = fields.Selection(related="company_id.lifecycle_tz", readonly=False)
    clm_billing_horizon = fields.Integer(related="company_id.clm_billing_horizon", readonly=False)
    clm_billing_proration = fields.Selection(related="company_id.clm_billing_proration", readonly=False)
    clm_billing_grouping = fields.Selection(related="company_id.clm_billing_grouping", readonly=False)
    clm_billing_post = fields.Boolean(related="company_id.clm_billing_post", readonly=False)
    clm_billing_send = fields.Boolean(related="company_id.clm_billing_send", readonly=False)
    clm_gross_margin = fields.Float(related="company_id.clm_gross_margin", readonly=False)
    clm_customer_years = fields.Float(related="company_id.clm_customer_years", readonly=False)
    lifecycle_customer_domain = fields.Char(
        "Who Has a Lifecycle",
        config_parameter=CUSTOMER_DOMAIN,
        default=DEFAULT_CUSTOMER_DOMAIN,
        help="Companies and persons without a company that match have a lifecycle.",
    )

    @api.model
    def _check_customer_domain(self, text):
        try:
            domain = Domain(safe_eval(text))
            self.env["res.partner"]._search(domain, limit=1)
        except Exception as error:
            raise UserError(self.env._(
                "The filter that says who has a lifecycle cannot be read (%(error)s). Build it anew.", error=error
            )) from error

    def set_values(self):
        ledger = self.env["clm.ledger"]
        before = ledger._customer_domain()
        self._check_customer_domain(self.lifecycle_customer_domain or "[]")
        res = super().set_values()
        if ledger._customer_domain() != before:
            self.env["clm.lifecycle.engine"]._enqueue_all()
        return res
