from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.redline import plain_text


class ClmContractClause(models.Model):
    """A clause of one contract: its own copy of the library's text, which may differ from it."""

    _name = "clm.contract.clause"
    _description = "Clause of a Contract"
    _inherit = "clm.contract.content.mixin"
    _order = "contract_id, sequence, id"
    _rec_name = "name"

    contract_id = fields.Many2one("clm.contract", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True)
    sequence = fields.Integer(default=10)
    clause_id = fields.Many2one("clm.clause", string="From Library", ondelete="restrict", index="btree_not_null")
    name = fields.Char("Title", compute="_compute_text", store=True, readonly=False, precompute=True, required=True)
    body = fields.Html(
        "Text", compute="_compute_text", store=True, readonly=False, precompute=True, sanitize_overridable=False
    )
    is_standard = fields.Boolean(
        "Standard", compute="_compute_is_standard", store=True,
        help="The text is that of the library. Another text, or a clause of one's own, adds to the risk.",
    )
    risk_weight = fields.Integer(compute="_compute_is_standard", store=True, aggregator="avg")

    @api.depends("clause_id")
    def _compute_text(self):
        for clause in self:
            library = clause.clause_id.with_context(lang=clause.contract_id.partner_id.lang)
            clause.name = library.name or clause.name
            clause.body = library.body or clause.body

    @api.depends("clause_id", "body")
    def _compute_is_standard(self):
        for clause in self:
            library = clause.clause_id.with_context(lang=clause.contract_id.partner_id.lang)
            clause.is_standard = bool(library) and plain_text(library.body or "") == plain_text(clause.body or "")
            clause.risk_weight = 0 if clause.is_standard else (library.risk_weight if library else 3)

    @api.constrains("name", "body")
    def _check_placeholders(self):
        for clause in self:
            if not clause._is_unlocked():
                self.env["clm.clause"]._check_text(clause.name, clause.body)

    @api.constrains("name")
    def _check_name(self):
        for clause in self:
            if not (clause.name or "").strip():
                raise ValidationError(self.env._("Give every clause a title."))

    def _prepare_copy_vals(self):
        """:return: values of the same clause in another contract"""
        self.ensure_one()
        return {"sequence": self.sequence, "clause_id": self.clause_id.id, "name": self.name, "body": self.body}

    def action_restore(self):
        """Take the library's text again."""
        for clause in self.filtered("clause_id"):
            library = clause.clause_id.with_context(lang=clause.contract_id.partner_id.lang)
            clause.write({"name": library.name, "body": library.body})
        return True
