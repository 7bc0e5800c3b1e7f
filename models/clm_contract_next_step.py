from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..tools.transitions import ACTIVE, APPROVAL, DRAFT, EDITABLE, NEGOTIATION, SIGNATURE, SIGNED, THEM, US


class ClmContract(models.Model):
    """Leads through the life of a contract: the step that usually follows, and who must act now, in words."""

    _inherit = "clm.contract"

    approval_missing = fields.Boolean(
        compute="_compute_approval_missing", groups="base.group_user",
        help="The type asks for an approval of the present text and terms.",
    )
    can_sign = fields.Boolean("To Sign", compute="_compute_can_sign", groups="base.group_user", help="We sign next.")
    next_step = fields.Selection(
        [
            ("share", "Share for review"),
            ("request", "Request approval"),
            ("approve", "Approve"),
            ("send", "Send for signature"),
            ("sign", "Sign"),
            ("activate", "Put into force"),
            ("renew", "Renew"),
        ],
        compute="_compute_next_step", groups="base.group_user", help="The button that stands out.",
    )
    waiting_for = fields.Char(compute="_compute_waiting_for", groups="base.group_user")
    proposal_id = fields.Many2one(
        "clm.contract.version", compute="_compute_proposal_id", groups="base.group_user",
        help="The wording that the other party proposed last, as long as nobody answered it.",
    )
    pause_note = fields.Char(compute="_compute_pause_note", groups="base.group_user")

    @api.depends("state", "approval_ids.state", "approval_round")
    def _compute_approval_missing(self):
        for contract in self:
            contract.approval_missing = bool(
                contract._origin and contract.state in EDITABLE and not contract._origin._is_approved()
            )

    @api.depends("state", "signature_ids.valid", "signature_required")
    def _compute_can_sign(self):
        for contract in self:
            contract.can_sign = contract.state == SIGNATURE and US in contract._sides_to_sign()

    @api.depends("state", "last_version_id.side", "last_version_id.taken_over")
    def _compute_proposal_id(self):
        for contract in self:
            last = contract.last_version_id
            is_open = contract.state == NEGOTIATION and last.side == THEM and not last.taken_over
            contract.proposal_id = last if is_open else False

    @api.depends(
        "state", "pen", "approval_status", "approval_missing", "can_sign", "can_approve", "decision_due", "proposal_id",
    )
    @api.depends_context("uid")
    def _compute_next_step(self):
        for contract in self:
            contract.next_step = contract._next_step()

    def _next_step(self):
        """:return: the step that usually follows, or False where we wait or nothing is to be done"""
        self.ensure_one()
        if self.state in EDITABLE:
            return self._next_step_to_signature()
        if self.state == SIGNATURE:
            return "sign" if self.can_sign and self.pen == US else False
        if self.state == SIGNED:
            return "activate" if self.date_start and self.date_start <= self._today() else False
        return "renew" if self.state == ACTIVE and self.decision_due else False

    def _next_step_to_signature(self):
        signs = self.signature_required != "none"
        if self.proposal_id:
            return False  # theirs is to be answered first
        if self.state == DRAFT and self.approval_status == "none" and signs:
            return "share"
        if not self.approval_missing:
            return "send" if signs else "activate"
        if self.state == APPROVAL:
            return "approve" if self.can_approve else False
        return "request"

    @api.depends("next_step", "pen", "sign_by", "partner_id", "date_start", "approval_ids", "proposal_id")
    @api.depends_context("uid")
    def _compute_waiting_for(self):
        for contract in self:
            contract.waiting_for = contract._waiting_for()

    def _waiting_for(self):
        """:return: a sentence that says who must act now, or False where that is plain to see"""
        self.ensure_one()
        partner = self.partner_id.display_name
        if self.state in (DRAFT, NEGOTIATION) and self.approval_status == "rejected":
            return self._rejection()
        if self.state == NEGOTIATION:
            if self.pen == THEM:
                return self.env._("Waiting for %(partner)s to comment, propose wording or agree.", partner=partner)
            if self.proposal_id:
                return self.env._(
                    "%(author)s proposes another wording. Take it over, or change the text and share it again.",
                    author=self.proposal_id.author_name or partner,
                )
            return self.env._("Our turn: share the text again, or go on once both sides agree.")
        if self.state == APPROVAL:
            return self._waiting_for_approval()
        if self.state == SIGNATURE and self.pen == THEM:
            if not self.sign_by:
                return self.env._("Waiting for %(partner)s to sign.", partner=partner)
            day = self._day(self.sign_by)
            if self.sign_by < self._today():
                return self.env._(
                    "The time to sign ended on %(day)s. Take the contract back and send it again.", day=day,
                )
            return self.env._("Waiting for %(partner)s to sign until %(day)s.", partner=partner, day=day)
        if self.state == SIGNATURE:
            return self.env._("Our signature is missing.")
        if self.state == SIGNED and not self.next_step:
            return self.env._(
                "Signed. Starts on %(day)s and is put into force on that day by itself.",
                day=self._day(self.date_start),
            )
        return False

    def _rejection(self):
        # sudo: who decided is no secret to the readers of a contract
        rejected = self.sudo()._current_approvals().filtered(lambda approval: approval.state == "rejected")[:1]
        return self.env._(
            "%(user)s rejected it: %(reason)s", user=rejected.decided_by_id.name, reason=rejected.comment or "",
        )

    def _waiting_for_approval(self):
        # sudo: who decides is no secret to the readers of a contract
        pending = self.sudo()._current_approvals().filtered(lambda approval: approval.state == "pending")
        if not pending:
            return self.env._("Approved: send it for signature.") if not self.approval_missing else False
        steps = ", ".join(
            f"{approval.name} ({', '.join(approval.user_ids.mapped('name')) or self.env._('any approver')})"
            for approval in pending
        )
        if self.can_approve:
            return self.env._("Your decision is asked for: %(steps)s.", steps=steps)
        return self.env._("Waiting for approval: %(steps)s.", steps=steps)

    @api.depends("suspension_ids.finished", "suspension_ids.date_to", "suspension_ids.reason")
    def _compute_pause_note(self):
        for contract in self:
            pause = contract.suspension_ids.filtered(lambda pause: not pause.finished)[:1]
            if not pause:
                contract.pause_note = False
            elif pause.date_to:
                contract.pause_note = self.env._(
                    "Paused from %(first)s to %(last)s: %(reason)s",
                    first=self._day(pause.date_from), last=self._day(pause.date_to), reason=pause.reason,
                )
            else:
                contract.pause_note = self.env._(
                    "Paused since %(first)s: %(reason)s",
                    first=self._day(pause.date_from), reason=pause.reason,
                )

    # === ACTIONS === #

    def action_take_over_proposal(self):
        """Bring the wording that the other party proposed into the contract."""
        self.ensure_one()
        if not self.proposal_id:
            raise UserError(self.env._("There is no proposal to take over."))
        return self.proposal_id.action_take_over()

    # === HELPERS === #

    def _day(self, value):
        """:return: a date in words"""
        return format_date(self.env, value, date_format="medium")
