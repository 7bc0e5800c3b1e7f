from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools.safe_eval import safe_eval


class ClmRule(models.Model):
    """A reason to stand in a stage: when all conditions hold, the customer moves there."""

    _name = "clm.rule"
    _description = "Lifecycle Rule"
    _inherit = "clm.policy.mixin"
    _order = "stage_id, sequence, id"

    _clm_policy_fields = frozenset(
        {"active", "sequence", "stage_id", "from_stage_ids", "partner_domain", "condition_ids"}
    )

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10, help="Of two rules that lead to the same stage, the lower number is named.")
    stage_id = fields.Many2one(
        "clm.stage", string="Move To", required=True, ondelete="restrict", index=True,
        help="Where the customer moves when all conditions hold.",
    )
    from_stage_ids = fields.Many2many(
        "clm.stage", string="Only From",
        help="Leave empty to move forward only. Choose stages to move from these alone, also backward.",
    )
    partner_domain = fields.Char(
        "Only For", help="Which customers the rule is about. Empty: all of them.", default="[]"
    )
    condition_ids = fields.One2many("clm.rule.condition", "rule_id", string="Conditions", copy=True)
    summary = fields.Char(compute="_compute_summary", help="The rule in words.")

    @api.depends("condition_ids.display_name", "stage_id.name", "from_stage_ids.name")
    @api.depends_context("lang")
    def _compute_summary(self):
        for rule in self:
            conditions = "; ".join(rule.condition_ids.mapped("display_name"))
            if rule.from_stage_ids:
                rule.summary = self.env._(
                    "From %(stages)s: %(conditions)s",
                    stages=", ".join(rule.from_stage_ids.mapped("name")), conditions=conditions,
                )
            else:
                rule.summary = conditions

    @api.constrains("active", "condition_ids", "stage_id", "from_stage_ids")
    def _check_conditions(self):
        for rule in self:
            if rule.active and not rule.condition_ids:
                raise ValidationError(self.env._(
                    "Rule %(rule)s has no condition, so it would hold for everybody. Add at least one.", rule=rule.name
                ))
            if rule.stage_id in rule.from_stage_ids:
                raise ValidationError(self.env._(
                    "Rule %(rule)s leads from %(stage)s to itself. Take it out of \"Only From\".",
                    rule=rule.name, stage=rule.stage_id.name,
                ))
        self.env["clm.policy"]._check()

    @api.constrains("partner_domain")
    def _check_partner_domain(self):
        for rule in self:
            self.env["res.partner"]._lifecycle_filter(rule.partner_domain, rule.name)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_history(self):
        """The ledger names the rule that made a move; there is no foreign key to keep it."""
        # sudo: the ledger of customers that the user may not see counts as well
        visits = self.env["clm.visit"].sudo().with_context(active_test=False)
        used = self.filtered(lambda rule: visits.search_count([("rule_id", "=", rule.id)], limit=1))
        if used:
            raise UserError(self.env._(
                "%(rules)s moved customers before, and their history names it. Archive it instead.",
                rules=", ".join(used.mapped("name")),
            ))

    def _get_partner_domain(self):
        """:return: list, the domain on ``res.partner`` that says whom the rule is about"""
        return safe_eval(self.partner_domain or "[]")

    def action_preview(self):
        """Dry run: what would the policy with this rule as it stands now change?"""
        return self.env["clm.policy.preview"]._open(rule_ids=self.ids)
