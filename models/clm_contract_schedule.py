from collections import defaultdict
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..const import COLLECT
from ..tools import schedule
from ..tools.transitions import ACTIVE, SIGNED
from .clm_contract_billing import BILLING_GROUPS, IN_FORCE
from .clm_installment import OPEN_ROWS

#: A schedule is made for so many days more than the horizon, and extended that much later.
SLACK_DAYS = 31
#: what was not billed, or is taken back: it is neither charged nor credited any more, unless somebody asks for it
SETTLED = ("skipped", "credited")
ROW_FIELDS = (
    "line_id", "kind", "state", "period_start", "period_end", "date_planned", "share", "amount", "discount_amount",
    "revision", "to_confirm", "confirmed_on", "currency_id",
)


class ClmContract(models.Model):
    """The billing schedule: rows that follow what the contract says, except those that are billed or skipped."""

    _inherit = "clm.contract"

    # === WHAT CHANGES A SCHEDULE === #

    def _content_changed(self):
        res = super()._content_changed()
        self.exists()._terms_changed()
        return res

    def _set_state(self, target, pen=None, act=None, **vals):
        res = super()._set_state(target, pen, act, **vals)
        if target in IN_FORCE:
            # what begins today is put into force next
            self.filtered(
                lambda contract: target != SIGNED or contract.date_start > contract._today()
            )._terms_changed()
        return res

    def write(self, vals):
        res = super().write(vals)
        if vals.keys() & {"billing_mode", "billing_from"}:
            self._terms_changed()
        return res

    def _terms_changed(self):
        """What is charged changed, or for how long: bring schedule and recurring revenue in line."""
        if self.env.context.get("clm_terms_later") is COLLECT:
            return  # whoever said so calls this at the end
        contracts = self.sudo().filtered(  # sudo: see _sync_schedule
            lambda contract: contract.state in IN_FORCE and not contract.amends_id
        )
        if contracts:
            contracts._sync_schedule()
            contracts._mrr_changed()

    def _apply_amendment(self):
        """An amendment changes many things at once: what follows from them is done once."""
        res = super(ClmContract, self.with_context(clm_terms_later=COLLECT))._apply_amendment()
        self.amends_id._terms_changed()
        return res

    # === SYNC === #

    def _sync_schedule(self, until=None):
        """Make, change and remove the rows that are not billed yet. Safe to run at any time and as often as one likes.

        Cost: a few queries per call, and the rows that differ.

        :param until: date to which rows are needed at least; default: the horizon of the company
        """
        contracts = self.sudo()  # sudo: rows are written by this door alone
        rows = self.env["clm.installment"].sudo().search_fetch(
            [("contract_id", "in", contracts.ids)], ROW_FIELDS,
        ).grouped("line_id")
        created, removed = [], self.env["clm.installment"].sudo()
        for contract in contracts:
            horizon = contract._schedule_horizon(until)
            for line in contract.line_ids:
                vals_list, surplus = line._sync_rows(rows.get(line, removed.browse()), horizon)
                created += vals_list
                removed |= surplus
            contract._plan_extension(horizon)
        removed.unlink()
        self.env["clm.installment"].sudo().create(created)

    def _schedule_horizon(self, until=None):
        """:return: the day up to which the schedule is made"""
        self.ensure_one()
        months = self.company_id.clm_billing_horizon
        horizon = fields.Date.add(self._today(), months=months, days=SLACK_DAYS)
        return max(horizon, until or horizon)

    def _plan_extension(self, horizon):
        end = self._service_end()
        runs_on = self._has_schedule() and (not end or end > horizon) and any(
            line.recurrence_unit != "once" and (not line.date_end or line.date_end > horizon) for line in self.line_ids
        )
        upcoming = fields.Date.add(self._today(), days=SLACK_DAYS) if runs_on else False
        if self.schedule_next != upcoming:
            self._unlocked().write({"schedule_next": upcoming})

    def _has_schedule(self):
        self.ensure_one()
        return self.state in IN_FORCE and not self.amends_id and self.billing_mode != "none"

    def _service_end(self):
        """:return: the last day on which the contract is in force, as far as it is known; ``False``: none"""
        self.ensure_one()
        return self.closed_on if self.state == "closed" else self.date_end

    def _pauses(self):
        """:return: tuple of pairs (first day, last day or ``None``)"""
        self.ensure_one()
        return tuple((pause.date_from, pause.date_to or None) for pause in self.suspension_ids.sorted("date_from"))

    @api.model
    def _extend_soon(self, companies):
        """How schedules are made changed: the next daily run makes them anew, what is billed stays."""
        self.env.flush_all()
        self.env.cr.execute(SQL(  # one statement for any number of contracts
            """
            UPDATE clm_contract SET schedule_next = %s
             WHERE company_id IN %s AND state IN %s AND amends_id IS NULL
            """,
            fields.Date.today(), companies._ids, (SIGNED, ACTIVE),
        ))
        self.invalidate_model(["schedule_next"])
        self.env.ref("clm.ir_cron_contract_daily")._trigger()

    def _extend_schedule(self):
        """Daily step: an endless contract gets its next rows."""
        self._sync_schedule()

    @api.model
    def _daily_steps(self, company):
        return [
            *super()._daily_steps(company),
            ("clm.contract", [
                ("company_id", "=", company.id), ("schedule_next", "<=", company._lifecycle_today()),
            ], "_extend_schedule"),
        ]


