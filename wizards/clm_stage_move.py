from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command


class ClmStageMove(models.TransientModel):
    """Asks why before customers are moved by hand: from a card, the stage bar or a list."""

    _name = "clm.stage.move"
    _description = "Move Customers to a Stage"

    partner_ids = fields.Many2many("res.partner", string="Customers", required=True, readonly=True)
    partner_count = fields.Integer(compute="_compute_partner_count")
    stage_id = fields.Many2one("clm.stage", string="Move To", required=True)
    stage_description = fields.Text(related="stage_id.description")
    reason = fields.Char(required=True, help="Shown in the history of the customer.")
    pin = fields.Boolean("Keep There", help="From now on only people move these customers, rules no longer do.")

    @api.model
    def default_get(self, fields):
        res = super().default_get(fields)
        if self.env.context.get("active_model") == "res.partner":
            partners = self.env["res.partner"].browse(self.env.context.get("active_ids", []))
            customers = partners.commercial_partner_id.filtered("lifecycle_cycle")
            if not customers:
                raise UserError(self.env._(
                    "None of these contacts has a lifecycle. The settings say who has one: by default everybody but "
                    "our own companies, their users and mere suppliers."
                ))
            res["partner_ids"] = [Command.set(customers.ids)]
        return res

    @api.depends("partner_ids")
    def _compute_partner_count(self):
        for wizard in self:
            wizard.partner_count = len(wizard.partner_ids)

    def action_move(self):
        """Move the customers; rights are checked where the move is made.

        :return: action that closes the dialog and tells the screen behind it that something moved
        """
        self.ensure_one()
        self.partner_ids.action_lifecycle_move(self.stage_id.id, self.reason)
        if self.pin:
            # sudo: whoever may move a customer may pin it, without rights to write contacts
            self.partner_ids.sudo().filtered(lambda partner: not partner.lifecycle_pinned).lifecycle_pinned = True
        return {"type": "ir.actions.act_window_close", "infos": {"moved": True}}
