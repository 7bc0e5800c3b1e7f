from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..const import UNLOCK
from ..models.clm_handover import HOURS


class ClmHandoverRequest(models.TransientModel):
    """Asks to whom a customer is handed over, and what they should know."""

    _name = "clm.handover.request"
    _description = "Hand Over a Customer"
    _inherit = "clm.door.mixin"

    _clm_limits = {"hours": (1, 24 * 366)}

    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, default=lambda self: self._default_partner_id(),
    )
    contract_id = fields.Many2one(
        "clm.contract", domain="[('commercial_partner_id', '=', partner_id), ('state', '!=', 'cancelled')]",
        help="Leave it empty to hand over the customer as a whole.",
    )
    user_id = fields.Many2one("res.users", "To", domain="[('share', '=', False)]")
    team_id = fields.Many2one("crm.team", help="Any member may accept, unless somebody is named.")
    hours = fields.Integer("Answer Within", required=True, default=HOURS, help="In hours from now.")
    salesperson = fields.Boolean(
        "Becomes the Salesperson", default=True, help="Whoever accepts becomes the salesperson of the customer.",
    )
    note = fields.Text("What to Know")

    @api.model
    def _default_partner_id(self):
        partner_id = self.env.context.get("active_model") == "res.partner" and self.env.context.get("active_id")
        return self.env["res.partner"].browse(partner_id or []).commercial_partner_id

    def action_request(self):
        """Ask the taker; the customer must be one whom the user may move.

        :raise UserError: when nobody is named, or the same taker was asked before
        """
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        customer._check_lifecycle_move()
        if not self.user_id and not self.team_id:
            raise UserError(self.env._("Choose the person or the team to hand over to."))
        if self.user_id == self.env.user:
            raise UserError(self.env._("You cannot hand a customer over to yourself."))
        if self.contract_id.commercial_partner_id not in (customer, self.env["res.partner"]):
            raise UserError(self.env._("This contract belongs to another customer."))
        handovers = self.env["clm.handover"]
        if pending := handovers._pending(customer, self.user_id, self.team_id):
            raise UserError(self.env._(
                "%(taker)s was asked already and has until %(date)s to answer.",
                taker=(self.user_id or self.team_id).display_name,
                date=fields.Datetime.to_string(fields.Datetime.context_timestamp(self, pending.sudo().date_due))[:16],
            ))
        handovers._request(
            customer, self.user_id, self.team_id, self.hours, contract=self.contract_id,
            salesperson=self.salesperson, note=(self.note or "").strip(),
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(taker)s was asked to take %(customer)s over.",
                    taker=(self.user_id or self.team_id).display_name, customer=customer.display_name,
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }


class ClmReason(models.TransientModel):
    _inherit = "clm.reason"

    @api.model
    def _methods(self):
        return super()._methods() | {("clm.handover", "action_return")}


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """What becomes of hand-overs and referrals when several contacts turn out to be one."""

    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        self.env.flush_all()
        self._merge_handovers(src_partners | dst_partner)
        concerned = self._merge_referrals(src_partners, dst_partner)
        self.env.invalidate_all()
        res = super()._update_foreign_keys(src_partners, dst_partner)
        # sudo: the engine's rows, of whatever company
        brought = self.env["clm.referral"].sudo().search([("contact_id", "=", dst_partner.id)])
        self.env["clm.queue"]._push({*concerned, *brought.partner_id.ids})
        return res

    def _update_values(self, src_partners, dst_partner):
        """Who brought them may make no sense any more; the engine sorts that out, and it is no reason not to merge."""
        return super()._update_values(src_partners, dst_partner.with_context(clm_unlock=UNLOCK))

    @api.model
    def _merge_handovers(self, partners):
        """Of several open hand-overs to the same taker the first one stays."""
        # sudo: of whatever company
        pending = self.env["clm.handover"].sudo().search(
            [("partner_id", "in", partners.ids), ("state", "=", "pending")], order="id",
        )
        takers = set()
        for handover in pending:
            taker = handover.user_id or handover.team_id
            if taker in takers:
                handover._decide("cancelled")
            takers.add(taker)
        self.env.flush_all()

    @api.model
    def _merge_referrals(self, src_partners, dst_partner):
        """Forget who brought the contacts that disappear; the engine finds it out anew for the one that stays.

        :return: set of ids of the customers whose referrals change
        """
        group = (src_partners | dst_partner).ids
        own = [*group, dst_partner.commercial_partner_id.id]
        self.env.cr.execute(SQL(
            """
            UPDATE res_partner p SET referred_by_id = NULL
              FROM res_partner r
             WHERE r.id = p.referred_by_id AND p.id = ANY(%(group)s)
               AND (r.id = ANY(%(own)s) OR r.commercial_partner_id = ANY(%(own)s))
            """,
            group=group, own=own,
        ))
        rows = self.env.execute_query(SQL(
            """
            DELETE FROM clm_referral
             WHERE partner_id = ANY(%(src)s) OR (partner_id = ANY(%(own)s) AND referrer_id = ANY(%(own)s))
            RETURNING referrer_id
            """,
            src=src_partners.ids, own=own,
        ))
        return {referrer_id for referrer_id, in rows} - set(src_partners.ids)
