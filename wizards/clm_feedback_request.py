from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..models.clm_feedback import KINDS, NPS


class ClmFeedbackRequest(models.TransientModel):
    """Asks some customers, or contacts, for feedback by hand."""

    _name = "clm.feedback.request"
    _description = "Ask for Feedback"

    partner_ids = fields.Many2many(
        "res.partner", string="Ask", required=True, context={"active_test": False},
        default=lambda self: self._default_partner_ids(),
    )
    kind = fields.Selection(KINDS, "Question", required=True, default=NPS)
    product_id = fields.Many2one(
        "product.product", "About", help="What the question is about. Empty: the company as a whole.")
    refused = fields.Text("Not Asked", compute="_compute_refused", help="Who would get no mail, and why.")

    @api.model
    def _default_partner_ids(self):
        if self.env.context.get("active_model") == "res.partner":
            return self.env.context.get("active_ids", [])
        return []

    @api.depends("partner_ids", "kind")
    def _compute_refused(self):
        for wizard in self:
            asked = wizard.partner_ids._origin._feedback_contacts()
            people = self.env["res.partner"].union(*asked.values())
            refusals = people._lifecycle_mail_refusals()
            known = self.env["clm.feedback"]._asked_before(people, wizard.kind)
            reasons = [refusals[person.id] or known.get(person) for person in people]
            wizard.refused = "\n".join(filter(None, reasons)) or False

    def action_ask(self):
        """Ask those who may be asked, now.

        :raise UserError: when nobody may be asked, or no mail could be made
        """
        self.ensure_one()
        if not self.env.user.has_group("clm.group_user"):
            raise AccessError(self.env._("You may look at feedback, not ask for it."))
        Feedback = self.env["clm.feedback"]
        requests, refused = Feedback._request(self.partner_ids, self.kind, product=self.product_id or None)
        if not requests:
            raise UserError("\n".join(refused.values()) or self.env._("Choose whom to ask."))
        sent = requests._send()
        names = ", ".join(sent.contact_id.mapped("display_name")[:5])
        problems = [*refused.values(), *filter(None, (requests - sent).mapped("error"))]
        message = self.env._("The question is on its way to %(names)s.", names=names) if sent else ""
        return {
            "type": "ir.actions.client", "tag": "display_notification",
            "params": {
                "type": "warning" if problems else "success", "sticky": bool(problems),
                "message": " ".join(filter(None, [message, *problems])),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
