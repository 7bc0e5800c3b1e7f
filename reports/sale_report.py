from odoo import fields, models


class SaleReport(models.Model):
    """New against repeat revenue in Odoo's own sales analysis."""

    _inherit = "sale.report"

    lifecycle_stage_id = fields.Many2one(
        "clm.stage", string="Customer's Stage", readonly=True, groups="clm.group_viewer",
        help="The lifecycle stage that the customer reached with the order.",
    )
    purchase_number = fields.Integer(
        readonly=True, aggregator=None, groups="clm.group_viewer",
        help="1 for the customer's first purchase, 2 for the second and so on.",
    )
    purchase_type = fields.Selection(
        [("new", "New"), ("repeat", "Repeat")], string="New or Repeat", readonly=True, groups="clm.group_viewer",
        help="New: the customer's first purchase. Repeat: any later one.",
    )

    def _select_additional_fields(self):
        # nothing to add to _group_by_sale: it has the key of the order
        res = super()._select_additional_fields()
        res["lifecycle_stage_id"] = "s.lifecycle_stage_id"
        res["purchase_number"] = "s.purchase_number"
        res["purchase_type"] = "CASE WHEN s.purchase_number = 1 THEN 'new' WHEN s.purchase_number > 1 THEN 'repeat' END"
        return res
