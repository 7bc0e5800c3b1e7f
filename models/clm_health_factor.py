from odoo import api, fields, models
from odoo.exceptions import AccessError


class ClmHealthFactor(models.Model):
    """A part of the health of customers and how much it counts.

    Each code is a part that :meth:`clm.customer.score._parts` computes. Weights are in any unit: they count by their
    share of the whole.
    """

    _name = "clm.health.factor"
    _description = "Health Factor"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    description = fields.Text(translate=True, help="What is looked at, and what is good.")
    code = fields.Char(required=True, readonly=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean("Counts", default=True)
    weight = fields.Float(required=True, default=10.0)
    share = fields.Float(compute="_compute_share", help="Of the weight of all factors that count.")

    _code_uniq = models.UniqueIndex("(code)", "There is a factor of this kind already.")
    _check_weight = models.Constraint(
        "CHECK (weight >= 0 AND weight <= 1000)", "A weight is 0 to 1000. 0: the factor does not count.",
    )

    @api.depends("weight", "active")
    def _compute_share(self):
        total = sum(self._weights().values())
        for factor in self:
            factor.share = factor.weight / total if factor.active and total else 0.0

    @api.model
    def _weights(self):
        """:return: dict of code -> weight, of the factors that count, in their order"""
        # sudo: the weights are the same for everybody
        factors = self.sudo().with_context(active_test=True).search_fetch([], ["code", "weight"])
        return {factor.code: factor.weight for factor in factors}

    def action_apply(self):
        """Compute every health anew with these weights, in the background."""
        if not self.env.user.has_group("clm.group_manager"):
            raise AccessError(self.env._("Only lifecycle managers may change what the health of customers is made of."))
        # sudo: the cron and its notes belong to the system
        self.env["clm.customer.score"].sudo()._refresh_soon()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Every health is being computed anew. That takes up to a few minutes."),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
