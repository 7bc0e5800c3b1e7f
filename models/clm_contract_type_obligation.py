from odoo import fields, models

from ..const import MAX_DAYS, NOTICE_UNITS, OBLIGATION_RECURRENCES, SIDES


class ClmContractTypeObligation(models.Model):
    """A duty that every contract of a type brings."""

    _name = "clm.contract.type.obligation"
    _description = "Obligation of a Contract Type"
    _inherit = "clm.door.mixin"
    _order = "sequence, id"
    _clm_limits = {"offset_count": (0, MAX_DAYS), "recurrence_interval": (1, MAX_DAYS)}

    type_id = fields.Many2one("clm.contract.type", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="type_id.company_id", store=True)
    sequence = fields.Integer(default=10)
    name = fields.Char("Obligation", required=True, translate=True)
    side = fields.Selection(SIDES, string="Whose", required=True, default="us")
    offset_count = fields.Integer("Due After", default=0, help="Time after the start of the contract.")
    offset_unit = fields.Selection(NOTICE_UNITS, default="day", required=True)
    recurrence_interval = fields.Integer("Every", default=1)
    recurrence_unit = fields.Selection(OBLIGATION_RECURRENCES, string="Repeats", default="none", required=True)

    _check_interval = models.Constraint("CHECK (recurrence_interval > 0)", "Repeat every 1 or more periods.")
