import base64

from odoo import api, fields, models


class ClmContractPaper(models.TransientModel):
    """Takes the scan of a contract that was signed on paper."""

    _name = "clm.contract.paper"
    _description = "Signed on Paper"
    _inherit = "clm.contract.wizard"

    file = fields.Binary("Signed Copy", required=True, attachment=False)
    filename = fields.Char()
    signature_required = fields.Selection(related="contract_id.signature_required")
    name_us = fields.Char("Signed for Us", default=lambda self: self.env.user.name)
    name_them = fields.Char(
        "Signed for Them", compute="_compute_name_them", store=True, readonly=False, precompute=True
    )
    date = fields.Date(
        "Signed On", required=True, default=lambda self: self.env.company._lifecycle_today(),
        help="The day of the last signature.",
    )

    @api.depends("contract_id")
    def _compute_name_them(self):
        for wizard in self:
            partner = wizard.contract_id.partner_id
            wizard.name_them = wizard.name_them or (False if partner.is_company else partner.name)

    def action_conclude(self):
        """Conclude the contract with the scan as its signed file."""
        self.ensure_one()
        content = base64.b64decode(self.file or b"")
        self.contract_id._sign_on_paper(
            self.filename or self.env._("Signed copy"), content, self.name_us, self.name_them, self.date
        )
        return {"type": "ir.actions.act_window_close"}
