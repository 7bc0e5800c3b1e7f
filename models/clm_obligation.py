from datetime import date

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command, Domain

from ..const import OBLIGATION_RECURRENCES, SIDES
from ..tools import recurrence
from ..tools.transitions import ACTIVE, CLOSED, THEM

# occurrences of a recurring obligation are opened so many days ahead
HORIZON_DAYS = 60


class ClmObligation(models.Model):
    """Something that one side owes under a contract until a day. A recurring one is a series of these.

    Overdue is what is open after its due date: a miss in the on-time rate, unless it is waived with a reason.
    """

    _name = "clm.obligation"
    _description = "Obligation"
    _inherit = ["mail.thread", "mail.activity.mixin", "clm.recurrence.mixin", "clm.due.mixin", "clm.door.mixin"]
    _order = "date_due, id"
    _check_company_auto = True
    _mail_post_access = "read"

    name = fields.Char("Obligation", required=True, tracking=True)
    description = fields.Html()
    contract_id = fields.Many2one("clm.contract", required=True, ondelete="cascade", index=True, check_company=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    partner_id = fields.Many2one(related="contract_id.partner_id", store=True, string="Customer or Supplier")
    contract_state = fields.Selection(related="contract_id.state", string="Contract State")
    side = fields.Selection(SIDES, string="Whose", required=True, default="us", tracking=True)
    user_id = fields.Many2one(
        "res.users", string="Owner", compute="_compute_user_id", store=True, readonly=False, precompute=True,
        tracking=True, domain="[('share', '=', False)]", help="Does it, or sees to it that the other party does.",
    )
    date_due = fields.Date("Due", required=True, tracking=True, index=True)
    recurrence_interval = fields.Integer("Every", default=1)
    recurrence_unit = fields.Selection(OBLIGATION_RECURRENCES, string="Repeats", default="none", required=True)
    series_id = fields.Many2one(
        "clm.obligation", readonly=True, copy=False, index="btree_not_null", ondelete="cascade",
        help="The first of a recurring obligation.",
    )
    number = fields.Integer("Occurrence", readonly=True, copy=False, aggregator=None)
    state = fields.Selection(
        [("open", "Open"), ("done", "Done"), ("waived", "Waived"), ("cancelled", "Cancelled")],
        default="open", required=True, readonly=True, copy=False, tracking=True, index=True,
    )
    done_on = fields.Date(readonly=True, copy=False, tracking=True)
    done_by = fields.Char(readonly=True, copy=False)
    proof_ids = fields.Many2many("ir.attachment", copy=False)
    waive_reason = fields.Char(readonly=True, copy=False, tracking=True)
    is_overdue = fields.Boolean("Overdue", compute="_compute_is_overdue", search="_search_is_overdue")
    result = fields.Selection(
        [
            ("open", "Not due yet"), ("ontime", "On time"), ("late", "Done late"), ("missed", "Missed"),
            ("waived", "Waived"), ("cancelled", "Cancelled"),
        ],
        compute="_compute_result", help="On-time rate: on time among on time, done late and missed.",
    )
    overdue_flagged = fields.Boolean(readonly=True, copy=False)
    next_open_on = fields.Date(readonly=True, copy=False, help="When the next occurrence of the series is opened.")
    anchor_date = fields.Date(
        readonly=True, copy=False,
        help="Where a series that goes on from the contract before began. Empty: at its own due date.",
    )
    anchor_number = fields.Integer(
        readonly=True, copy=False, aggregator=None, help="How many repetitions there were until this one."
    )

    _series_uniq = models.UniqueIndex("(series_id, number) WHERE series_id IS NOT NULL")
    _due_index = models.Index("(company_id, date_due) WHERE state = 'open' AND overdue_flagged IS NOT TRUE")
    _next_index = models.Index("(company_id, next_open_on) WHERE next_open_on IS NOT NULL")
    _check_interval = models.Constraint("CHECK (recurrence_interval > 0)", "Repeat every 1 or more periods.")

    @api.depends("contract_id")
    def _compute_user_id(self):
        for obligation in self:
            obligation.user_id = obligation.user_id or obligation.contract_id.user_id

    @api.depends("state", "date_due", "contract_id.state")
    def _compute_is_overdue(self):
        for obligation in self:
            obligation.is_overdue = bool(
                obligation.state == "open" and obligation.date_due and obligation.contract_state in (ACTIVE, CLOSED)
                and obligation.date_due < obligation.contract_id._today()
            )

    def _search_is_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        overdue = Domain.OR(
            Domain("company_id", "=", company.id) & Domain("date_due", "<", company._lifecycle_today())
            for company in self.env.companies
        ) & Domain("state", "=", "open") & Domain("contract_id.state", "in", (ACTIVE, CLOSED))
        if set(value) == {True}:
            return overdue
        return ~overdue if set(value) == {False} else Domain.TRUE

    @api.depends("state", "date_due", "done_on", "contract_id.state")
    def _compute_result(self):
        for obligation in self:
            if obligation.state == "done":
                obligation.result = "ontime" if obligation.done_on <= obligation.date_due else "late"
            elif obligation.state == "open":
                obligation.result = "missed" if obligation.is_overdue else "open"
            else:
                obligation.result = obligation.state

    @api.constrains("date_due", "contract_id")
    def _check_date_due(self):
        for obligation in self:
            start = obligation.contract_id.date_start
            if start and obligation.date_due and obligation.date_due < start:
                raise ValidationError(self.env._(
                    "“%(obligation)s” is due before its contract starts.", obligation=obligation.name,
                ))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_doors(vals)
        obligations = super().create(vals_list)
        obligations._begin_series()
        return obligations

    def write(self, vals):
        self._check_doors(vals)
        agreed = vals.keys() & {"name", "date_due", "side", "contract_id"} and not self._is_unlocked()
        if agreed and any(obligation.state != "open" for obligation in self):
            raise UserError(self.env._("This obligation is settled. Reopen it before you change it."))
        if "date_due" in vals:
            vals = {"anchor_date": False, "anchor_number": 0, **vals, "overdue_flagged": False}
        res = super().write(vals)
        if vals.keys() & {"recurrence_unit", "recurrence_interval", "date_due"}:
            self._begin_series()
            self._open_next()
        return res

    def _begin_series(self):
        for obligation in self._unlocked():
            if obligation.recurrence_unit != "none" and not obligation.series_id:
                obligation.series_id = obligation

    @api.ondelete(at_uninstall=False)
    def _unlink_except_settled(self):
        for obligation in self:
            if obligation.state in ("done", "waived") or obligation.contract_state in ("signed", "active", "closed"):
                raise UserError(self.env._(
                    "“%(obligation)s” belongs to a contract in force, or is settled. Waive it instead of deleting it.",
                    obligation=obligation.name,
                ))

    # === ACTIONS === #

    def action_done(self):
        """Mark as done today."""
        self.check_access("write")
        return self._done()

    def action_waive(self, reason=None):
        """Let it go, with a reason that a dialog asks for. A waived obligation is no miss."""
        self.check_access("write")
        if not reason:
            return self.env["clm.reason"]._ask(self, "action_waive", self.env._("Waive"))
        self._check_open()
        self._settle(state="waived", waive_reason=reason)
        return True

    def action_reopen(self):
        """Undo: open again what was done or waived by mistake."""
        self.check_access("write")
        for obligation in self:
            if obligation.contract_state not in ("signed", "active"):
                raise UserError(self.env._("The contract is not in force: its obligations are settled."))
        self.filtered(lambda obligation: obligation.state != "open")._settle(
            state="open", done_on=False, done_by=False, waive_reason=False, overdue_flagged=False
        )
        return True

    def _done(self, by=None, day=None):
        self._check_open()
        for obligation in self:
            if obligation.contract_state not in ("signed", "active", "closed"):
                raise UserError(self.env._(
                    "“%(obligation)s” belongs to a contract that is not in force.", obligation=obligation.name,
                ))
            obligation._settle(
                state="done", done_on=day or obligation.contract_id._today(), done_by=by or self.env.user.name
            )
        return True

    def _confirm(self, name, ip=None, user_agent=None):
        """The other side confirms in the portal that it did its part."""
        self.ensure_one()
        if self.side != THEM:
            raise UserError(self.env._("This obligation is ours to confirm."))
        self.sudo()._done(by=name)  # sudo: customers confirm through the portal
        self.contract_id._audit("confirmed", name=name, ip=ip, user_agent=user_agent, note=self.name)
        self.contract_id._notify_owner(self.env._("%(name)s confirmed: %(what)s", name=name, what=self.name))

    def _check_open(self):
        for obligation in self:
            if obligation.state != "open":
                raise UserError(self.env._("“%(obligation)s” is settled already.", obligation=obligation.name))

    def _settle(self, **vals):
        self._unlocked().write(vals)
        if vals["state"] != "open":
            self.activity_unlink(["clm.mail_activity_obligation"])
        self._open_next()

    # === SERIES === #

    def _is_series(self):
        """:return: whether this is the first of a recurring obligation"""
        self.ensure_one()
        return self.series_id == self and self.recurrence_unit != "none"

    def _open_next(self):
        """Open the next occurrences of recurring obligations, up to the horizon. Cost: what is due.

        Dates step from the first one, so that a duty of the 31st stays on the 31st where there is one. What was due
        before the contract came into force is not asked for.
        """
        series = self.series_id.filtered(lambda first: first.contract_id.state == ACTIVE)
        (self.series_id - series).filtered("next_open_on")._unlocked().write({"next_open_on": False})
        if not series:
            return
        last = dict(self._read_group([("series_id", "in", series.ids)], ["series_id"], ["number:max"]))
        vals_list = []
        for first in series:
            if not first._is_series():
                first._unlocked().next_open_on = False
                continue
            contract = first.contract_id
            horizon = fields.Date.add(contract._today(), days=HORIZON_DAYS)
            upcoming = False
            for number, day in first._occurrences(contract.activated_on):
                if day > horizon:
                    upcoming = fields.Date.subtract(day, days=HORIZON_DAYS)
                    break
                if number > last.get(first, 0):
                    vals_list.append({**first._prepare_occurrence_vals(), "date_due": day, "number": number})
            first._unlocked().next_open_on = upcoming
        self._unlocked().create(vals_list)

    def _occurrences(self, start):
        """:return: pairs (number, due date) from a day on to the end of the contract, stepped from the series' start"""
        self.ensure_one()
        dates = recurrence.occurrences(
            self.anchor_date or self.date_due, self.recurrence_unit, self.recurrence_interval,
            start, self.contract_id.date_end or date.max,
        )
        return ((number - self.anchor_number, day) for number, day in dates)

    def _prepare_copy_vals(self, start):
        """:return: values of a series in the renewal of its contract: it goes on as if nothing had happened

        :param date start: first day of the renewal
        """
        self.ensure_one()
        vals = {
            "name": self.name,
            "description": self.description,
            "side": self.side,
            "recurrence_interval": self.recurrence_interval,
            "recurrence_unit": self.recurrence_unit,
            **self._prepare_series_vals(start),
        }
        if self.user_id.active and self.user_id != self.contract_id.user_id:
            vals["user_id"] = self.user_id.id  # otherwise whoever owns the renewal
        return vals

    def _prepare_series_vals(self, start):
        """:return: values of the first occurrence of the same series not before a day"""
        anchor, number = self.anchor_date or self.date_due, 0
        while (day := recurrence.step(anchor, self.recurrence_unit, self.recurrence_interval * number)) < start:
            number += 1
        return {"date_due": day, "anchor_date": anchor, "anchor_number": number}

    def _prepare_occurrence_vals(self):
        return {
            "contract_id": self.contract_id.id,
            "series_id": self.id,
            "name": self.name,
            "description": self.description,
            "side": self.side,
            "user_id": self.user_id.id,
            "recurrence_interval": self.recurrence_interval,
            "recurrence_unit": self.recurrence_unit,
        }

    def _cancel_after(self, last_day):
        """A contract ended: recurring duties after its last day fall away, what was owed once remains owed."""
        gone = self.filtered(
            lambda obligation: obligation.state == "open" and obligation.series_id and obligation.date_due > last_day
        )
        gone._unlocked().write({"state": "cancelled"})
        self.series_id._unlocked().write({"next_open_on": False})
        gone.activity_unlink(["clm.mail_activity_obligation"])

    def _flag_overdue(self):
        """Tell the owners, once per due date."""
        self._unlocked().write({"overdue_flagged": True})
        for obligation in self:
            contract = obligation.contract_id
            owner = obligation.user_id if obligation.user_id.active else contract._responsible()
            obligation.activity_schedule(
                "clm.mail_activity_obligation", date_deadline=contract._today(), user_id=owner.id,
                summary=self.env._("Overdue: %(what)s", what=obligation.name),
            )
        self.contract_id._risk_changed()  # their state is the same: time alone made them a miss


class ClmContract(models.Model):
    _inherit = "clm.contract"

    obligation_ids = fields.One2many(
        "clm.obligation", "contract_id", string="Obligations", compute="_compute_obligation_ids", store=True,
        readonly=False, copy=False,
    )
    open_obligation_count = fields.Integer(compute="_compute_obligation_counts", groups="base.group_user")
    overdue_obligation_count = fields.Integer(compute="_compute_obligation_counts", groups="base.group_user")

    @api.depends("type_id")
    def _compute_obligation_ids(self):
        for contract in self:
            contract.obligation_ids = [Command.clear()] + [
                Command.create(contract._prepare_obligation_vals(duty))
                for duty in contract.type_id.obligation_ids
                if contract.date_start
            ]

    def write(self, vals):
        before = {contract: contract.date_start for contract in self} if "date_start" in vals else {}
        res = super().write(vals)
        if "date_end" in vals:  # a series may go on longer than was known
            self._open_obligations()
        for contract, start in before.items():
            if start and contract.date_start and contract.date_start != start:
                contract._shift_obligations(contract.date_start - start)
        return res

    def _shift_obligations(self, delta):
        """The start moved before anything was agreed: the due dates move along."""
        for obligation in self.obligation_ids.filtered(lambda obligation: obligation.state == "open"):
            if obligation.anchor_date:
                obligation._unlocked().write(obligation._prepare_series_vals(self.date_start))
            else:
                obligation.date_due += delta

    def _prepare_obligation_vals(self, duty):
        """:return: values of an obligation that the type of this contract brings"""
        return {
            "name": duty.with_context(lang=self.partner_id.lang).name,
            "side": duty.side,
            "date_due": recurrence.step(self.date_start, duty.offset_unit, duty.offset_count),
            "recurrence_interval": duty.recurrence_interval,
            "recurrence_unit": duty.recurrence_unit,
        }

    @api.depends("obligation_ids.state", "obligation_ids.date_due")
    def _compute_obligation_counts(self):
        counts = dict(self.env["clm.obligation"]._read_group(
            [("contract_id", "in", self.ids), ("state", "=", "open")], ["contract_id"], ["__count"]
        ))
        overdue = dict(self.env["clm.obligation"]._read_group(
            [("contract_id", "in", self.ids), ("is_overdue", "=", True)], ["contract_id"], ["__count"]
        ))
        for contract in self:
            contract.open_obligation_count = counts.get(contract._origin, 0)
            contract.overdue_obligation_count = overdue.get(contract._origin, 0)

    def _open_obligations(self):
        self.obligation_ids._open_next()