class ClmContractLine(models.Model):
    _inherit = "clm.contract.line"

    installment_ids = fields.One2many("clm.installment", "line_id", readonly=True, groups=BILLING_GROUPS)

    def _is_billed(self):
        """:return: whether a row of this line is billed, credited or skipped"""
        self.ensure_one()
        return any(row.state not in OPEN_ROWS for row in self.sudo().installment_ids)  # sudo: rows of other owners

    def _service_terms(self):
        """Hook: when this line is served, and how its periods run.

        :return: ``schedule.Terms``
        """
        self.ensure_one()
        contract = self.contract_id
        start = max(filter(None, (self.date_start, contract.date_start)))
        own_end = self.date_end or (start if self.recurrence_unit == "once" else None)
        return schedule.Terms(
            anchor=self.anchor_date or start,
            unit=self.recurrence_unit,
            interval=self.recurrence_interval,
            billing=self.billing,
            start=start,
            end=min(filter(None, (own_end, contract._service_end())), default=None),
            pauses=contract._pauses(),
            method=contract.company_id.clm_billing_proration,
            continues=bool(self.replaces_id),
            bill_from=contract.billing_from or None,
        )

    def _sync_rows(self, rows, horizon):
        """Compare the rows of this line with what they should be.

        :param rows: its ``clm.installment``, all of them
        :param date horizon: up to where rows are needed
        :return: pair: values of rows to create, rows to delete; what differs otherwise is written
        """
        self.ensure_one()
        locked = rows.filtered(lambda row: row.state not in OPEN_ROWS)
        known = {(row.kind, row.period_start): row for row in rows - locked}
        created = []
        for planned in self._plan_rows(locked, horizon) if self.contract_id._has_schedule() else ():
            vals = self._prepare_installment_vals(planned)
            row = known.pop((planned.kind, planned.start), None)
            if row:
                if row.confirmed_on:
                    vals.update(to_confirm=False, date_planned=max(vals["date_planned"], row.confirmed_on))
                changed = {name: value for name, value in vals.items() if not row._has_value(name, value)}
                if changed:
                    row.write(changed)
            else:
                before = [
                    row.revision for row in locked
                    if (row.kind, row.period_start) == (planned.kind, planned.start)
                ]
                created.append({
                    "contract_id": self.contract_id.id, "line_id": self.id, **vals,
                    "revision": max(before, default=-1) + 1,
                })
        return created, rows.browse(row.id for row in known.values())

    def _plan_rows(self, locked, horizon):
        rounding = Decimal(str(self.currency_id.rounding))
        return self._within_charges(locked, schedule.plan(
            self._service_terms(), Decimal(str(self.price_subtotal)), rounding, horizon,
            [
                schedule.Row(
                    row.kind, row.period_start, row.period_end, Decimal(str(row.amount)),
                    settled=row.state in SETTLED,
                )
                for row in locked
            ],
            line_end=self.date_end or None,
        ))

    def _within_charges(self, locked, planned_rows):
        """What somebody credited by hand already is not credited again: in all never more than was charged.

        :param locked: ``clm.installment`` that can no longer change
        :param planned_rows: list of ``schedule.Planned``
        """
        found, given = [], defaultdict(Decimal)
        for planned in planned_rows:
            charges = planned.kind == schedule.CREDIT and locked.filtered(
                lambda row, days=planned: row.kind == schedule.CHARGE and row.state == "invoiced"
                and row.period_start <= days.start and days.end <= row.period_end
            )
            left = charges._left_to_credit(locked) if charges else None
            if left is not None:
                left -= given[charges]
                back = max(min(abs(planned.amount), left), Decimal(0))
                given[charges] += back
                if back:
                    found.append(planned._replace(amount=back.copy_sign(planned.amount)))
            else:
                found.append(planned)
        return found

    def _prepare_installment_vals(self, planned):
        """Hook: values of a row of the schedule.

        :param planned: ``schedule.Planned``
        """
        self.ensure_one()
        return {
            "kind": planned.kind,
            "period_start": planned.start,
            "period_end": planned.end,
            "date_planned": planned.planned,
            "share": planned.share,
            "amount": float(planned.amount),
            "discount_amount": self.currency_id.round(self.discount_amount * planned.share),
            "to_confirm": planned.kind == schedule.CREDIT and not planned.agreed,
        }


class ClmInstallment(models.Model):
    _inherit = "clm.installment"

    def _left_to_credit(self, locked):
        """:param locked: all rows of the line that can no longer change
        :return: what is left of these charges after credit notes by hand and granted credits, above 0; ``None`` if
            there are no credit notes by hand, so that days tell
        """
        billed, by_hand = self.env["account.move.line"], self.env["account.move.line"]
        for row in self:
            charged, back = row._billing_lines()
            billed |= charged
            by_hand |= back
        if not by_hand:
            return None
        first, last = min(self.mapped("period_start")), max(self.mapped("period_end"))
        granted = locked.filtered(
            lambda row: row.kind == schedule.CREDIT and row.state == "invoiced"
            and row.period_start >= first and row.period_end <= last
        )
        standing = sum(billed.mapped("price_subtotal")) - sum(by_hand.mapped("price_subtotal"))
        return Decimal(str(self.currency_id.round(abs(standing) - abs(sum(granted.mapped("amount"))))))

    def _has_value(self, name, value):
        field = self._fields[name]
        if name == "share":
            return abs(self.share - value) < 1e-9
        if field.type == "monetary":
            return not self.currency_id.compare_amounts(self[name], value)
        return self[name] == value


class ClmContractSuspension(models.Model):
    _inherit = "clm.contract.suspension"

    @api.model_create_multi
    def create(self, vals_list):
        pauses = super().create(vals_list)
        pauses.contract_id._terms_changed()
        return pauses

    def write(self, vals):
        res = super().write(vals)
        self.contract_id._terms_changed()
        return res

    def unlink(self):
        contracts = self.contract_id
        res = super().unlink()
        contracts._terms_changed()
        return res
