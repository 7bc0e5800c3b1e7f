from odoo import fields, models

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

    def set_values(self):
        ledger = self.env["clm.ledger"]
        before = ledger._customer_domain()
        self.env["res.partner"]._lifecycle_filter(self.lifecycle_customer_domain, self.env._("Who has a lifecycle"))
        res = super().set_values()
        if ledger._customer_domain() != before:
            self.env["clm.lifecycle.engine"]._enqueue_all()
        return res
