from odoo import fields, models


class ClmCloseReason(models.Model):
    """Why contracts are terminated."""

    _name = "clm.close.reason"
    _description = "Termination Reason"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
