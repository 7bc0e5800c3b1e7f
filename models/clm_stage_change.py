from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ClmStageChange(models.Model):
    """What people decided: manual moves, imported stages, automation switched off or on.

    Source data like any document: these rows are events of the customer and so survive every rebuild.
    """

    _name = "clm.stage.change"
    _description = "Manual Stage Change"
    _inherit = "clm.signal.mixin"
    _order = "date desc, id desc"
    _rec_name = "stage_id"

    _clm_signal_fields = frozenset({"partner_id", "date", "stage_id", "pin", "origin"})

    partner_id = fields.Many2one("res.partner", string="Customer", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="partner_id.company_id", store=True)
    date = fields.Datetime(required=True, default=fields.Datetime.now)
    stage_id = fields.Many2one("clm.stage", string="Moved To", ondelete="restrict", index="btree_not_null")
    pin = fields.Selection(
        [("pin", "Automation off"), ("unpin", "Automation on")], string="Automation", help="Empty: unchanged."
    )
    origin = fields.Selection([("manual", "By hand"), ("import", "Import")], required=True, default="manual")
    user_id = fields.Many2one("res.users", string="By", required=True, default=lambda self: self.env.user)
    reason = fields.Char()

    @api.constrains("stage_id", "pin")
    def _check_says_something(self):
        if any(not change.stage_id and not change.pin for change in self):
            raise ValidationError(self.env._("Choose the stage to move to, or switch the automation on or off."))

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.context.get("import_file"):
            vals_list = [{**vals, "origin": "import"} for vals in vals_list]
        return super().create(vals_list)
