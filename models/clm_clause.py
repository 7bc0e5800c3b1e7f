from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..const import PLACEHOLDERS
from ..tools.placeholders import problems


class ClmClause(models.Model):
    """A clause of the library. Contracts copy its text; a text of theirs that differs is marked and counts as risk.

    ``{{ name }}`` in the text is filled from the contract. Nothing else is: there is no expression to evaluate.
    """

    _name = "clm.clause"
    _description = "Clause"
    _order = "sequence, id"

    name = fields.Char("Title", required=True, translate=True)
    category = fields.Selection(
        [
            ("parties", "Parties"),
            ("scope", "Scope"),
            ("price", "Price and payment"),
            ("term", "Term and notice"),
            ("liability", "Warranty and liability"),
            ("confidentiality", "Confidentiality"),
            ("data", "Data protection"),
            ("ip", "Intellectual property"),
            ("dispute", "Law and disputes"),
            ("general", "General"),
        ],
        required=True,
        default="general",
    )
    body = fields.Html("Text", required=True, translate=True, sanitize_overridable=False)
    risk_weight = fields.Integer(
        "Risk of a Deviation", default=3, help="From 0 (harmless) to 10: how much another wording adds to the risk."
    )
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", help="Empty: for every company.", index=True)
    placeholder_help = fields.Char("Placeholders", compute="_compute_placeholder_help")

    _check_risk_weight = models.Constraint(
        "CHECK (risk_weight BETWEEN 0 AND 10)", "The risk of a deviation goes from 0 to 10."
    )

    @api.depends("name")
    def _compute_placeholder_help(self):
        self.placeholder_help = ", ".join(f"{{{{ {name} }}}}" for name in PLACEHOLDERS)

    @api.constrains("name", "body")
    def _check_placeholders(self):
        for clause in self:
            self._check_text(clause.name, clause.body)

    @api.model
    def _check_text(self, title, body):
        """Refuse a text with placeholders that nothing fills, or a title with any.

        :raise ValidationError: naming what is unknown and what may be used
        """
        if "{{" in (title or ""):
            raise ValidationError(self.env._(
                "The title “%(title)s” has a placeholder. Only the text of a clause is filled.", title=title,
            ))
        if unknown := problems(body or "", PLACEHOLDERS):
            raise ValidationError(self.env._(
                "“%(clause)s” has placeholders that cannot be filled: %(unknown)s. Outside of links, use: %(known)s.",
                clause=title,
                unknown=", ".join(unknown),
                known=", ".join(PLACEHOLDERS),
            ))
