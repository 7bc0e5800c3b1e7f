from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command


class ClmContractRenew(models.TransientModel):
    """Renews one contract or many, and shows beforehand what each renewal will be."""

    _name = "clm.contract.renew"
    _description = "Renew Contracts"
    _inherit = "clm.contract.mass.wizard"

    contract_ids = fields.Many2many("clm.contract", string="Contracts", required=True, readonly=True)
    line_ids = fields.One2many(
        "clm.contract.renew.line", "wizard_id", string="Renewals", compute="_compute_line_ids", store=True,
        readonly=False,
    )
    own_uplift = fields.Boolean(
        "Increase as Agreed", default=True, help="Each contract with the price increase that stands in it."
    )
    uplift = fields.Float("Price Increase", help="In percent of the prices, for all.")
    own_months = fields.Boolean("Term as Agreed", default=True, help="Each contract with its own renewal term.")
    months = fields.Integer("Term", default=12, help="In months, for all.")
    quotation = fields.Boolean(
        "Make a Quotation",
        help="A quotation for each renewal; when the customer confirms it, the renewal is concluded.",
    )
    has_suppliers = fields.Boolean(compute="_compute_counts")
    has_problems = fields.Boolean(compute="_compute_counts")
    contract_count = fields.Integer(compute="_compute_counts")
    ready_count = fields.Integer("Can Be Renewed", compute="_compute_counts")

    @api.depends("contract_ids")
    def _compute_line_ids(self):
        for wizard in self:
            wizard.line_ids = [Command.clear()] + [
                Command.create({"contract_id": contract._origin.id}) for contract in wizard.contract_ids
            ]

    @api.depends("contract_ids", "line_ids.problem")
    def _compute_counts(self):
        for wizard in self:
            wizard.contract_count = len(wizard.contract_ids)
            wizard.has_suppliers = "supplier" in wizard.contract_ids.mapped("direction")
            wizard.has_problems = any(wizard.line_ids.mapped("problem"))
            wizard.ready_count = len(wizard.line_ids.filtered(lambda line: not line.problem))

    def action_renew(self):
        """Prepare the renewals. Contracts that cannot be renewed are left out; the dialog said why.

        :return: action that opens the renewals, or the quotation of the only one
        :raise UserError: when none can be renewed
        """
        self.ensure_one()
        lines = self.line_ids.filtered(lambda line: not line.problem)
        if not lines:
            raise UserError(
                self.line_ids[0].problem if len(self.line_ids) == 1
                else self.env._("None of these contracts can be renewed.")
            )
        if len(lines) == 1:
            return lines._renew()
        successors = self.env["clm.contract"]
        for line in lines:
            line._renew()
            successors |= line.contract_id.next_id
        return successors._get_records_action(name=self.env._("Renewals"))


class ClmContractRenewLine(models.TransientModel):
    """What the renewal of one contract will be."""

    _name = "clm.contract.renew.line"
    _description = "Renewal of a Contract"
    _order = "id"
    _rec_name = "contract_id"

    wizard_id = fields.Many2one("clm.contract.renew", required=True, ondelete="cascade", index=True)
    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade")
    partner_id = fields.Many2one(related="contract_id.partner_id")
    currency_id = fields.Many2one(related="contract_id.currency_id")
    date_end = fields.Date("Ends", related="contract_id.date_end")
    uplift = fields.Float("Increase (%)", compute="_compute_terms")
    months = fields.Integer(compute="_compute_terms")
    mrr = fields.Monetary("Per Month Now", related="contract_id.mrr")
    new_start = fields.Date("From", compute="_compute_renewal")
    new_end = fields.Date("Until", compute="_compute_renewal")
    new_mrr = fields.Monetary("Per Month Then", compute="_compute_renewal")
    problem = fields.Char("Left Out", compute="_compute_problem")

    @api.depends("contract_id", "wizard_id.own_uplift", "wizard_id.uplift", "wizard_id.own_months", "wizard_id.months")
    def _compute_terms(self):
        for line in self:
            wizard, contract = line.wizard_id, line.contract_id
            line.uplift = contract.uplift if wizard.own_uplift else wizard.uplift
            own = contract.renewal_months or contract.term_months or 12
            line.months = own if wizard.own_months or wizard.months < 1 else wizard.months

    @api.depends("uplift", "months", "problem")
    def _compute_renewal(self):
        for line in self:
            contract = line.contract_id
            if line.problem or not contract.date_end:
                line.update({"new_start": False, "new_end": False, "new_mrr": 0.0})
                continue
            line.update({
                "new_start": fields.Date.add(contract.date_end, days=1),
                "new_end": contract._end_of_renewal(line.months),
                "new_mrr": contract.currency_id.round(sum(
                    item.monthly_amount * item._raised_price(line.uplift) / item.price_unit
                    for item in contract._lines_to_renew() if item.price_unit
                )),
            })

    @api.depends("contract_id")
    def _compute_problem(self):
        for line in self:
            try:
                line.contract_id._check_renewable()
            except UserError as error:
                line.problem = str(error)
            else:
                line.problem = False

    def _renew(self):
        self.ensure_one()
        wizard = self.wizard_id
        quotation = wizard.quotation and self.contract_id.direction == "customer"
        return self.contract_id.action_renew(uplift=self.uplift, months=self.months, quotation=quotation)
