from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..tools.transitions import BINDING, CANCELLED, CLOSED, DRAFT, OPEN


class ClmContract(models.Model):
    """Amendments: contracts of their own, linked to the one that they change once they are in force."""

    _inherit = "clm.contract"

    def _compute_date_end(self):
        """An amendment ends with its contract, unless it says otherwise."""
        amendments = self.filtered("amends_id")
        for amendment in amendments:
            amendment.date_end = (
                False if amendment.renewal_policy == "evergreen" else amendment.date_end or amendment.amends_id.date_end
            )
        return super(ClmContract, self - amendments)._compute_date_end()

    def _check_move(self, target, act=None):
        """A cancelled amendment comes back only while nothing else has taken its place."""
        res = super()._check_move(target, act)
        if self.state == CANCELLED and target == DRAFT and self.amends_id:
            self.amends_id._check_amendable()
        return res

    def _close(self, reason, last_day, **vals):
        """Amendments that are not in force yet end with their contract."""
        res = super()._close(reason, last_day, **vals)
        amendments = self.sudo().amendment_ids  # sudo: the owners may differ
        for amendment in amendments:
            if amendment.state in OPEN:
                amendment.action_cancel()
            elif amendment.state in BINDING:
                amendment._close(reason, last_day)
        return res

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
                added.append(Command.create(line._prepare_copy_vals(
                    date_start=start, date_end=line.date_end, sale_line_id=old.sale_line_id.id,
                    **line._periods_of(old, start, eve),
                )))
        replaced = running - kept
        unused = replaced.filtered(lambda line: line._never_took_effect(eve))
        unused.unlink()
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
        contract.clause_ids = [Command.clear(), *(Command.create(clause._prepare_copy_vals()) for clause in new)]


class ClmContractLine(models.Model):
    _inherit = "clm.contract.line"

    def _periods_of(self, old, start, eve):
        """:return: values that make this line go on with the billing periods of the one that it replaces"""
        same = old and (old.recurrence_unit, old.recurrence_interval, old.billing) == (
            self.recurrence_unit, self.recurrence_interval, self.billing)
        if not same or self.recurrence_unit == "once" or old._stops_before(start):
            return {"anchor_date": start}
        before = old.replaces_id if old._never_took_effect(eve) else old
        return {"anchor_date": old.anchor_date, "replaces_id": before.id}

    def _never_took_effect(self, eve):
        """:return: whether a line that is replaced after a day had not begun until then, nor was billed"""
        self.ensure_one()
        return (self.date_start or self.contract_id.date_start) > eve and not self._is_billed()

    def _agreed_values(self):
        return (
            self.product_id, self.name, self.quantity, self.price_unit, self.discount, self.tax_ids,
            self.recurrence_interval, self.recurrence_unit, self.billing, self.date_start, self.date_end,
        )
