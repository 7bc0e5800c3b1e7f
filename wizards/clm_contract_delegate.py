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
        """People of the contract's company who can read contracts, but neither own this one nor asked for approval."""
        # sudo: who belongs to a group is not for everybody to read
        readers = self.env.ref("clm.group_viewer").sudo().all_user_ids
        for wizard in self:
            contract = wizard.contract_id
            asked = contract._current_approvals().requested_by_id
            wizard.allowed_user_ids = readers.filtered(
                lambda user: user.active and not user.share
                and contract.company_id in user.company_ids  # noqa: B023
                and user not in (contract.user_id, self.env.user, *asked)  # noqa: B023
            ).sudo(False)

    def action_delegate(self):
        """Pass the decision on."""
        self.ensure_one()
        self.contract_id._delegate(self.user_id, (self.comment or "").strip() or None)
        return {"type": "ir.actions.act_window_close"}
