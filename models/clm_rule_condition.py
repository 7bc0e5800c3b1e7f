from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .clm_event import KIND_LABELS

GROUP_LABELS = [
    ("any", "Anything"),
    ("enquiry", "Any enquiry (lead, opportunity, quotation)"),
    ("purchase", "Any purchase (order, invoice without order)"),
]
MEASURES = [
    ("count", "Number"),
    ("days", "Number of different days"),
    ("amount", "Total amount"),
    ("score", "Last score"),
    ("silence", "Days since the last one"),
    ("age", "Days in the stage"),
    ("running", "Contracts running now"),
]
# measures that look at no particular kind of event, and those that have no time window
WITHOUT_KIND = ("age", "running")
WITHOUT_SCOPE = ("score", "silence", "age", "running")


class ClmRuleCondition(models.Model):
    """One test of a rule. All conditions of a rule must hold."""

    _name = "clm.rule.condition"
    _description = "Rule Condition"
    _inherit = "clm.policy.mixin"
    _order = "id"

    _clm_policy_fields = frozenset(
        {"event_kind", "measure", "operator", "threshold", "scope", "window_days", "rule_id"}
    )

    rule_id = fields.Many2one("clm.rule", required=True, ondelete="cascade", index=True)
    event_kind = fields.Selection(
        [*GROUP_LABELS, *KIND_LABELS], string="What", required=True, default="purchase",
        help="Which events are looked at.",
    )
    measure = fields.Selection(MEASURES, required=True, default="count", help="What is measured of these events.")
    operator = fields.Selection(
        [("at_least", "at least"), ("at_most", "at most")], string="Is", required=True, default="at_least"
    )
    threshold = fields.Float(
        "Value", required=True, default=1.0, help="Amounts are without taxes, in company currency."
    )
    scope = fields.Selection(
        [("lifetime", "Ever"), ("cycle", "In this cycle"), ("rolling", "In the last days")],
        string="When", required=True, default="lifetime",
        help="Ever; since the customer was last won back; or within the last so many days.",
    )
    window_days = fields.Integer("Last Days", help="Length of the window in days.")

    @api.constrains("event_kind", "measure", "operator", "threshold", "scope", "window_days")
    def _check_condition(self):
        _ = self.env._
        for condition in self:
            rule = condition.rule_id.name
            if condition.threshold < 0:
                raise ValidationError(_("Rule %(rule)s: a value cannot be negative. Enter 0 or more.", rule=rule))
            if condition.window_days < 0 or (condition.scope == "rolling" and condition.window_days < 1):
                raise ValidationError(_(
                    "Rule %(rule)s: \"In the last days\" needs a length of 1 day or more.", rule=rule
                ))
            timed = condition.measure == "age" or (condition.measure == "silence" and condition.operator == "at_least")
            if timed and condition.threshold < 1:
                raise ValidationError(_("Rule %(rule)s: a number of days must be 1 or more.", rule=rule))
            if condition.measure == "score" and condition.event_kind != "feedback":
                raise ValidationError(_("Rule %(rule)s: only feedback has a score.", rule=rule))

    def _policy_values(self):
        """:return: dict, the fields of ``tools.replay.Condition``"""
        self.ensure_one()
        return {
            "kind": self.event_kind, "measure": self.measure, "operator": self.operator,
            "threshold": self.threshold, "scope": self.scope, "window_days": self.window_days,
        }

    @api.model
    def _policy_vals(self, values):
        """:return: values to create the condition that :meth:`_policy_values` described"""
        return {"event_kind" if name == "kind" else name: value for name, value in values.items()}

    @api.onchange("measure")
    def _onchange_measure(self):
        if self.measure in WITHOUT_SCOPE:
            self.scope = "lifetime"
        if self.measure == "score":
            self.event_kind = "feedback"
        elif self.measure in WITHOUT_KIND:
            self.event_kind = "any"

    @api.depends("event_kind", "measure", "operator", "threshold", "scope", "window_days")
    def _compute_display_name(self):
        for condition in self:
            condition.display_name = condition._describe()

    def _describe(self):
        """:return: the condition as a phrase in the user's language, such as "Any purchase on at least 2 days" """
        self.ensure_one()
        _ = self.env._
        labels = {
            name: dict(self._fields[name]._description_selection(self.env)).get(self[name], "")
            for name in ("event_kind", "operator", "scope")
        }
        values = {
            "kind": labels["event_kind"].split(" (")[0],
            "at": labels["operator"],
            "value": f"{self.threshold:g}",
            "when": self._describe_scope(labels["scope"]),
        }
        at_least = self.operator == "at_least"
        match self.measure:
            case "count" if at_least and self.threshold == 1:
                return _("%(kind)s%(when)s", **values)
            case "count":
                return _("%(kind)s %(at)s %(value)s times%(when)s", **values)
            case "days":
                return _("%(kind)s on %(at)s %(value)s days%(when)s", **values)
            case "amount":
                return _("%(kind)s for %(at)s %(value)s in total%(when)s", **values)
            case "score":
                return _("Last score %(at)s %(value)s", **values)
            case "silence" if not at_least:
                return _("%(kind)s within the last %(value)s days", **values)
            case "silence" if self.event_kind == "any":
                return _("Silent for %(value)s days", **values)
            case "silence":
                return _("%(kind)s, the last one %(value)s days ago or more", **values)
            case "age":
                return _("In the stage for %(at)s %(value)s days", **values)
            case "running" if at_least and self.threshold == 1:
                return _("A contract is running")
            case "running" if not at_least and self.threshold == 0:
                return _("No contract is running")
            case "running":
                return _("Contracts running: %(at)s %(value)s", **values)
        return ""

    def _describe_scope(self, label):
        """:return: when, with a space before it; nothing for ever, which goes without saying"""
        if self.scope == "rolling":
            return " " + self.env._("in the last %(days)s days", days=self.window_days)
        return f" {label.lower()}" if self.scope == "cycle" else ""
