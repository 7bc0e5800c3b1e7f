from odoo import api, fields, models
from odoo.exceptions import AccessError


class ClmRebuild(models.TransientModel):
    """Replays every customer from their documents, in the background. Shows how far it is."""

    _name = "clm.rebuild"
    _description = "Rebuild the Lifecycle of Everybody"

    remaining = fields.Integer("Waiting", compute="_compute_remaining", help="Customers still to be replayed.")
    customer_count = fields.Integer("Customers", compute="_compute_remaining")
    edits_waiting = fields.Boolean(compute="_compute_remaining")

    def _compute_remaining(self):
        remaining = self.env["clm.queue"].get_progress()["remaining"]
        customers = self.env["res.partner"].with_context(active_test=False).search_count([("lifecycle_cycle", ">", 0)])
        waiting = self.env["clm.policy"].get_edit_state()["waiting"]
        for wizard in self:
            wizard.remaining = remaining
            wizard.customer_count = customers
            wizard.edits_waiting = waiting

    @api.model
    def _check_may_rebuild(self):
        if not self.env.user.has_group("clm.group_manager"):
            raise AccessError(self.env._("Only lifecycle managers may rebuild the history of customers."))

    def action_rebuild(self):
        """Queue everybody. Changes of stages and rules that waited take effect with it.

        :return: action, the same dialog, now showing the progress
        """
        self._check_may_rebuild()
        self.env["clm.policy"]._apply()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Rebuild"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }
