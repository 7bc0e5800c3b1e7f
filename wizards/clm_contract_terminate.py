from odoo import api, fields, models


class ClmContractTerminate(models.TransientModel):
    """Asks why and as of when a contract ends, and says from when on it can."""

    _name = "clm.contract.terminate"
    _description = "Terminate a Contract"
    _inherit = "clm.contract.wizard"

    reason_id = fields.Many2one("clm.close.reason", required=True)
    earliest_end = fields.Date(compute="_compute_earliest_end")
    date = fields.Date(
        "Last Day", required=True, compute="_compute_date", store=True, readonly=False, precompute=True,
        help="The last day on which the contract is in force.",
    )
    agreed = fields.Boolean(
        "Both Sides Agree", help="Or there is good cause: notice period and minimum term do not bind."
    )
    too_early = fields.Boolean(compute="_compute_too_early")
    at_once = fields.Boolean(compute="_compute_too_early")
    note = fields.Text("Settlement", help="What is still to be paid, returned or done.")
    notice = fields.Char(compute="_compute_notice")
    date_minimum_end = fields.Date(related="contract_id.date_minimum_end")
    date_notice = fields.Date(related="contract_id.date_notice")

    @api.depends("contract_id")
    def _compute_earliest_end(self):
        for wizard in self:
            wizard.earliest_end = wizard.contract_id._earliest_end() if wizard.contract_id else False

    @api.depends("earliest_end")
    def _compute_date(self):
        for wizard in self:
            wizard.date = wizard.date or wizard.earliest_end

    @api.depends("date", "agreed", "earliest_end")
    def _compute_too_early(self):
        for wizard in self:
            day = wizard.date
            wizard.too_early = bool(day and wizard.earliest_end and day < wizard.earliest_end and not wizard.agreed)
            wizard.at_once = bool(day and wizard.contract_id and day <= wizard.contract_id._today())

    @api.depends("contract_id")
    def _compute_notice(self):
        for wizard in self:
            wizard.notice = wizard.contract_id._describe_notice() if wizard.contract_id else False

    def action_terminate(self):
        """End the contract as of that day."""
        self.ensure_one()
        self.contract_id.action_terminate(self.reason_id.id, self.date, self.note, self.agreed)
        return {"type": "ir.actions.act_window_close"}
