from odoo import api, fields, models

from ..tools.transitions import CANCELLED


class SaleOrderLine(models.Model):
    """What a contract bills is not billed by its order as well."""

    _inherit = "sale.order.line"

    clm_contract_line_ids = fields.One2many(
        "clm.contract.line", "sale_line_id", string="Contract Lines", groups="base.group_user",
    )

    @api.depends("clm_contract_line_ids.contract_id.state", "clm_contract_line_ids.contract_id.billing_mode")
    def _compute_qty_to_invoice(self):
        res = super()._compute_qty_to_invoice()
        for line in self:
            if line.qty_to_invoice and line._clm_is_billed_by_contract():
                line.qty_to_invoice = 0
        return res

    def _clm_is_billed_by_contract(self):
        self.ensure_one()
        contracts = self.sudo().clm_contract_line_ids.contract_id  # sudo: salespeople do not read every contract
        return any(contract.state != CANCELLED and contract.billing_mode != "none" for contract in contracts)
