from odoo import api, fields, models


class ClmContractDelegate(models.TransientModel):
    """Asks who decides instead."""

    _name = "clm.contract.delegate"
    _description = "Pass a Decision On"
    _inherit = "clm.contract.wizard"

    allowed_user_ids = fields.Many2many("res.users", compute="_compute_allowed_user_ids")
    user_id = fields.Many2one(
        "res.users", string="Decides Instead", required=True, domain="[('id', 'in', allowed_user_ids)]"
    )
    comment = fields.Char()

    @api.depends("contract_id")
    def _compute_allowed_user_ids(self):
        for wizard in self:
            wizard.allowed_user_ids = wizard.contract_id._delegates()

    def action_delegate(self):
        """Pass the decision on."""
        self.ensure_one()
        self.contract_id._delegate(self.user_id, (self.comment or "").strip() or None)
        return {"type": "ir.actions.act_window_close"}
