from odoo import fields, models


class ClmContractSuspend(models.TransientModel):
    """Asks for the days and the reason of a pause."""

    _name = "clm.contract.suspend"
    _description = "Pause a Contract"
    _inherit = "clm.contract.wizard"

    date_from = fields.Date("From", required=True, default=lambda self: self.env.company._lifecycle_today())
    date_to = fields.Date("Until", help="The last day of the pause. Empty: until somebody resumes the contract.")
    extend_end = fields.Boolean(
        "Move the End", help="Both sides agreed that the contract ends later by the days of the pause."
    )
    date_end = fields.Date("End of the Contract", related="contract_id.date_end")
    reason = fields.Char(required=True)

    def action_suspend(self):
        """Pause the contract."""
        self.ensure_one()
        self.contract_id._suspend(self.reason, self.date_from, self.date_to, self.extend_end)
        return {"type": "ir.actions.act_window_close"}
