from odoo import fields, models
from odoo.exceptions import UserError

from ..tools import recurrence
from ..tools.transitions import ACTIVE, BINDING, CLOSED, OPEN, SIGNED


class ClmContract(models.Model):
    """Ending a contract before, or instead of, its renewal."""

    _inherit = "clm.contract"

    settlement_note = fields.Text(readonly=True, copy=False, groups="base.group_user", tracking=True)
    terminated_on = fields.Date(
        "Notice Given On", readonly=True, copy=False, tracking=True, groups="base.group_user",
        help="The day on which the termination was recorded.",
    )
    date_end_agreed = fields.Date(
        "End as Agreed", readonly=True, copy=False, groups="base.group_user",
        help="The end date before the termination.",
    )

    def _earliest_end(self):
        """:return: the first last day at which the contract can end if notice is given today; the day before the
            start if it never needs to begin
        """
        self.ensure_one()
        today, bound = self._today(), self.date_minimum_end or None
        if not self.date_end or self.renewal_policy == "evergreen":
            end = recurrence.earliest_end(today, self.notice_count, self.notice_unit, bound)
        elif not self._may_renew_automatically():
            end = self.date_end
        else:
            late = self.date_notice and today > self.date_notice  # bound for another term
            months = self.renewal_months or self.term_months or 12
            end = max(self._end_of_renewal(months) if late else self.date_end, bound or self.date_end)
        return max(end, fields.Date.subtract(self.date_start, days=1))

    def action_terminate(self, reason=None, date=None, note=None, agreed=False):
        """End a contract in force.

        :param reason: ``clm.close.reason`` record or id; a dialog asks when it is missing
        :param date: the last day in force; default: the earliest day that notice and minimum term allow. Before the
            start: the contract never begins
        :param note: settlement: what is still to be paid, returned or done
        :param bool agreed: both sides agree, or there is good cause: notice and minimum term do not bind
        :raise UserError: when the contract is not in force, or notice or minimum term forbid that day
        """
        if not reason:
            return self.env["ir.actions.act_window"]._for_xml_id("clm.clm_contract_terminate_action")
        self.check_access("write")
        reason = self.env["clm.close.reason"].browse(int(reason)).exists()
        if not reason:
            raise UserError(self.env._("Choose why the contract ends."))
        for contract in self:
            contract._terminate(reason, fields.Date.to_date(date) or contract._earliest_end(), note, agreed)
        return True

    def _terminate(self, reason, date, note=None, agreed=False):
        self.ensure_one()
        self._lock()
        if self.state not in BINDING:
            self._check_move(CLOSED)
        if self.amends_id:
            raise UserError(self.env._("Terminate the contract itself, not its amendment."))
        self._check_not_terminated()
        self._check_termination_date(date, agreed)
        if self.next_id and (self.next_id.state in OPEN or self.next_id.state in BINDING):
            raise UserError(self.env._(
                "%(contract)s is renewed by %(successor)s. Cancel or terminate that one first.",
                contract=self.display_name, successor=self.next_id.display_name,
            ))
        today = self._today()
        if self.state == SIGNED and self.date_start <= min(date, today):
            self._activate()  # it began before the daily run saw it
        self._unlocked().write({
            **self._prepare_decision_vals("end"),
            "close_reason_id": reason.id, "settlement_note": note, "terminated_on": today,
            "date_end_agreed": self.date_end, "date_end": max(date, self.date_start),
        })
        self.activity_unlink(["clm.mail_activity_renewal"])
        self.message_post(body=self.env._(
            "Terminated as of %(day)s: %(reason)s", day=fields.Date.to_string(date), reason=reason.name,
        ))
        if date < self.date_start or (self.state == ACTIVE and date <= today):
            self._close("terminated", date)

    def _check_termination_date(self, date, agreed):
        """:raise UserError: when the contract cannot end on a day"""
        earliest = self._earliest_end()
        if not agreed and date < earliest:
            raise UserError(self.env._(
                "Notice and minimum term bind both sides until %(day)s. Choose that day or a later one, or tick "
                "that both sides agree.", day=fields.Date.to_string(earliest),
            ))
        if date < fields.Date.subtract(self.date_start, days=1):
            raise UserError(self.env._("The contract cannot end before it starts."))
        if self.date_end and self.renewal_policy != "evergreen" and date > max(self.date_end, earliest):
            raise UserError(self.env._(
                "%(contract)s ends on %(day)s anyway. To let it run longer, make an amendment.",
                contract=self.display_name, day=fields.Date.to_string(max(self.date_end, earliest)),
            ))

    def action_withdraw_termination(self):
        """Undo a termination whose day has not come."""
        self.check_access("write")
        for contract in self:
            if contract.state not in BINDING or not contract.terminated_on:
                raise UserError(self.env._("%(contract)s is not terminated.", contract=contract.display_name))
            contract._unlocked().write({
                "date_end": contract.date_end_agreed, "terminated_on": False, "close_reason_id": False,
                "date_end_agreed": False, "settlement_note": False,
            })
            contract._reopen_decision()
            contract.message_post(body=self.env._("The termination was withdrawn."))
        return True
