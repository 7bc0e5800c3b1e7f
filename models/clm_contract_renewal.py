from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import float_round

from ..tools import recurrence, schedule
from ..tools.transitions import ACTIVE, CANCELLED, DRAFT, EDITABLE, SIGNED


class ClmContract(models.Model):
    """Renewals: contracts of their own, linked to the one that they follow."""

    _inherit = "clm.contract"

    decision = fields.Selection(
        [("renew", "Renew"), ("end", "Let it end")], readonly=True, copy=False, tracking=True,
        groups="base.group_user", help="What was decided about the renewal.",
    )
    decision_user_id = fields.Many2one(
        "res.users", string="Decided By", readonly=True, copy=False, groups="base.group_user"
    )
    decision_date = fields.Datetime("Decided On", readonly=True, copy=False, groups="base.group_user")
    renewal_number = fields.Integer(
        "Renewals So Far", readonly=True, copy=False, aggregator=None, groups="base.group_user"
    )
    auto_renewed = fields.Boolean("Renewed Automatically", readonly=True, copy=False, groups="base.group_user")
    silent_renewal = fields.Boolean(
        readonly=True, copy=False, groups="base.group_user",
        help="Renewed automatically although nobody had decided about it before the notice deadline.",
    )
    days_to_decide = fields.Integer(
        "Days Decided Before Deadline", readonly=True, copy=False, aggregator="avg", groups="base.group_user",
        help="From the decision to the notice deadline; negative when it came late.",
    )
    renewal_order_id = fields.Many2one(
        "sale.order", string="Renewal Quotation", readonly=True, copy=False, index="btree_not_null",
        groups="base.group_user",
    )

    # === DATES === #

    def _end_of_renewal(self, months):
        """:return: the last day of a renewal of so many months"""
        self.ensure_one()
        whole = self._months_of_term()
        if whole:
            step = recurrence.step(self.anchor_date, "month", self.anchor_months + whole + months)
            return fields.Date.subtract(step, days=1)
        return recurrence.last_day(fields.Date.add(self.date_end, days=1), months)

    def _months_until(self, end):
        """:return: the term, in months, that ends on a day; 0 when there is none"""
        self.ensure_one()
        after = fields.Date.add(end, days=1)
        months = (after.year - self.date_start.year) * 12 + after.month - self.date_start.month
        return next((count for count in (months, months + 1) if count > 0 and self._end_of_term(count) == end), 0)

    def _move_end(self, end):
        """Move the last day of a contract in force. A renewal that can still be edited moves along.

        :param end: the new last day; ``False``: none
        :raise UserError: when the renewal cannot move any more
        """
        self.ensure_one()
        successor = self.next_id
        if end == self.date_end:
            return
        if not self._is_end_movable(end):
            raise UserError(self.env._(
                "%(successor)s begins when %(contract)s ends, and can no longer be moved. Cancel it first.",
                successor=successor.display_name, contract=self.display_name,
            ))
        months = (self._months_until(end) or self.term_months) if end else 0
        self._unlocked().write({"date_end": end, "term_months": months})
        if successor:
            # sudo: the renewal may have another owner; with its locks, so that approvers decide anew
            successor.sudo().with_context(clm_unlock=None).date_start = fields.Date.add(end, days=1)

    def _is_end_movable(self, end):
        self.ensure_one()
        return not self.next_id or bool(end and self.next_id.state in EDITABLE)

    # === DECISION === #

    def action_decide_renew(self):
        """Record that these contracts are to be renewed."""
        self.check_access("write")
        self._decide_renewal("renew")
        for contract in self:
            if contract.renewal_policy != "auto" and not contract.next_id:
                contract.activity_schedule(
                    "clm.mail_activity_renewal", date_deadline=contract.date_end,
                    user_id=contract._responsible().id, summary=self.env._("Prepare the renewal"),
                )
        return True

    def action_decide_end(self):
        """Record that these contracts end at their end date; an automatic renewal then does not happen."""
        self.check_access("write")
        self._decide_renewal("end")
        return True

    def action_decide_later(self):
        """Undo: open the decision again."""
        self.check_access("write")
        for contract in self:
            contract._check_not_terminated()
        self._reopen_decision()
        return True

    def _reopen_decision(self):
        self._unlocked().write({
            "decision": False, "decision_user_id": False, "decision_date": False, "days_to_decide": 0,
            "reminded_for": False,
        })
        self.activity_unlink(["clm.mail_activity_renewal"])

    def _decide_renewal(self, decision):
        for contract in self:
            if contract.state != ACTIVE or not contract.date_end:
                raise UserError(self.env._(
                    "%(contract)s is not in force or has no end date: there is nothing to decide.",
                    contract=contract.display_name,
                ))
            contract._check_not_terminated()
            if decision == "end" and contract.next_id:
                raise UserError(self.env._(
                    "%(contract)s is renewed by %(successor)s already. Cancel that one first.",
                    contract=contract.display_name, successor=contract.next_id.display_name,
                ))
            contract._unlocked().write(contract._prepare_decision_vals(decision))
        self.activity_feedback(["clm.mail_activity_renewal"])

    def _prepare_decision_vals(self, decision):
        self.ensure_one()
        return {
            "decision": decision,
            "decision_user_id": self.env.uid,
            "decision_date": fields.Datetime.now(),
            "days_to_decide": (self.date_notice - self._today()).days if self.date_notice else 0,
        }

    def _is_undecided(self):
        """:return: whether nobody decided to renew while notice could still be given"""
        self.ensure_one()
        return self.decision != "renew" or self.days_to_decide < 0

    def _check_not_terminated(self):
        self.ensure_one()
        if self.terminated_on:
            raise UserError(self.env._(
                "%(contract)s is terminated as of %(day)s. Withdraw the termination first.",
                contract=self.display_name, day=fields.Date.to_string(self.date_end),
            ))

    # === RENEWAL === #

    def action_renew(self, uplift=None, months=None, quotation=False):
        """Prepare the renewal of these contracts: a draft that begins the day after the end.

        :param uplift: price increase in percent; default: that of the contract
        :param months: term of the renewal; default: that of the contract
        :param bool quotation: make a quotation as well; when the customer confirms it, the renewal is concluded
        :return: action that opens what was made
        :raise UserError: when a contract is not in force, has no end, or is renewed already
        """
        self.check_access("write")
        successors = self.browse()
        for contract in self:
            contract._check_renewable()
            successor = contract._renew(uplift=uplift, months=months)
            if contract.decision != "renew":
                contract._decide_renewal("renew")
            if quotation:
                contract._create_renewal_order(successor)
            successors |= successor
        self.activity_feedback(["clm.mail_activity_renewal"])
        if quotation and len(self) == 1:
            return self.renewal_order_id._get_records_action()
        return successors._get_records_action(name=self.env._("Renewals"))

    def _check_renewable(self):
        self.ensure_one()
        if self.amends_id:
            raise UserError(self.env._("An amendment is not renewed; renew the contract that it changes."))
        if self.state != ACTIVE:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(self.env._(
                "%(contract)s is in “%(state)s”. Only a contract in force can be renewed; make a new contract instead.",
                contract=self.display_name, state=labels[self.state],
            ))
        if not self.date_end:
            raise UserError(self.env._(
                "%(contract)s has no end date: it runs until notice and needs no renewal.", contract=self.display_name,
            ))
        if self.next_id:
            raise UserError(self.env._(
                "%(contract)s is renewed already by %(successor)s.",
                contract=self.display_name, successor=self.next_id.display_name,
            ))
        self._check_not_terminated()

    def _renew(self, uplift=None, months=None, **vals):
        """Make the successor: start = old end + 1 day, prices raised, same text and terms.

        :param uplift: price increase in percent
        :param months: term of the successor
        :return: ``clm.contract`` in draft
        """
        self.ensure_one()
        self._check_renewable()
        self._lock()
        values = self._prepare_renewal_vals(self.uplift if uplift is None else uplift, months)
        successor = self._unlocked().create({**values, **vals}).with_env(self.env)
        self.message_post(body=self.env._("Renewed by %(successor)s", successor=successor._get_html_link()))
        return successor

    def _prepare_renewal_vals(self, uplift, months=None):
        """Hook: values of the successor."""
        months = months or self.renewal_months or self.term_months or 12
        start = fields.Date.add(self.date_end, days=1)
        return {
            **self._prepare_copy_vals(),
            "previous_id": self.id,
            "date_start": start,
            "term_months": months,
            # what is left of it: a renewal by hand binds for its own term anyway
            "minimum_months": max(self.minimum_months - self._months_of_term(), 0) if self._months_of_term() else 0,
            "renewal_number": self.renewal_number + 1,
            "line_ids": [
                Command.create(line._prepare_copy_vals(
                    price_unit=line._raised_price(uplift), date_end=line.date_end,
                    date_start=line.date_start if line.date_start and line.date_start > start else False,
                    anchor_date=line._anchor_of_renewal(start),
                ))
                for line in self._lines_to_renew()
            ],
            "obligation_ids": [
                Command.create(obligation._prepare_copy_vals(start))
                for obligation in self.obligation_ids if obligation._is_series()
            ],
        }

    def _lines_to_renew(self):
        """:return: the lines that go on in a renewal: those that recur and do not end with the contract"""
        self.ensure_one()
        return self.line_ids.filtered(
            lambda line: line.recurrence_unit != "once" and not line._stops_before(self.date_end + timedelta(days=1))
        )

    def _prepare_copy_vals(self):
        """:return: values that a renewal or an amendment takes over, without lines and dates"""
        return {
            "type_id": self.type_id.id,
            "direction": self.direction,
            "title": self.title,
            "partner_id": self.partner_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.currency_id.id,
            "user_id": self._responsible().id,
            "notice_count": self.notice_count,
            "notice_unit": self.notice_unit,
            "decide_days": self.decide_days,
            "renewal_policy": self.renewal_policy,
            "renewal_limit": self.renewal_limit,
            "renewal_months": self.renewal_months,
            "uplift": self.uplift,
            "signature_required": self.signature_required,
            "clause_ids": [Command.create(clause._prepare_copy_vals()) for clause in self.clause_ids],
        }

    def _renew_automatically(self, silent):
        """Renew at the end, and put the renewal into force at once: both sides agreed to that in the contract.

        :param bool silent: whether nobody had decided about it in time
        """
        self.ensure_one()
        successor = self._renew(auto_renewed=True, silent_renewal=silent)
        successor._snapshot()
        successor._set_state(SIGNED, act="conclude", signed_on=successor.date_start, shared_at=self.shared_at)
        self._close("renewed", self.date_end)
        if successor.date_start <= successor._today():
            successor._activate()
        if silent:
            successor._notify_owner(self.env._(
                "Renewed without a decision, for %(amount)s",
                amount=successor.currency_id.format(successor.tcv),
            ))
        return successor

    def _may_renew_automatically(self):
        self.ensure_one()
        return (
            self.renewal_policy == "auto"
            and self.decision != "end"
            and not self.next_id
            and (not self.renewal_limit or self._automatic_renewals() < self.renewal_limit)
        )

    def _automatic_renewals(self):
        """:return: how often in a row the contract was renewed automatically, counted up to the limit"""
        self.ensure_one()
        count, contract = 0, self
        while contract.auto_renewed and count < self.renewal_limit:
            count, contract = count + 1, contract.previous_id
        return count

    def _check_move(self, target, act=None):
        """A cancelled renewal comes back only while nothing else has taken its place."""
        res = super()._check_move(target, act)
        if self.state == CANCELLED and target == DRAFT and self.previous_id:
            self.previous_id._check_renewable()
        return res

    def _set_state(self, target, pen=None, act=None, **vals):
        """A renewal that is given up opens the decision about its contract again."""
        res = super()._set_state(target, pen, act, **vals)
        if target == CANCELLED:
            self.previous_id.filtered(  # after its last day there is nothing to decide any more
                lambda contract: contract.state == ACTIVE and not contract.terminated_on
                and not (contract.date_end and contract.date_end < contract._today())
            ).sudo()._reopen_decision()  # sudo: the owners may differ
        return res

    def _activate(self):
        """A renewal in force ends what it follows, also one that was concluded late, after that had expired."""
        res = super()._activate()
        for contract in self:
            previous = contract.previous_id.sudo()._unlocked()  # sudo: the owners may differ
            if previous.state == ACTIVE:
                eve = fields.Date.subtract(contract.date_start, days=1)
                previous._close("renewed", min(previous.date_end or eve, eve))
            elif previous.close_reason == "expired":
                previous.close_reason = "renewed"
        return res

    def _close(self, reason, last_day, **vals):
        """There is nothing left to decide."""
        res = super()._close(reason, last_day, **vals)
        self.activity_unlink(["clm.mail_activity_renewal"])
        return res


class ClmContractLine(models.Model):
    _inherit = "clm.contract.line"

    def _raised_price(self, uplift):
        """:return: the price after an increase of so many percent, rounded like prices are"""
        digits = self.env["decimal.precision"].precision_get("Product Price")
        return float_round(self.price_unit * (1 + uplift / 100), precision_digits=digits)

    def _anchor_of_renewal(self, start):
        """:return: where the periods of a renewal are counted from: as before, if one of them begins with it"""
        anchor = self.anchor_date or self.contract_id.date_start
        if self.date_start and self.date_start > start:
            return anchor
        whole = next(schedule.periods(anchor, self.recurrence_unit, self.recurrence_interval, start, start))[0] == start
        return anchor if whole else start

    def _stops_before(self, day):
        return bool(self.date_end and self.date_end < day)

