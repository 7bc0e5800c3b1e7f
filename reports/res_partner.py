from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    lifecycle_funnel_ids = fields.One2many(
        "clm.funnel.report", "partner_id", string="Funnel", readonly=True, groups="clm.group_viewer",
        help="How far the customer got in each cycle. For filters.",
    )
