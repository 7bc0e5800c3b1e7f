from odoo import fields, models
from odoo.exceptions import UserError


class ClmInstallmentSkip(models.TransientModel):
    """Asks why rows of the billing schedule stay unbilled."""

    _name = "clm.installment.skip"
    _description = "Skip Installments"

    installment_ids = fields.Many2many("clm.installment", string="Installments", required=True, readonly=True)
    reason = fields.Char(required=True, help="Stands on the rows and in the history of their contracts.")

    def action_skip(self):
        """Skip them. The rows themselves check what the user may do."""
        self.ensure_one()
        reason = (self.reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why."))
        self.installment_ids.action_skip(reason)
        return {"type": "ir.actions.act_window_close"}
