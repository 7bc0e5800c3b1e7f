from odoo import fields, models
from odoo.http import request


class ClmContractSign(models.TransientModel):
    """Takes our signature under a contract, drawn or typed."""

    _name = "clm.contract.sign"
    _description = "Sign a Contract"
    _inherit = "clm.contract.wizard"

    name = fields.Char("Your Name", required=True, default=lambda self: self.env.user.name)
    signature = fields.Binary(attachment=False)
    version_id = fields.Many2one("clm.contract.version", string="Text", related="contract_id.last_version_id")
    sha256 = fields.Char("SHA-256", related="version_id.sha256")

    def action_sign(self):
        """Sign for our side."""
        self.ensure_one()
        self.contract_id.check_access("write")
        client = request.httprequest if request else None
        self.contract_id._sign(
            "us", self.name, self.signature,
            ip=client and client.remote_addr,
            user_agent=client and client.user_agent.string,
        )
        return {"type": "ir.actions.act_window_close"}
