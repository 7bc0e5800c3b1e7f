from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import float_round

from ..tools import recurrence
from ..tools.transitions import ACTIVE, BINDING, CANCELLED, CLOSED, DRAFT, EDITABLE, OPEN, SIGNED


class ClmContract(models.Model):
    """Renewals and amendments: both are contracts of their own, linked to the one that they follow or change."""

    _inherit = "clm.contract"

    # while values are precomputed, those of the type stand in for given ones: an end would be that of another term
    date_end = fields.Date(precompute=False)
    anchor_date = fields.Date(precompute=False)
    anchor_months = fields.Integer(precompute=False)
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

    def _compute_anchor(self):
        """A renewal that does not follow the steps of its chain, because an end was moved, begins steps of its own."""
        res = super()._compute_anchor()
        for contract in self:
            if contract.date_start and not contract._start_follows_anchor():
                contract.anchor_date = contract.date_start
                contract.anchor_months = 0
        return res

    def _compute_date_end(self):
        """An amendment ends with its contract, unless it says otherwise."""
        amendments = self.filtered("amends_id")
        for amendment in amendments:
            amendment.date_end = (
                False if amendment.renewal_policy == "evergreen" else amendment.date_end or amendment.amends_id.date_end
            )
        return super(ClmContract, self - amendments)._compute_date_end()

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
                ))
                for line in self.line_ids if line.recurrence_unit != "once" and not line._stops_before(start)
            ],
            "obligation_ids": [
                Command.create(obligation._prepare_copy_vals(start))
                for obligation in self.obligation_ids if obligation._is_series()
            ],
        }

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
            "renewal_policy": self.renewal_policy,
            "renewal_limit": self.renewal_limit,
            "renewal_months": self.renewal_months,
            "uplift": self.uplift,
            "signature_required": self.signature_required,
            "clause_ids": [
                Command.create({
                    "sequence": clause.sequence, "clause_id": clause.clause_id.id,
                    "name": clause.name, "body": clause.body,
                })
                for clause in self.clause_ids
            ],
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
        """A cancelled renewal or amendment comes back only while nothing else has taken its place."""
        res = super()._check_move(target, act)
        if self.state == CANCELLED and target == DRAFT:
            if self.previous_id:
                self.previous_id._check_renewable()
            if self.amends_id:
                self.amends_id._check_amendable()
        return res

    def _set_state(self, target, pen=None, act=None, **vals):
        """A renewal that is given up opens the decision about its contract again."""
        res = super()._set_state(target, pen, act, **vals)
        if target == CANCELLED:
            self.previous_id.filtered(
                lambda contract: contract.state == ACTIVE and not contract.terminated_on
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
        """There is nothing left to decide. Amendments that are not in force yet end with their contract."""
        res = super()._close(reason, last_day, **vals)
        self.activity_unlink(["clm.mail_activity_renewal"])
        amendments = self.sudo().amendment_ids  # sudo: the owners may differ
        for amendment in amendments:
            if amendment.state in OPEN:
                amendment.action_cancel()
            elif amendment.state in BINDING:
                amendment._close(reason, last_day)
        return res

    # === AMENDMENT === #

    def action_amend(self):
        """Ask from when on, then draft the change."""
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id("clm.clm_contract_amend_action")

    def action_extend(self):
        """An extension is an amendment with another end date."""
        return self.action_amend()

    def _amend(self, date, end=None, reason=None):
        """Draft a change of a contract in force: the same text and lines, to be edited, approved and signed.

        :param date date: the first day of the change
        :param end: the new last day of the contract; default: unchanged (the change is co-terminated)
        :param reason: what it is about
        :return: ``clm.contract`` in draft
        :raise UserError: when the contract is not in force, or the date lies outside of it
        """
        self.ensure_one()
        self.check_access("write")
        self._check_amendable()
        if date < self.date_start or (self.date_end and date > fields.Date.add(self.date_end, days=1)):
            raise UserError(self.env._("An amendment begins within the term of the contract."))
        end = end or self.date_end
        if end != self.date_end and not self._is_end_movable(end):
            raise UserError(self.env._(
                "%(contract)s is renewed already by %(successor)s: its end can no longer be changed.",
                contract=self.display_name, successor=self.next_id.display_name,
            ))
        amendment = self._unlocked().create({
            **self._prepare_copy_vals(),
            "title": reason or self.env._("Amendment to %(contract)s", contract=self.display_name),
            "amends_id": self.id,
            "date_start": date,
            "date_end": end,
            "term_months": self.term_months,
            "minimum_months": self.minimum_months,
            "obligation_ids": [],
            "line_ids": [
                Command.create(line._prepare_copy_vals(
                    origin_line_id=line.id, date_start=line.date_start, date_end=line.date_end,
                ))
                for line in self.line_ids if not line._stops_before(date)
            ],
        })
        return amendment.with_env(self.env)

    def _check_amendable(self):
        """:raise UserError: when the contract is not in force, terminated, or another amendment is not finished"""
        self.ensure_one()
        if self.amends_id:
            raise UserError(self.env._("Amend the contract itself, not its amendment."))
        if self.state not in BINDING:
            raise UserError(self.env._(
                "%(contract)s is not in force: edit it, or make a new contract.", contract=self.display_name,
            ))
        self._check_not_terminated()
        unfinished = self.amendment_ids.filtered(lambda change: change.state not in (CLOSED, CANCELLED))
        if unfinished:
            raise UserError(self.env._(
                "%(amendment)s is not finished. Conclude or cancel it first.", amendment=unfinished[0].display_name,
            ))

    def _apply_amendment(self):
        """Bring a signed amendment into its contract, from its first day on.

        Lines that changed end the day before and go on as new ones: what was charged before stays as it was.
        """
        self.ensure_one()
        contract = self.amends_id.sudo()._unlocked()  # sudo: the other side's signature may be the last one
        contract._lock()
        if contract.state not in BINDING:
            raise UserError(self.env._(
                "%(contract)s is no longer in force: its amendment cannot be applied.", contract=contract.display_name,
            ))
        if contract.terminated_on and self.date_start > contract.date_end:
            self._close("terminated", contract.date_end)
            return
        self._apply_lines(contract)
        self._apply_terms(contract)
        self._apply_clauses(contract)
        self.obligation_ids.with_env(contract.env).contract_id = contract
        contract._open_obligations()
        contract._snapshot(note=self.env._("As amended by %(amendment)s", amendment=self.name))
        contract.message_post(body=self.env._("Changed by %(amendment)s", amendment=self._get_html_link()))
        self._close("applied", self.date_start)

    def _apply_lines(self, contract):
        eve = fields.Date.subtract(self.date_start, days=1)
        running = contract.line_ids.filtered(lambda line: not line._stops_before(self.date_start))
        kept = running.browse()
        added = []
        for line in self.line_ids:
            old = line.origin_line_id.with_env(contract.env)
            if old in running and old._agreed_values() == line._agreed_values():
                kept |= old
            else:
                start = max(line.date_start or self.date_start, self.date_start)
                added.append(Command.create(line._prepare_copy_vals(date_start=start, date_end=line.date_end)))
        replaced = running - kept
        unused = replaced.filtered(lambda line: (line.date_start or contract.date_start) > eve)
        unused.unlink()  # never took effect
        (replaced - unused).write({"date_end": eve})
        contract.write({"line_ids": added})

    def _apply_terms(self, contract):
        if contract.terminated_on:  # ends when notice was given for; undoing that brings the amended end
            contract.date_end_agreed = self.date_end
        else:
            contract._move_end(self.date_end)
        contract.write({
            "date_end": contract.date_end,
            **{
                name: self[name] for name in (
                    "notice_count", "notice_unit", "renewal_policy", "renewal_limit", "renewal_months", "uplift",
                    "minimum_months",
                )
            },
        })

    def _apply_clauses(self, contract):
        old = contract.clause_ids.sorted(lambda clause: (clause.sequence, clause.id))
        new = self.clause_ids.sorted(lambda clause: (clause.sequence, clause.id))
        if [(c.name, c.body) for c in old] == [(c.name, c.body) for c in new]:
            return
        contract.clause_ids = [Command.clear()] + [
            Command.create({
                "sequence": clause.sequence, "clause_id": clause.clause_id.id,
                "name": clause.name, "body": clause.body,
            })
            for clause in new
        ]


class ClmContractLine(models.Model):
    _inherit = "clm.contract.line"

    def _raised_price(self, uplift):
        """:return: the price after an increase of so many percent, rounded like prices are"""
        digits = self.env["decimal.precision"].precision_get("Product Price")
        return float_round(self.price_unit * (1 + uplift / 100), precision_digits=digits)

    def _stops_before(self, day):
        return bool(self.date_end and self.date_end < day)

    def _agreed_values(self):
        return (
            self.product_id, self.name, self.quantity, self.price_unit, self.discount, self.tax_ids,
            self.recurrence_interval, self.recurrence_unit, self.billing, self.date_start, self.date_end,
        )
