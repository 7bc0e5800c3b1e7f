from math import ceil

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..tools import recurrence
from ..tools.transitions import APPROVAL, DRAFT, NEGOTIATION, US

OPEN_STATES = ("waiting", "pending")


class ClmContractApproval(models.Model):
    """One decision that a contract needs: who may take it, what they decided, about which text."""

    _name = "clm.contract.approval"
    _description = "Contract Approval"
    _inherit = "clm.door.mixin"
    _order = "contract_id, round desc, sequence, id"
    _rec_name = "name"

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True)
    round = fields.Integer(readonly=True, aggregator=None)
    sequence = fields.Integer(readonly=True)
    name = fields.Char("Step", required=True, readonly=True)
    user_ids = fields.Many2many("res.users", string="Approvers", readonly=True, help="Empty: every approver.")
    state = fields.Selection(
        [
            ("waiting", "Later"),
            ("pending", "To decide"),
            ("approved", "Approved"),
            ("rejected", "Rejected"),
            ("void", "No longer valid"),
        ],
        required=True, readonly=True, default="waiting", index=True,
    )
    requested_at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    requested_by_id = fields.Many2one("res.users", string="Asked By", readonly=True)
    decided_at = fields.Datetime("Decided On", readonly=True)
    decided_by_id = fields.Many2one("res.users", readonly=True)
    barred_user_ids = fields.Many2many(
        "res.users", "clm_contract_approval_barred_rel", string="May Not Decide", readonly=True,
        help="Who owned the contract when it was asked for, who asked, and who changed it since.",
    )
    delegated_by_id = fields.Many2one("res.users", string="Passed On By", readonly=True)
    comment = fields.Char(readonly=True)
    version_id = fields.Many2one("clm.contract.version", readonly=True, ondelete="cascade", index="btree_not_null")
    fingerprint = fields.Char(readonly=True, help="SHA-256 of text and terms that the decision is about.")
    first_pass = fields.Boolean(readonly=True, help="Approved in the first round.")

    def _may_decide(self, user):
        """Tell whether a user may take this decision. Nobody decides about a contract of their own."""
        self.ensure_one()
        # sudo: whom a step names is no secret to the engine; a named user who left still keeps it from all others
        named = self.sudo().with_context(active_test=False).user_ids
        if not self._may_be_asked(user) or (named and user not in named):
            return False
        return bool(named) or user.sudo().has_group("clm.group_approver")

    def _may_be_asked(self, user):
        """Tell whether a user is a colleague who can read the contract, and has no hand in it."""
        self.ensure_one()
        approval, user = self.sudo(), user.sudo()  # sudo: companies and groups of others
        contract = approval.contract_id
        return (
            user.active and not user.share
            and user not in approval.with_context(active_test=False).barred_user_ids | contract.user_id
            and contract.company_id in user.company_ids
            and user.has_group("clm.group_viewer")
        )

    def _schedule(self):
        """Open an activity for everybody who may take these decisions.

        :raise UserError: when nobody may take one of them
        """
        for contract, approvals in self.grouped("contract_id").items():
            approvals._check_approvers()
            for user in self.env["res.users"].union(*(approval._approvers() for approval in approvals)):
                steps = [approval.name for approval in approvals if approval._may_decide(user)]
                contract.activity_schedule(
                    "clm.mail_activity_approval", date_deadline=contract._today(), user_id=user.id,
                    summary=", ".join(steps),
                )

    def _check_approvers(self):
        """:raise UserError: naming the first step that nobody may decide"""
        for approval in self:
            if not approval._approvers():
                raise UserError(self.env._(
                    "Nobody may decide “%(step)s” of %(contract)s: its owner and whoever asks or changes it are left "
                    "out. Give another user the right “Approver”, or name approvers in the contract type.",
                    step=approval.name, contract=approval.contract_id.display_name,
                ))

    def _approvers(self):
        """:return: active users who may take this decision"""
        self.ensure_one()
        # sudo: who belongs to a group is not for everybody to read
        users = self.with_context(active_test=False).user_ids or self.env.ref("clm.group_approver").sudo().all_user_ids
        return users.filtered(self._may_decide)


