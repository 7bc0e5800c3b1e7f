from odoo import fields, models

from ..const import MAX_MONTHS


class ClmContractApprovalStep(models.Model):
    """Who must approve a contract of a type, and from what size on.

    A step applies when every threshold that it sets is reached; one that sets none always applies.
    """

    _name = "clm.contract.approval.step"
    _description = "Approval Step"
    _inherit = "clm.door.mixin"
    _order = "sequence, id"
    _clm_limits = {
        "min_amount": (0.0, 1e15), "min_months": (0, MAX_MONTHS), "min_discount": (0.0, 100.0), "min_risk": (0, 100),
    }

    type_id = fields.Many2one("clm.contract.type", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="type_id.company_id", store=True)
    sequence = fields.Integer(default=10, help="Steps of the same number are asked together.")
    name = fields.Char("Step", required=True, translate=True)
    min_amount = fields.Float(
        "Value From", help="Total value of the contract, in the currency of its company. 0: any."
    )
    min_months = fields.Integer("Term From", help="In months; a contract without end counts as endless. 0: any.")
    min_discount = fields.Float("Discount From", help="Highest discount of a line, in percent. 0: any.")
    min_risk = fields.Integer("Risk From", help="Risk of the contract, 0 to 100. 0: any.")
    nonstandard_only = fields.Boolean("Other Wording", help="Only when a clause differs from the library.")
    user_ids = fields.Many2many(
        "res.users", string="Approvers", help="Empty: every member of the approver group may decide."
    )

    def _applies(self, amount, months, discount, risk, nonstandard):
        """Tell whether this step is needed.

        :param float amount: total value in company currency; a negative one weighs as much
        :param months: term in months, ``None`` for an open end
        :param float discount: highest discount in percent
        :param int risk: 0-100
        :param bool nonstandard: whether a clause differs from the library
        """
        self.ensure_one()
        return (
            (not self.min_amount or abs(amount) >= self.min_amount)
            and (not self.min_months or months is None or months >= self.min_months)
            and (not self.min_discount or discount >= self.min_discount)
            and (not self.min_risk or risk >= self.min_risk)
            and (nonstandard or not self.nonstandard_only)
        )
