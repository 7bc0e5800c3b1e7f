from odoo import api, fields, models
from odoo.exceptions import UserError


class ClmContractWizard(models.AbstractModel):
    """A dialog about the one contract it was opened from."""

    _name = "clm.contract.wizard"
    _description = "Dialog of a Contract"

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="contract_id.company_id")
    partner_id = fields.Many2one(related="contract_id.partner_id")

    @api.model
    def default_get(self, fields):
        res = super().default_get(fields)
        if "contract_id" in fields and not res.get("contract_id"):
            contract = self._active_contract()
            if not contract:
                raise UserError(self.env._("Open this dialog from a contract."))
            res["contract_id"] = contract.id
        return res

    @api.model
    def _active_contract(self):
        """:return: the contract of the screen behind the dialog"""
        contracts = self.env["clm.contract"]
        if self.env.context.get("active_model") != contracts._name:
            return contracts
        return contracts.browse(self.env.context.get("active_id")).exists()
