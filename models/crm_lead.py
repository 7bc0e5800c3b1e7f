from odoo import fields, models


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "clm.signal.mixin"]

    _clm_signal_fields = frozenset({"partner_id", "type", "date_conversion", "company_id", "expected_revenue"})

    lifecycle_stage_id = fields.Many2one(
        related="partner_id.lifecycle_stage_id",
        string="Lifecycle Stage",
        groups="clm.group_viewer",
        help="Where the customer of this lead stands now.",
    )
