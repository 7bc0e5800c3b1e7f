from odoo import api, fields, models


class ClmContractAmend(models.TransientModel):
    """Asks from when on a contract changes, and drafts the amendment."""

    _name = "clm.contract.amend"
    _description = "Amend a Contract"
    _inherit = "clm.contract.wizard"

    date = fields.Date(
        "Changes From", required=True, compute="_compute_dates", store=True, readonly=False, precompute=True,
        help="The first day on which the change holds.",
    )
    date_end = fields.Date(
        "New End", compute="_compute_dates", store=True, readonly=False, precompute=True,
        help="The last day of the contract. Leave as it is for a change within the term.",
    )
    old_end = fields.Date("Present End", related="contract_id.date_end")
    reason = fields.Char("What Changes", help="Becomes the title of the amendment.")

    @api.depends("contract_id")
    def _compute_dates(self):
        for wizard in self:
            contract = wizard.contract_id
            today = contract._today() if contract else False
            wizard.date = max(today, contract.date_start) if contract.date_start else today
            wizard.date_end = contract.date_end

    def action_amend(self):
        """Draft the amendment.

        :return: action that opens it
        """
        self.ensure_one()
        amendment = self.contract_id._amend(self.date, end=self.date_end, reason=(self.reason or "").strip() or None)
        return amendment._get_records_action(name=self.env._("Amendment"))
