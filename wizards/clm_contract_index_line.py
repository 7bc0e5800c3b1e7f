from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_compare


class ClmContractIndexLine(models.TransientModel):
    """The new price of a contract line, or why a contract is left out."""

    _name = "clm.contract.index.line"
    _description = "Indexed Price"
    _order = "id"
    _rec_name = "contract_id"

    wizard_id = fields.Many2one("clm.contract.index", required=True, ondelete="cascade", index=True)
    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade")
    contract_line_id = fields.Many2one("clm.contract.line", "Line", readonly=True, ondelete="cascade")
    partner_id = fields.Many2one(related="contract_id.partner_id")
    currency_id = fields.Many2one(related="contract_id.currency_id")
    old_price = fields.Float(related="contract_line_id.price_unit", string="Price Now")
    new_price = fields.Float(digits="Product Price", readonly=True)
    change = fields.Float("Change (%)", compute="_compute_change")
    monthly_change = fields.Monetary("Per Month", compute="_compute_change", help="What it adds per month.")
    problem = fields.Char("Left Out Because", readonly=True)

    @api.depends("contract_line_id", "new_price")
    def _compute_change(self):
        for row in self:
            line = row.contract_line_id
            row.change = (row.new_price / line.price_unit - 1) * 100 if line.price_unit else 0.0
            row.monthly_change = row._monthly_amount() - line.monthly_amount if line else 0.0

    def _monthly_amount(self):
        """:return: what the line charges per month at the new price, without taxes"""
        line = self.contract_line_id
        taxes = line.tax_ids.compute_all(
            self.new_price * (1 - (line.discount or 0.0) / 100), self.currency_id, line.quantity,
            product=line.product_id, partner=self.partner_id,
        )
        return line._recurring_amount(taxes["total_excluded"], 1)

    def _amend(self, contract):
        """Amend a contract so that its lines have the prices of these rows.

        :return: the amendment
        :raise UserError: when the contract, or a price, is no longer as the preview showed it
        """
        wizard = self.wizard_id
        amendment = contract._amend(wizard.date, reason=wizard._reason())
        copies = {line.origin_line_id: line for line in amendment.line_ids}
        for row in self:
            line = row.contract_line_id
            raised = line._raised_price(wizard.change)
            if line not in copies or float_compare(raised, row.new_price, precision_digits=6):
                raise UserError(self.env._("It was changed since the preview. Make the preview again."))
            copies[line].price_unit = raised
        if not wizard.needs_signature:
            wizard._conclude(amendment)
        return amendment
