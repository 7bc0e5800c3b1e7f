from odoo import api, fields, models
from odoo.fields import Domain

from ..tools.transitions import ACTIVE, SIGNED

# a deadline further away is told by its date alone
DAYS_NEAR = 100


class ClmContract(models.Model):
    """The decision about a renewal: whether it is due, and what there is to know about it."""

    _inherit = "clm.contract"

    decision_due = fields.Boolean(
        compute="_compute_decision_due", search="_search_decision_due", groups="base.group_user",
        help="It is time to decide about the renewal, and nobody has.",
    )
    decision_note = fields.Char(compute="_compute_decision_note", groups="base.group_user")
    notice_passed = fields.Boolean(compute="_compute_notice_days", groups="base.group_user")
    notice_near = fields.Boolean(
        compute="_compute_notice_days", groups="base.group_user", help="So near that the days left are worth showing."
    )

    @api.depends("state", "decision", "date_act_by", "next_id", "amends_id")
    def _compute_decision_due(self):
        for contract in self:
            contract.decision_due = bool(
                contract.state == ACTIVE and not contract.decision and not contract.amends_id
                and contract.date_act_by and contract.date_act_by <= contract._today() and not contract.next_id
            )

    def _search_decision_due(self, operator, value):
        if operator != "in" or set(value) != {True}:
            return NotImplemented
        return Domain([
            ("state", "=", ACTIVE), ("decision", "=", False), ("amends_id", "=", False), ("next_id", "=", False),
        ]) & Domain.OR(
            Domain("company_id", "=", company.id) & Domain("date_act_by", "<=", company._lifecycle_today())
            for company in self.env.companies
        )

    @api.depends("date_notice", "state", "decision", "next_id")
    def _compute_notice_days(self):
        for contract in self:
            left = (contract.date_notice - contract._today()).days if contract.date_notice else 0
            undecided = contract.state in (SIGNED, ACTIVE) and not contract.decision and not contract.next_id
            contract.notice_passed = left < 0
            contract.notice_near = bool(contract.date_notice and undecided and left < DAYS_NEAR)

    @api.depends("decision_due", "decision", "decision_user_id", "date_end", "date_notice", "terminated_on")
    def _compute_decision_note(self):
        for contract in self:
            contract.decision_note = contract._decision_note()

    def _decision_note(self):
        """:return: a sentence about the renewal that is to be decided or was, or False"""
        self.ensure_one()
        if self.state != ACTIVE or self.terminated_on or self.next_id:
            return False
        end = self._day(self.date_end) if self.date_end else ""
        if self.decision:
            who = self.decision_user_id.name or ""
            day = self._day(self.decision_date)
            if self.decision == "end":
                return self.env._("Ends on %(end)s, as %(user)s decided on %(day)s.", end=end, user=who, day=day)
            return self.env._("To be renewed by %(end)s, as %(user)s decided on %(day)s.", end=end, user=who, day=day)
        if not self.decision_due:
            return False
        notice = self._day(self.date_notice)
        if self.renewal_policy != "auto":
            return self.env._("This contract ends on %(end)s. Should it be renewed?", end=end)
        if self.notice_passed:
            return self.env._(
                "The last day for notice was %(notice)s, and nobody decided: it renews by itself after %(end)s.",
                notice=notice, end=end,
            )
        return self.env._(
            "Without notice until %(notice)s it renews by itself after %(end)s. Should it?", notice=notice, end=end,
        )