class ClmContract(models.Model):
    """Approvals of a contract: asked, given, rejected, recalled, passed on; void once the text changes."""

    _inherit = "clm.contract"

    approval_ids = fields.One2many("clm.contract.approval", "contract_id", string="Approvals", readonly=True)
    approval_round = fields.Integer(readonly=True, copy=False, aggregator=None, groups="base.group_user")
    approval_status = fields.Selection(
        [("none", "Not asked"), ("pending", "Waiting"), ("approved", "Approved"), ("rejected", "Rejected")],
        compute="_compute_approval_status", groups="base.group_user",
    )
    can_approve = fields.Boolean(
        compute="_compute_can_approve", search="_search_can_approve", groups="base.group_user",
        help="You may decide about this contract now.",
    )

    @api.depends("approval_ids.state", "approval_round")
    def _compute_approval_status(self):
        for contract in self:
            states = set(contract._current_approvals().mapped("state"))
            if not states or states == {"void"}:
                contract.approval_status = "none"
            elif "rejected" in states:
                contract.approval_status = "rejected"
            else:
                contract.approval_status = "pending" if states & set(OPEN_STATES) else "approved"

    @api.depends("approval_ids.state", "approval_ids.user_ids", "user_id")
    @api.depends_context("uid")
    def _compute_can_approve(self):
        for contract in self:
            contract.can_approve = bool(contract._pending_approvals(self.env.user))

    def _search_can_approve(self, operator, value):
        if operator != "in" or set(value) != {True}:
            return NotImplemented
        user = self.env.user
        domain = [
            ("state", "=", "pending"), ("contract_id.user_id", "!=", user.id), ("barred_user_ids", "not in", user.ids),
            "|", ("user_ids", "in", user.ids), ("user_ids", "=", False),
        ]
        if not user.has_group("clm.group_approver"):
            domain.append(("user_ids", "in", user.ids))
        return [("approval_ids", "any", domain)]

    def _current_approvals(self):
        return self.approval_ids.filtered(lambda approval: approval.round == approval.contract_id.approval_round)

    def _pending_approvals(self, user):
        return self._current_approvals().filtered(
            lambda approval: approval.state == "pending" and approval._may_decide(user)
        )

    def _required_steps(self):
        """:return: the approval steps of the type that this contract reaches"""
        self.ensure_one()
        contract = self.sudo()  # sudo: thresholds compare figures that the owner need not see
        return contract.type_id.approval_ids.filtered(lambda step: step._applies(
            contract.company_tcv, contract._months_to_approve(), contract.max_discount, contract.risk or 0,
            contract.nonstandard_count > 0,
        ))

    def _months_to_approve(self):
        """:return: the term in months, the longer one if term and dates differ; ``None`` without an end"""
        if not self.date_end or not self.date_start:
            return None
        return max(self.term_months, ceil(round(recurrence.calendar_months(self.date_start, self.date_end), 6)))

    def _is_approved(self):
        """Tell whether the last round approved exactly this text and these terms, or none is needed."""
        self.ensure_one()
        approvals = self.sudo()._current_approvals()
        states = set(approvals.mapped("state"))
        if states == {"approved"}:
            return set(approvals.mapped("fingerprint")) == {self._fingerprint()}
        return not self._required_steps() and states <= {"void"}

    def _check_approved(self):
        """:raise UserError: when an approval is missing, saying whose"""
        self.ensure_one()
        if self._is_approved():
            return
        waiting = self.sudo()._current_approvals().filtered(lambda approval: approval.state in OPEN_STATES)
        if waiting:
            raise UserError(self.env._(
                "%(contract)s is not approved yet. Missing: %(steps)s.",
                contract=self.display_name, steps=", ".join(waiting.mapped("name")),
            ))
        raise UserError(self.env._(
            "%(contract)s needs an approval of its present text and terms. Request it first.",
            contract=self.display_name,
        ))

    # === ACTIONS === #

    def action_request_approval(self):
        """Ask the approvers of the type's steps; where no step applies, any approver."""
        for contract in self:
            contract.check_access("write")
            contract._check_ready()
            contract._risk_changed()  # a step may ask for it
            contract._set_state(APPROVAL, pen=US, act="request_approval")
            contract._approvals_ask()
        return True

    def action_approve(self, comment=None):
        """Decide for every step that is the user's to decide.

        :raise UserError: when nothing is to be decided by this user
        """
        for contract in self:
            contract._decide("approved", comment)
        return True

    def action_reject(self, reason=None):
        """Send a contract back, with the reason.

        :param str reason: asked for by a dialog when it is missing
        """
        self.ensure_one()
        reason = (reason or "").strip()
        if not reason:
            return self.env["clm.reason"]._ask(self, "action_reject", self.env._("Reject"))
        self._decide("rejected", reason)
        # sudo: an approver's decision moves a contract that they may only read
        self.sudo()._set_state(NEGOTIATION if self.sudo().shared_at else DRAFT, pen=US, act="reject")
        self._notify_owner(self.env._("%(user)s rejected this contract", user=self.env.user.name), reason)
        return True

    def action_recall(self):
        """Take the request for approval back."""
        return self.action_take_back()

    def _decide(self, decision, comment):
        self.ensure_one()
        self.check_access("read")
        self._lock()
        user = self.env.user
        if self.state != APPROVAL:
            raise UserError(self.env._("%(contract)s is not waiting for an approval.", contract=self.display_name))
        approvals = self.sudo()._pending_approvals(user)
        if not approvals:
            self._raise_cannot_decide(user)
        if approvals.filtered(lambda approval: approval.fingerprint != self._fingerprint()):
            raise UserError(self.env._(
                "%(contract)s changed after the approval was requested. Ask for it again.", contract=self.display_name,
            ))
        approvals.write({
            "state": decision, "decided_at": fields.Datetime.now(), "decided_by_id": user.id, "comment": comment,
            "first_pass": decision == "approved" and self.sudo().approval_round == 1,
        })
        # sudo: approvers decide about contracts that they may only read
        self.sudo().activity_feedback(["clm.mail_activity_approval"], user_id=user.id, feedback=comment or None)
        labels = dict(approvals._fields["state"]._description_selection(self.env))
        self.sudo()._message_log(
            body=f"{labels[decision]}: {', '.join(approvals.mapped('name'))}" + (f" - {comment}" if comment else ""),
            author_id=user.partner_id.id,
        )
        if decision == "approved":
            self.sudo()._approvals_next()

    def _raise_cannot_decide(self, user):
        current = self.sudo()._current_approvals()
        if user in self.user_id | current.barred_user_ids:
            raise UserError(self.env._(
                "Nobody approves their own contract: you own %(contract)s, asked for its approval or changed it since. "
                "Another approver must decide.", contract=self.display_name,
            ))
        if current.filtered(lambda approval: approval.decided_by_id == user):
            raise UserError(self.env._("You decided about %(contract)s already.", contract=self.display_name))
        raise AccessError(self.env._(
            "You are not one of the approvers of %(contract)s at this step.", contract=self.display_name,
        ))

    def _delegate(self, user, comment=None):
        """Pass one's pending decisions on to another user, who alone takes them then.

        :raise UserError: when there is nothing to pass on, or that user may not decide either
        """
        self.ensure_one()
        self.check_access("read")
        self._lock()
        approvals = self.sudo()._pending_approvals(self.env.user)
        if not approvals:
            self._raise_cannot_decide(self.env.user)
        if user not in self._delegates():
            raise UserError(self.env._(
                "%(user)s cannot decide about this contract: they own it, asked for the approval, changed it, cannot "
                "read contracts of its company or left.", user=user.name,
            ))
        approvals.write({"user_ids": [(6, 0, user.ids)], "delegated_by_id": self.env.uid, "comment": comment})
        self.sudo().activity_unlink(["clm.mail_activity_approval"])
        self.sudo()._current_approvals().filtered(lambda approval: approval.state == "pending")._schedule()

    def _delegates(self):
        """:return: users to whom the user may pass their pending decisions on"""
        self.ensure_one()
        approvals = self.sudo()._pending_approvals(self.env.user)
        # sudo: who belongs to a group is not for everybody to read
        readers = self.env.ref("clm.group_viewer").sudo().all_user_ids - self.env.user
        return readers.filtered(
            lambda user: all(approval._may_be_asked(user) for approval in approvals)
        ).sudo(False)

    # === ROUNDS === #

    def _approvals_ask(self, barred=None):
        """Open a new round: the steps that apply, or one for any approver.

        :param barred: users who may not decide, besides the owner and whoever asks
        """
        self.ensure_one()
        version = self._snapshot()
        barred = self.env.user | self.user_id | (barred or self.env["res.users"])
        number = self.sudo().approval_round + 1
        common = {
            "contract_id": self.id, "round": number, "requested_by_id": self.env.uid, "version_id": version.id,
            "fingerprint": self._fingerprint(), "barred_user_ids": [(6, 0, barred.ids)],
        }
        vals_list = [
            {
                **common, "name": step.name, "sequence": step.sequence,
                # a named approver who left must not make it everybody's decision
                "user_ids": [(6, 0, step.with_context(active_test=False).user_ids.ids)],
            }
            for step in self._required_steps()
        ] or [{**common, "name": self.env._("Approval"), "sequence": 10}]
        approvals = self.env["clm.contract.approval"].sudo().create(vals_list)  # sudo: read-only for everybody
        approvals._check_approvers()
        self.sudo()._unlocked().write({"approval_round": number})
        self._approvals_next()

    def _approvals_next(self):
        """Open the next steps once those before are approved; tell the owner when all are."""
        approvals = self.sudo()._current_approvals()
        if "pending" in approvals.mapped("state"):
            return
        self.sudo().activity_unlink(["clm.mail_activity_approval"])
        waiting = approvals.filtered(lambda approval: approval.state == "waiting")
        if not waiting:
            self._notify_owner(self.env._("Approved: send for signature"))
            return
        now = waiting.filtered(lambda approval: approval.sequence == min(waiting.mapped("sequence")))
        now.write({"state": "pending"})
        now._schedule()

    def _approvals_restart(self):
        """The text or the terms changed while approvers decide: ask anew."""
        self.ensure_one()
        approvals = self.sudo()._current_approvals().filtered(lambda approval: approval.state != "void")
        fingerprint = self._fingerprint()
        if not approvals or all(approval.fingerprint == fingerprint for approval in approvals):
            return
        barred = approvals.with_context(active_test=False).barred_user_ids
        self._approvals_void()
        self._approvals_ask(barred)

    def _approvals_void(self):
        """End open decisions of the round. Given ones stay: they hold as long as text and terms are the same."""
        for contract in self.sudo():
            current = contract._current_approvals()
            fingerprint = contract._fingerprint() if current else None
            for approval in current:
                if approval.state in OPEN_STATES or approval.fingerprint != fingerprint:
                    approval.state = "void"
            contract.activity_unlink(["clm.mail_activity_approval"])
