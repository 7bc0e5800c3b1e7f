from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class ClmStage(models.Model):
    """A stage of the customer lifecycle. Sequence is the order of the funnel: rules move forward along it."""

    _name = "clm.stage"
    _description = "Lifecycle Stage"
    _inherit = "clm.policy.mixin"
    _order = "sequence, id"

    _clm_policy_fields = frozenset({"sequence", "is_customer", "is_lapsed", "active"})

    name = fields.Char(required=True, translate=True)
    description = fields.Text(translate=True, help="What it means to stand here, for everybody in the company.")
    sequence = fields.Integer(default=100, help="Customers move forward from lower to higher numbers.")
    active = fields.Boolean(default=True)
    fold = fields.Boolean("Folded in Kanban", help="Show this stage as a closed column.")
    color = fields.Integer()
    is_customer = fields.Boolean("Has Bought", help="Whoever stands here counts as a customer.")
    is_lapsed = fields.Boolean(
        "Lapsed", help="Whoever stands here has left. The next thing they do starts a new cycle."
    )
    rotting_threshold_days = fields.Integer(
        "Expected Days", help="After this many days in the stage the customer is marked as overdue. 0: never."
    )
    rule_ids = fields.One2many("clm.rule", "stage_id", string="Rules")
    rule_count = fields.Integer(compute="_compute_counts")
    partner_count = fields.Integer("Customers", compute="_compute_counts")

    _rotting_positive = models.Constraint(
        "CHECK(rotting_threshold_days >= 0)", "Expected days cannot be negative. Use 0 for no limit."
    )

    def _compute_counts(self):
        standing = dict(self.env["res.partner"]._read_group(
            [("lifecycle_stage_id", "in", self.ids), ("lifecycle_cycle", ">", 0)], ["lifecycle_stage_id"], ["__count"]
        ))
        rules = dict(self.env["clm.rule"]._read_group([("stage_id", "in", self.ids)], ["stage_id"], ["__count"]))
        for stage in self:
            stage.partner_count = standing.get(stage, 0)
            stage.rule_count = rules.get(stage, 0)

    @api.constrains("is_customer", "is_lapsed")
    def _check_kinds(self):
        if any(stage.is_customer and stage.is_lapsed for stage in self):
            raise ValidationError(self.env._("A stage is for customers or for those who left, not for both."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_use(self):
        # sudo: the ledger of customers that the user may not see counts as well
        visits = self.env["clm.visit"].sudo().with_context(active_test=False)
        changes = self.env["clm.stage.change"].sudo()
        used = self.filtered(
            lambda stage: stage._standing_count()
            or visits.search_count([("stage_id", "=", stage.id)], limit=1)
            or changes.search_count([("stage_id", "=", stage.id)], limit=1)
        )
        if used:
            raise UserError(self.env._(
                "%(stages)s cannot be deleted: customers stand or stood there and their history needs it. "
                "Archive it instead, once nobody stands there.",
                stages=", ".join(used.mapped("name")),
            ))

    def _standing_count(self):
        """:return: number of customers of all companies that stand in the stage now"""
        # sudo: customers of other companies stand there too
        return self.env["res.partner"].sudo().with_context(active_test=False).search_count(
            [("lifecycle_stage_id", "=", self.id), ("lifecycle_cycle", ">", 0)]
        )

    def write(self, vals):
        if vals.get("active") is False:
            self._check_may_archive()
        return super().write(vals)

    def _check_may_archive(self):
        for stage in self:
            if count := stage._standing_count():
                raise UserError(self.env._(
                    "%(count)s customers stand in %(stage)s. Archive or change the rules that lead there, "
                    "move the customers on, then archive the stage.",
                    count=count, stage=stage.name,
                ))
            rules = self.env["clm.rule"].search(
                ["|", ("stage_id", "=", stage.id), ("from_stage_ids", "in", stage.ids)]
            )
            if rules:
                raise UserError(self.env._(
                    "%(stage)s is still used by these rules: %(rules)s. Archive or change them first.",
                    stage=stage.name, rules=", ".join(rules.mapped("name")),
                ))

    def action_open_partners(self):
        """The customers that stand here."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.res_partner_action_lifecycle")
        action["domain"] = [("lifecycle_cycle", ">", 0), ("lifecycle_stage_id", "=", self.id)]
        action["display_name"] = self.name
        return action

    def action_open_rules(self):
        """The rules that lead here."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("clm.clm_rule_action")
        action["domain"] = [("stage_id", "=", self.id)]
        action["context"] = {"default_stage_id": self.id, "clm_policy_edit": True}
        return action
