from odoo import fields, models


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "clm.signal.mixin"]

    _clm_signal_fields = frozenset({"state", "partner_id", "date_order", "company_id", "amount_untaxed"})

    # Both are filled by the engine after the confirmation, never within it.
    lifecycle_stage_id = fields.Many2one(
        "clm.stage",
        string="Customer's Stage",
        readonly=True,
        copy=False,
        ondelete="restrict",
        groups="clm.group_viewer",
        help="The lifecycle stage that the customer reached with this order.",
    )
    purchase_number = fields.Integer(
        readonly=True,
        copy=False,
        aggregator=None,
        groups="clm.group_viewer",
        help="1 for the customer's first purchase, 2 for the second and so on; 0 while the order is no purchase.",
    )

    def _clm_signals(self, fnames):
        """A total that changes matters once the order is confirmed; everything else always does."""
        if fnames == {"amount_untaxed"}:
            return self.filtered(lambda order: order.state == "sale")
        return self
