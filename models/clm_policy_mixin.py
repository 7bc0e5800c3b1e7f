from odoo import api, models


class ClmPolicyMixin(models.AbstractModel):
    """A record that is part of the policy: a stage, a rule or a condition.

    The configuration screens edit with the context key ``clm_policy_edit``. The first such edit keeps the
    policy as it was; customers go on being judged by that one until a manager applies or discards the
    changes. Everything else (data files, scripts) takes effect at once for the customers replayed from then on.
    """

    _name = "clm.policy.mixin"
    _description = "Part of the Lifecycle Policy"

    # fields that decide where customers stand; the others (names, colours) are nobody's business
    _clm_policy_fields = frozenset()

    def _hold_policy(self):
        if self.env.context.get("clm_policy_edit"):
            self.env["clm.policy"]._hold()

    @api.model_create_multi
    def create(self, vals_list):
        self._hold_policy()
        return super().create(vals_list)

    def write(self, vals):
        if self._clm_policy_fields.intersection(vals):
            self._hold_policy()
        return super().write(vals)

    def unlink(self):
        self._hold_policy()
        return super().unlink()
