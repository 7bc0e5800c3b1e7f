import hashlib
import json

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import consteq

from ..const import SIDES
from ..tools.placeholders import literal
from ..tools.redline import redline
from ..tools.transitions import THEM, US


class ClmContractVersion(models.Model):
    """A numbered text of a contract as one side put it forward. Never changes: the next wording is the next version."""

    _name = "clm.contract.version"
    _description = "Contract Version"
    _inherit = "clm.door.mixin"
    _order = "contract_id, number desc"
    _rec_name = "number"

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True)
    number = fields.Integer(required=True, readonly=True, aggregator=None)
    side = fields.Selection(SIDES, string="Author", required=True, readonly=True)
    date = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", string="By", readonly=True)
    author_name = fields.Char(readonly=True)
    note = fields.Char("Comment", readonly=True)
    clauses = fields.Json(readonly=True, help="Title and text of each clause, placeholders filled.")
    terms = fields.Json(readonly=True, help="Lines, dates and terms at that time.")
    body = fields.Html("Text", compute="_compute_body", sanitize=False)
    sha256 = fields.Char("SHA-256", required=True, readonly=True)
    inserted = fields.Integer(readonly=True, aggregator=None, help="Words that the version before did not have.")
    deleted = fields.Integer(readonly=True, aggregator=None, help="Words of the version before that are gone.")
    taken_over = fields.Boolean(readonly=True, help="Set once we took the other side's wording into the contract.")
    shared_at = fields.Datetime(
        "Shared On", readonly=True, help="From here on the other party sees this version. Empty: it is internal.",
    )

    _number_uniq = models.UniqueIndex("(contract_id, number)")

    @api.depends("clauses")
    def _compute_body(self):
        for version in self:
            version.body = version._body()

    def _body(self):
        """:return: the whole text as HTML, clauses numbered"""
        self.ensure_one()
        return self.env["ir.qweb"]._render(
            "clm.contract_text",
            # bodies were sanitised before they were stored
            {"clauses": [{**clause, "body": Markup(clause["body"])} for clause in self.clauses or []]},
        )

    @api.depends("number", "side", "contract_id")
    def _compute_display_name(self):
        labels = dict(self._fields["side"]._description_selection(self.env))
        for version in self:
            version.display_name = self.env._(
                "Version %(number)s (%(side)s)", number=version.number, side=labels.get(version.side, "")
            )

    @api.model
    def _hash(self, clauses, terms):
        """:return: SHA-256 (hex) over text and terms, in a form that does not depend on the order of keys"""
        canonical = json.dumps([clauses, terms], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _is_genuine(self):
        """Tell whether text and terms still are those that were hashed."""
        self.ensure_one()
        # an empty list comes back from the database as nothing
        return consteq(self._hash(self.clauses or [], self.terms or {}), self.sha256 or "")

    def _redline(self, older):
        """Compare with another version.

        :param older: ``clm.contract.version``, may be empty
        :return: :class:`tools.redline.Redline`
        """
        self.ensure_one()
        return redline(older._body() if older else "", self._body())

    def write(self, vals):
        if not self._is_unlocked():
            raise UserError(self.env._("A version never changes. Save another wording as the next version."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_history(self):
        if self.contract_id.exists() and not self._is_unlocked():
            raise UserError(self.env._("Versions are the history of the contract and cannot be deleted."))

    def action_take_over(self):
        """Bring the wording of the other side into the contract. Braces of theirs are words: nothing fills them.

        :raise UserError: when the contract is no longer edited, or clauses of the version are gone or were renumbered
        """
        self.ensure_one()
        contract = self.contract_id
        contract.check_access("write")
        if self.side != THEM:
            raise UserError(self.env._("This is our own wording already."))
        contract._check_editable(["clause_ids"])
        contract._lock()
        proposed = {clause["id"]: clause["body"] for clause in self.clauses if clause.get("proposed")}
        clauses = contract.clause_ids.filtered(lambda clause: clause.id in proposed)
        if len(clauses) < len(proposed):
            raise UserError(self.env._(
                "A clause of this version is no longer part of %(contract)s. Copy the wording by hand.",
                contract=contract.display_name,
            ))
        contract.write({"clause_ids": [
            Command.update(clause.id, {"body": literal(proposed[clause.id])}) for clause in clauses
        ]})
        self.sudo()._unlocked().write({"taken_over": True})  # sudo: nobody writes versions by hand
        contract._set_pen(US)
        contract.message_post(body=self.env._("Wording of version %(number)s taken over.", number=self.number))
        return True

    def action_redline(self):
        """Show what this version changed."""
        self.ensure_one()
        older = self.contract_id.version_ids.filtered(lambda version: version.number < self.number)
        return self.contract_id._open_redline(older.sorted("number")[-1:], self)
