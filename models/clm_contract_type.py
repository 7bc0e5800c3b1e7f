from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..const import (
    BILLING,
    DIRECTIONS,
    MAX_DAYS,
    NOTICE_UNITS,
    RECURRENCE_UNITS,
    RENEWAL_POLICIES,
    SIGNATURES,
    TERM_LIMITS,
)


class ClmContractType(models.Model):
    """What the contracts of one kind have in common: their terms, clauses, obligations and approvals.

    Everything here is a default that a contract copies. Changing a type never changes an existing contract.
    """

    _name = "clm.contract.type"
    _description = "Contract Type"
    _inherit = ["clm.recurrence.mixin", "clm.door.mixin"]
    _order = "sequence, id"
    _clm_limits = TERM_LIMITS | {
        "signature_days": (0, MAX_DAYS), "recurrence_interval": (1, MAX_DAYS),
    }

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", help="Empty: for every company.", index=True)
    direction = fields.Selection(DIRECTIONS, required=True, default="customer")
    description = fields.Text(translate=True, help="When to use this type.")
    term_months = fields.Integer("Term", default=12, help="In months. 0: the contract has no end date.")
    minimum_months = fields.Integer(
        "Minimum Term", help="In months from the start; until then the other party cannot leave. 0: none."
    )
    notice_count = fields.Integer("Notice Period", default=3)
    notice_unit = fields.Selection(NOTICE_UNITS, default="month", required=True)
    decide_days = fields.Integer(
        "Decide Before", default=30, help="Days before the notice deadline by which the owner is asked to decide."
    )
    renewal_policy = fields.Selection(RENEWAL_POLICIES, string="At the End", required=True, default="manual")
    renewal_limit = fields.Integer("Renewals at Most", help="Automatic renewals in a row. 0: without limit.")
    renewal_months = fields.Integer("Renewal Term", help="In months. 0: as long as the contract.")
    uplift = fields.Float("Price Increase", help="In percent of the prices, at every renewal.")
    recurrence_interval = fields.Integer("Bill Every", default=1)
    recurrence_unit = fields.Selection(RECURRENCE_UNITS, string="Billing Period", required=True, default="month")
    billing = fields.Selection(BILLING, required=True, default="advance")
    signature_required = fields.Selection(SIGNATURES, string="Signatures", required=True, default="both")
    signature_days = fields.Integer(
        "Days to Sign", default=30, help="How long the other party may sign after it was asked. 0: without limit."
    )
    clause_ids = fields.One2many("clm.contract.type.clause", "type_id", string="Clauses", copy=True)
    obligation_ids = fields.One2many("clm.contract.type.obligation", "type_id", string="Obligations", copy=True)
    approval_ids = fields.One2many("clm.contract.approval.step", "type_id", string="Approval Steps", copy=True)
    contract_count = fields.Integer(compute="_compute_contract_count")

    _check_interval = models.Constraint("CHECK (recurrence_interval > 0)", "Bill every 1 or more periods.")

    def _compute_contract_count(self):
        counts = dict(self.env["clm.contract"]._read_group([("type_id", "in", self.ids)], ["type_id"], ["__count"]))
        for contract_type in self:
            contract_type.contract_count = counts.get(contract_type, 0)

    @api.constrains("renewal_policy", "term_months", "notice_count", "notice_unit")
    def _check_terms(self):
        for contract_type in self:
            if contract_type.term_months and contract_type._notice_exceeds_term():
                raise ValidationError(self.env._(
                    "The notice period of “%(type)s” is longer than its term. Shorten it or lengthen the term.",
                    type=contract_type.name,
                ))

    def _notice_exceeds_term(self):
        days = self.notice_count * (30 if self.notice_unit == "month" else 1)
        return days > self.term_months * 30

    def action_open_contracts(self):
        """The contracts of this type."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(f"clm.clm_contract_action_{self.direction}")
        action["domain"] = [("type_id", "=", self.id)]
        action["context"] = {"default_type_id": self.id, "default_direction": self.direction}
        return action
