from odoo import api, fields, models
from odoo.exceptions import UserError


class ClmContractOwner(models.TransientModel):
    """Hands contracts over to another owner, with what is still to be done about them."""

    _name = "clm.contract.owner"
    _description = "Change the Owner of Contracts"
    _inherit = "clm.contract.mass.wizard"

    contract_ids = fields.Many2many("clm.contract", string="Contracts", required=True, readonly=True)
    contract_count = fields.Integer(compute="_compute_contract_count")
    user_id = fields.Many2one(
        "res.users", string="New Owner", required=True, domain="[('share', '=', False)]"
    )
    obligations = fields.Boolean(
        "Open Obligations", default=True, help="Of the present owner: they become those of the new one."
    )
    activities = fields.Boolean(
        "Open Activities", default=True, help="Of the present owner: they become those of the new one."
    )

    @api.depends("contract_ids")
    def _compute_contract_count(self):
        for wizard in self:
            wizard.contract_count = len(wizard.contract_ids)

    def action_apply(self):
        """Hand the contracts over. Rights on each contract hold."""
        self.ensure_one()
        contracts = self.contract_ids
        if not contracts:
            raise UserError(self.env._("Choose the contracts first."))
        contracts.check_access("write")
        if self.obligations:
            contracts.obligation_ids.filtered(
                lambda duty: duty.state == "open" and duty.user_id == duty.contract_id.user_id
            ).write({"user_id": self.user_id.id})
        if self.activities:
            self._hand_over_activities(contracts)
        contracts.write({"user_id": self.user_id.id})
        return {"type": "ir.actions.act_window_close"}

    def _hand_over_activities(self, contracts):
        approval = self.env.ref("clm.mail_activity_approval")
        owners = {contract.id: contract.user_id for contract in contracts}
        # sudo: whoever may change the owner may hand over what that owner had to do
        contracts.sudo().activity_ids.filtered(
            lambda activity: activity.activity_type_id != approval and activity.user_id == owners[activity.res_id]
        ).write({"user_id": self.user_id.id})
