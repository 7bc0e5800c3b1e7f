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
            res["contract_id"] = self._active_contracts()[:1].id
        return res

    @api.model
    def _active_contracts(self):
        """:return: the contracts of the screen behind the dialog"""
        if self.env.context.get("active_model") != "clm.contract":
            return self.env["clm.contract"]
        ids = self.env.context.get("active_ids") or [self.env.context.get("active_id")]
        return self.env["clm.contract"].browse(filter(None, ids)).exists()

    @api.model_create_multi
    def create(self, vals_list):
        wizards = super().create(vals_list)
        for wizard in wizards:
            if not wizard.contract_id:
                raise UserError(self.env._("Open this dialog from a contract."))
        return wizards
