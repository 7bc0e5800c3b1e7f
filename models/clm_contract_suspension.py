from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain

from ..tools.transitions import ACTIVE


class ClmContractSuspension(models.Model):
    """A pause of a contract in force. Billing and recurring value rest from the first to the last day."""

    _name = "clm.contract.suspension"
    _description = "Contract Suspension"
    _inherit = "clm.due.mixin"
    _order = "contract_id, date_from desc"
    _rec_name = "reason"

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    date_from = fields.Date("From", required=True, readonly=True)
    date_to = fields.Date("Until", readonly=True, help="The last day of the pause. Empty: until resumed.")
    reason = fields.Char(required=True, readonly=True)
    extend_end = fields.Boolean(readonly=True, help="Agreed: the end of the contract moves by the days of the pause.")
    extended_days = fields.Integer(readonly=True)
    user_id = fields.Many2one("res.users", string="By", readonly=True, default=lambda self: self.env.user)
    finished = fields.Boolean(readonly=True)

    _check_dates = models.Constraint(
        "CHECK (date_to IS NULL OR date_to >= date_from)", "A pause cannot end before it begins."
    )
    _open_uniq = models.UniqueIndex("(contract_id) WHERE finished IS NOT TRUE", "This contract is suspended already.")
    _due_index = models.Index("(company_id, date_to) WHERE finished IS NOT TRUE")

    def _clm_resume(self):
        """The last day of the pause has passed."""
        for suspension in self:
            suspension._finish(suspension.date_to)

    def _finish(self, last_day):
        """End the pause; where it was agreed, the end of the contract moves by its length.

        :param date last_day: the last day of the pause; before its first day, it never took place
        """
        for suspension in self:
            contract = suspension.contract_id
            days = (last_day - suspension.date_from).days + 1
            if days <= 0:
                contract.message_post(body=self.env._("The pause was called off."))
                suspension.unlink()
                continue
            extended = suspension._extend_contract(days) if suspension.extend_end and contract.date_end else 0
            suspension.write({"finished": True, "date_to": last_day, "extended_days": extended})
            contract.message_post(body=self.env._(
                "Resumed after %(days)s days.", days=days,
            ) if not extended else self.env._(
                "Resumed after %(days)s days; the end moved to %(end)s.",
                days=days, end=fields.Date.to_string(contract.date_end),
            ))

    def _extend_contract(self, days):
        """:return: by how many days the end moved: none when a signed renewal follows it already"""
        self.ensure_one()
        contract = self.contract_id
        end = fields.Date.add(contract.date_end, days=days)
        if contract.terminated_on or contract.state != ACTIVE:
            return 0
        if not contract._is_end_movable(end):
            contract._notify_owner(self.env._("The end could not move by the days of the pause: the renewal is signed"))
            return 0
        contract._move_end(end)
        return days


class ClmContract(models.Model):
    _inherit = "clm.contract"

    suspension_ids = fields.One2many("clm.contract.suspension", "contract_id", string="Pauses", readonly=True)
    is_suspended = fields.Boolean(
        "Suspended", compute="_compute_is_suspended", search="_search_is_suspended", help="Paused today."
    )

    @api.depends("suspension_ids.finished", "suspension_ids.date_from", "suspension_ids.date_to")
    def _compute_is_suspended(self):
        for contract in self:
            contract.is_suspended = any(
                not pause.finished and pause.date_from <= contract._today()
                and (not pause.date_to or pause.date_to >= contract._today())
                for pause in contract.suspension_ids
            )

    def _search_is_suspended(self, operator, value):
        if operator != "in":
            return NotImplemented
        paused = Domain.OR(
            Domain("company_id", "=", company.id) & Domain("suspension_ids", "any", [
                ("finished", "=", False), ("date_from", "<=", company._lifecycle_today()),
                "|", ("date_to", "=", False), ("date_to", ">=", company._lifecycle_today()),
            ])
            for company in self.env.companies
        )
        if set(value) == {True}:
            return paused
        return ~paused if set(value) == {False} else Domain.TRUE

    def _suspend(self, reason, date_from=None, date_to=None, extend_end=False):
        """Pause contracts in force.

        :param str reason: why
        :param date_from: first day; default: today
        :param date_to: last day; default: until resumed
        :param bool extend_end: whether the sides agreed that the end moves by the length of the pause
        :raise UserError: when a contract is not in force, is paused already, or the dates do not fit
        """
        self.check_access("write")
        self._lock()
        for contract in self:
            first = date_from or contract._today()
            if contract.state != ACTIVE:
                raise UserError(self.env._(
                    "%(contract)s is not in force and cannot be paused.", contract=contract.display_name,
                ))
            if contract.suspension_ids.filtered(lambda pause: not pause.finished):
                raise UserError(self.env._("%(contract)s is paused already.", contract=contract.display_name))
            if date_to and date_to < first:
                raise UserError(self.env._("The pause ends before it begins. Correct one of the dates."))
            if any(pause.date_to >= first for pause in contract.suspension_ids):
                raise UserError(self.env._("%(contract)s was paused in these days already.",
                                           contract=contract.display_name))
            if first < contract.date_start or (contract.date_end and first > contract.date_end):
                raise UserError(self.env._("The pause lies outside the term of %(contract)s.",
                                           contract=contract.display_name))
            # sudo: pauses are written by the buttons alone
            contract.sudo().suspension_ids = [Command.create({
                "date_from": first, "date_to": date_to, "reason": reason, "extend_end": extend_end,
                "user_id": self.env.uid,
            })]
            contract.message_post(body=self.env._(
                "Paused from %(first)s: %(reason)s", first=fields.Date.to_string(first), reason=reason,
            ))

    def action_suspend(self):
        """Ask for dates and reason."""
        return self.env["ir.actions.act_window"]._for_xml_id("clm.clm_contract_suspend_action")

    def action_resume(self):
        """End the pause: today is a day in force again."""
        self.check_access("write")
        for contract in self:
            pauses = contract.suspension_ids.filtered(lambda pause: not pause.finished)
            if not pauses:
                raise UserError(self.env._("%(contract)s is not paused.", contract=contract.display_name))
            yesterday = fields.Date.subtract(contract._today(), days=1)
            # sudo: pauses are written by the buttons alone
            pauses.sudo()._finish(min(pauses.date_to or yesterday, yesterday))
        return True

    def _close(self, reason, last_day, **vals):
        """A pause ends with its contract; a renewal goes on being paused as long as was agreed."""
        res = super()._close(reason, last_day, **vals)
        for contract in self.sudo():  # sudo: pauses are written by the doors alone
            for pause in contract.suspension_ids.filtered(lambda pause: not pause.finished):
                if reason == "renewed" and (not pause.date_to or pause.date_to > last_day):
                    contract.next_id.suspension_ids = [Command.create({
                        "date_from": max(pause.date_from, contract.next_id.date_start), "date_to": pause.date_to,
                        "reason": pause.reason, "extend_end": pause.extend_end, "user_id": pause.user_id.id,
                    })]
                pause._finish(min(pause.date_to or last_day, last_day))
        return res
