from odoo import fields, models


class ClmContractTypeClause(models.Model):
    """The place of a library clause in the contracts of a type."""

    _name = "clm.contract.type.clause"
    _description = "Clause of a Contract Type"
    _order = "sequence, id"
    _rec_name = "clause_id"

    type_id = fields.Many2one("clm.contract.type", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="type_id.company_id", store=True)
    sequence = fields.Integer(default=10)
    clause_id = fields.Many2one("clm.clause", required=True, ondelete="restrict", index=True)
    category = fields.Selection(related="clause_id.category")
