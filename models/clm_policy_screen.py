from odoo import api, models
from odoo.exceptions import AccessError


class ClmPolicy(models.AbstractModel):
    """The doors of the configuration screens: changed stages and rules wait until somebody decides."""

    _inherit = "clm.policy"

    @api.model
    @api.readonly
    def get_edit_state(self):
        """:return: dict, ``waiting``: whether changes of stages or rules wait to be applied; ``may_apply``"""
        user = self.env.user
        if not user.has_group("clm.group_viewer"):
            raise AccessError(self.env._("You have no access to the lifecycle."))
        return {"waiting": bool(self._held()), "may_apply": user.has_group("clm.group_manager")}

    @api.model
    def action_apply(self):
        """Let the changes take effect, for the past too; the cron replays everybody."""
        self._check_may_edit()
        self._apply()
        return True

    @api.model
    def action_discard(self):
        """Put stages and rules back to what is in force."""
        self._check_may_edit()
        self._discard()
        return True

    @api.model
    def action_preview(self):
        """:return: action, the dry run of the policy as it is now edited"""
        self._check_may_edit()
        return self.env["clm.policy.preview"]._open()

    @api.model
    def _check_may_edit(self):
        if not self.env.user.has_group("clm.group_manager"):
            raise AccessError(self.env._("Only lifecycle managers may change stages and rules."))
