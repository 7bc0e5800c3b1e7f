from odoo import api, models
from odoo.fields import Command


class ClmContractMassWizard(models.AbstractModel):
    """A dialog about the contracts that were chosen in a list, or the one it was opened from: ``contract_ids``."""

    _name = "clm.contract.mass.wizard"
    _description = "Dialog of Several Contracts"

    @api.model
    def default_get(self, fields):
        res = super().default_get(fields)
        if self.env.context.get("active_model") == "clm.contract" and not res.get("contract_ids"):
            ids = self.env.context.get("active_ids") or [self.env.context.get("active_id")]
            res["contract_ids"] = [Command.set([contract_id for contract_id in ids if contract_id])]
        return res
