from contextlib import suppress

from odoo import api, fields, models

from ..const import PLACEHOLDERS
from ..tools.placeholders import fill
from ..tools.redline import sanitise

# stands for what is not known yet
GAP = "…"


class ClmContract(models.Model):
    _inherit = "clm.contract"

    def _preview_values(self):
        """:return: what placeholders say while the contract is written; a gap for what is not known yet"""
        if not self.company_id or not self.type_id:
            return dict.fromkeys(PLACEHOLDERS, GAP)
        values = {name: value or GAP for name, value in self._placeholder_values().items()}
        return {**values, "contract_number": GAP} if self.name == "/" else values


class ClmContractClause(models.Model):
    """A clause as people read it, its placeholders filled."""

    _inherit = "clm.contract.clause"

    is_own = fields.Boolean(compute="_compute_is_own", help="Not from the library.")
    body_filled = fields.Html(
        "Text as Read", compute="_compute_body_filled", sanitize=False,
        help="With placeholders filled; once locked, as in the last version.",
    )

    @api.depends("clause_id")
    def _compute_is_own(self):
        for clause in self:
            clause.is_own = not clause.clause_id

    @api.depends(
        "body", "contract_id.state", "contract_id.partner_id", "contract_id.company_id", "contract_id.title",
        "contract_id.date_start", "contract_id.date_end", "contract_id.term_months", "contract_id.minimum_months",
        "contract_id.notice_count", "contract_id.notice_unit", "contract_id.renewal_policy",
        "contract_id.renewal_months", "contract_id.currency_id", "contract_id.tcv", "contract_id.user_id",
    )
    def _compute_body_filled(self):
        for contract, clauses in self.grouped("contract_id").items():
            agreed = {}
            if contract.is_locked:
                agreed = {clause["id"]: clause["body"] for clause in contract.last_version_id.clauses or []}
            values = {}
            for clause in clauses:
                if clause._origin.id in agreed:
                    clause.body_filled = agreed[clause._origin.id]
                    continue
                values = values or contract._preview_values()
                clause.body_filled = clause._filled(values)

    def _filled(self, values):
        """:return: the text with these values; as it is where it has a placeholder that is refused on saving"""
        body = self.body or ""
        with suppress(KeyError):
            body = fill(body, values)
        return sanitise(body)
