from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import plaintext2html

from ..const import SIDES
from ..tools.transitions import (
    ACTIVE,
    APPROVAL,
    CANCELLED,
    CLOSED,
    DRAFT,
    NEGOTIATION,
    OPEN,
    SIGNATURE,
    SIGNED,
    THEM,
    US,
    allowed,
    first_pen,
    targets,
)


class ClmContract(models.Model):
    """How a contract moves: one door, :meth:`_set_state`, and one table, ``tools.transitions.MOVES``."""

    _inherit = "clm.contract"

    pen = fields.Selection(SIDES, string="Turn", default=US, readonly=True, copy=False, help="Who has to act now.")
    shared_at = fields.Datetime(
        "Shared On", readonly=True, copy=False,
        help="From here on the other party sees the contract in the portal.",
    )
    visit_ids = fields.One2many("clm.contract.visit", "contract_id", string="History", readonly=True)
    state_since = fields.Datetime(compute="_compute_state_since", groups="base.group_user")

    @api.depends("state", "pen")
    def _compute_state_since(self):
        visits = self.env["clm.contract.visit"].search_fetch(
            [("contract_id", "in", self.ids), ("exited_at", "=", False)], ["contract_id", "entered_at"]
        )
        since = {visit.contract_id: visit.entered_at for visit in visits}
        for contract in self:
            contract.state_since = since.get(contract._origin, False)

    # === THE DOOR === #

    def _set_state(self, target, pen=None, act=None, **vals):
        """Move contracts to another state. Everything that changes a state passes here.

        What a state had begun ends with it: open decisions when a contract leaves approval, signatures when it leaves
        the signature unsigned.

        :param str target: one of ``tools.transitions.STATES``
        :param pen: whose turn it is then (``us`` or ``them``); default: as usual in that state
        :param act: what causes the move, as in the table; default: any act that the table has for it
        :param vals: values to write in the same step
        :raise UserError: when the move is not in the table, or somebody else is changing a contract
        """
        self._lock()
        for contract in self:
            contract._check_move(target, act)
        pen = pen or first_pen(target)
        deciding = self.filtered(lambda contract: contract.state == APPROVAL)
        unsigned = self.filtered(lambda contract: contract.state == SIGNATURE and target != SIGNED)
        self._unlocked().write({"state": target, "pen": pen, **vals})
        deciding._approvals_void()
        unsigned._void_signatures()
        # sudo: what was to do in the state before is done, whoever did it
        self.sudo().activity_unlink(["clm.mail_activity_contract"])
        if target in (SIGNATURE, SIGNED):
            self._share_version()  # what is to be signed, or holds, is what the other side sees
        self.env["clm.contract.visit"]._enter(self, target, pen)

    def _check_move(self, target, act=None):
        """:raise UserError: saying why this contract cannot go to a state, and where it can go"""
        self.ensure_one()
        if allowed(self.state, target, act):
            return
        labels = dict(self._fields["state"]._description_selection(self.env))
        possible = ", ".join(labels[state] for state in targets(self.state))
        if not possible:
            raise UserError(self.env._(
                "%(contract)s is closed: nothing can change it any more.", contract=self.display_name,
            ))
        if allowed(self.state, target):
            raise UserError(self.env._(
                "%(contract)s is in “%(state)s”: this button is for another state. Take it back first.",
                contract=self.display_name, state=labels[self.state],
            ))
        raise UserError(self.env._(
            "%(contract)s is in “%(state)s” and cannot go to “%(target)s”. From there it can go to: %(possible)s.",
            contract=self.display_name, state=labels[self.state], target=labels[target], possible=possible,
        ))

    def _set_pen(self, side):
        """Pass the pen to a side within a state: a new stay in the ledger."""
        moved = self.filtered(lambda contract: contract.pen != side and contract.state in OPEN)
        if not moved:
            return
        moved.sudo()._unlocked().write({"pen": side})  # sudo: the other side passes it back by acting in the portal
        for state, contracts in moved.grouped("state").items():
            self.env["clm.contract.visit"]._enter(contracts, state, side)

    # === ACTIONS === #

    def action_negotiate(self):
        """Share the text with the other party, which may then comment and propose wording in the portal."""
        for contract in self:
            contract.check_access("write")
            contract._check_ready()
            if contract.state == NEGOTIATION:  # a new round of ours
                contract._lock()
                contract._snapshot()
                contract._share_version()
                contract._set_pen(THEM)
            else:
                contract._check_move(NEGOTIATION, "negotiate")
                contract._snapshot()
                contract._share_version()
                contract._set_state(
                    NEGOTIATION, act="negotiate", shared_at=contract.shared_at or fields.Datetime.now()
                )
            contract._mail("clm.mail_template_contract_negotiation")
        return True

    def action_withdraw(self):
        """Take a contract in negotiation back to draft; the other party keeps seeing the versions it saw."""
        self._checked("write")._set_state(DRAFT, act="withdraw")
        return True

    def action_send(self):
        """Send the agreed text for signature.

        :raise UserError: when an approval is missing or no longer covers the text and the amounts
        """
        for contract in self:
            contract.check_access("write")
            contract._check_ready()
            contract._check_move(SIGNATURE, "send")
            if contract.signature_required == "none":
                raise UserError(self.env._(
                    "Contracts of this type need no signature. Put %(contract)s into force instead.",
                    contract=contract.display_name,
                ))
            contract._check_approved()
            contract._snapshot()
            days = contract.type_id.signature_days
            contract._set_state(
                SIGNATURE,
                act="send",
                pen=US if contract.signature_required == "us" else THEM,
                shared_at=contract.shared_at or fields.Datetime.now(),
                sign_by=fields.Date.add(contract._today(), days=days) if days else False,
            )
            if contract.signature_required != "us":
                contract._mail("clm.mail_template_contract_signature")
        return True

    def action_take_back(self):
        """Take a contract out of signature, or out of approval, back to negotiation (draft if never shared)."""
        for contract in self:
            contract.check_access("write")
            back = NEGOTIATION if contract.shared_at or contract.state == SIGNATURE else DRAFT
            contract._set_state(back, pen=US, act="take_back")
        return True

    def action_activate(self):
        """Put signed contracts into force; one that starts later waits for its day.

        A contract whose type needs no signature is concluded by this button as well.
        """
        for contract in self:
            contract.check_access("write")
            if contract.state in OPEN and contract.signature_required == "none":
                contract._check_ready()
                contract._check_move(SIGNED, "conclude")
                contract._check_approved()
                contract._snapshot()
                contract._set_state(SIGNED, act="conclude", signed_on=contract._today())
                if contract.date_start > contract._today():
                    continue
            elif contract.state == SIGNED and contract.date_start > contract._today():
                raise UserError(self.env._(
                    "%(contract)s starts on %(day)s and will be put into force on that day by itself.",
                    contract=contract.display_name, day=fields.Date.to_string(contract.date_start),
                ))
            contract._activate()
        return True

    def action_cancel(self):
        """Give up contracts that nobody is bound by yet."""
        self._checked("write")._set_state(CANCELLED, act="cancel")
        self.activity_unlink(["clm.mail_activity_approval", "clm.mail_activity_contract"])
        return True

    def action_reset(self):
        """Start a cancelled contract again."""
        self._checked("write")._set_state(DRAFT, act="reset")
        return True

    # === STEPS === #

    def _checked(self, operation):
        self.check_access(operation)
        return self

    def _check_ready(self):
        """:raise UserError: naming what is missing before the other party may see the contract"""
        self.ensure_one()
        if not self.date_start:
            raise UserError(self.env._("Say when %(contract)s starts.", contract=self.display_name))
        if not self.line_ids and not self.clause_ids:
            raise UserError(self.env._(
                "%(contract)s is empty: add clauses or lines first.", contract=self.display_name,
            ))

    def _activate(self):
        """Put signed contracts into force. The first activation date is kept for ever."""
        self._lock()
        for contract in self:
            contract._check_move(ACTIVE, "activate")
            first = contract.activated_on or max(contract.date_start, contract.signed_on or contract.date_start)
            contract._set_state(ACTIVE, act="activate", activated_on=first)
            if contract.amends_id:
                contract._apply_amendment()
            else:
                contract._open_obligations()
                contract._risk_changed()

    def _close(self, reason, last_day, **vals):
        """Close contracts and what hangs on them.

        :param str reason: a value of ``close_reason``
        :param date last_day: the last day in force
        """
        self._open_obligations()  # what fell due in missed days was owed as well
        self._set_state(
            CLOSED, act="close", close_reason=reason, closed_on=last_day, closed_at=fields.Datetime.now(), **vals
        )
        for contract in self:
            contract.obligation_ids._cancel_after(last_day)
        self.activity_unlink(["clm.mail_activity_contract", "clm.mail_activity_approval"])

    def _content_changed(self):
        """What the sides agree on was edited: approvals given for another text no longer hold, the risk is another."""
        contracts = self.exists()
        if not contracts or contracts._is_unlocked():
            return
        for contract in contracts:
            if contract.state == APPROVAL:
                contract._approvals_restart()
        contracts._risk_changed()

    def _mail(self, xmlid):
        """Mail the other party, if it has an address; the message stands in the chatter either way.

        Odoo queues the mail: a mail server that is down never stops a contract.
        """
        template = self.env.ref(xmlid, raise_if_not_found=False)
        if not template:
            return
        for contract in self:
            contract.message_subscribe(contract.partner_id.ids)
            # what follows from an act of the other side, or of the nightly run, is told by the owner
            user = self.env.user
            sender = user if user.active and user._is_internal() else contract._responsible()
            contract.message_post_with_source(
                template, message_type="comment", subtype_xmlid="mail.mt_comment",
                email_layout_xmlid="mail.mail_notification_layout_with_responsible_signature",
                author_id=sender.partner_id.id, email_from=sender.email_formatted,
            )

    def _notify_owner(self, summary, note=None):
        """Open an activity for whoever must act now."""
        for contract in self:
            # sudo: the other side's acts in the portal open activities for us
            contract.sudo().activity_schedule(
                "clm.mail_activity_contract",
                date_deadline=contract._today(),
                summary=summary,
                note=note and plaintext2html(note),
                user_id=contract._responsible().id,
            )

    @api.model
    def _shared_domain(self, partner):
        """:return: ``Domain`` of what a customer or supplier may see"""
        return Domain([
            ("shared_at", "!=", False),
            ("partner_id", "child_of", partner.commercial_partner_id.ids),
        ])
