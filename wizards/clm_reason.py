from odoo import api, fields, models
from odoo.exceptions import UserError


class ClmReason(models.TransientModel):
    """Asks why, then does what was asked for, with the reason."""

    _name = "clm.reason"
    _description = "Reason"

    res_model = fields.Char("Model", required=True, readonly=True)
    res_ids = fields.Json("Records", required=True, readonly=True)
    method = fields.Char(required=True, readonly=True)
    reason = fields.Char(required=True)

    @api.model
    def _methods(self):
        """Hook: what may be called with a reason. The names come back from the client, so that others are refused.

        :return: set of pairs (model, method)
        """
        return {
            ("clm.contract", "action_reject"),
            ("clm.obligation", "action_waive"),
        }

    @api.model
    def _ask(self, records, method, title):
        """Open the dialog.

        :param records: what it is about
        :param str method: method of these records that takes the reason, one of :meth:`_methods`
        :param str title: of the dialog and its button
        :return: action
        """
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": self._name,
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_res_model": records._name,
                "default_res_ids": records.ids,
                "default_method": method,
                "dialog_size": "medium",
            },
        }

    def action_confirm(self):
        """Do it. The method itself checks what its caller may do."""
        self.ensure_one()
        if (self.res_model, self.method) not in self._methods():
            raise UserError(self.env._("This cannot be done with a reason. Close the dialog and use the button again."))
        reason = (self.reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why."))
        records = self.env[self.res_model].browse(self.res_ids).exists()
        getattr(records, self.method)(reason)
        return {"type": "ir.actions.act_window_close"}
