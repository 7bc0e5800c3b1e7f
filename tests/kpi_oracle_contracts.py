"""The KPIs about contracts, computed from contracts, their lines, duties, installments and invoices, day by day."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from types import SimpleNamespace as Fact

DAY = timedelta(days=1)
CENT = Decimal("0.01")
MONTHS = {"month": 1, "year": 12}
IN_FORCE = ("signed", "active", "closed")


def cents(number):
    return Decimal(str(number)).quantize(CENT, ROUND_HALF_UP)


def month_ends(first, last):
    """:return: last days of the months that are over before a day"""
    day = first
    while (following := (day.replace(day=1) + timedelta(days=32)).replace(day=1)) <= last:
        yield following - DAY
        day = following


class ContractOracle:
    """Part of ``KpiOracle``."""

    def worth(self, company, day):
        """:return: what a unit of the foreign currency is worth on a day"""
        rates = self.rates[company]
        return rates[max(known for known in rates if known <= day)]

    def _valued(self, contract, amount, day):
        company = contract.company_id
        if contract.currency_id == company.currency_id:
            return amount
        return cents(amount * Decimal(str(self.worth(company, day))))

    def _contract_facts(self):
        contracts = self.env["clm.contract"].with_context(active_test=False).search([
            ("company_id", "in", self.companies.ids), ("state", "in", IN_FORCE),
        ])
        own = contracts.filtered(lambda contract: contract.direction == "customer" and not contract.amends_id)
        movements = [row for contract_rows in self._movements(own) for row in contract_rows]
        return {
            "movements": movements, "renewals": self._renewals(own), "cycles": self._cycles(),
            "stays": self._stays(), "duties": self._duties(contracts), "installments": self._installments(),
        }

    def _of_contract(self, contract):
        return {"company": contract.company_id, "team": contract.team_id}

    # === RECURRING REVENUE === #

    def _monthly(self, line):
        """:return: what a line brings per month"""
        if line.recurrence_unit == "once":
            return Decimal(0)
        price = Decimal(str(line.price_unit)) * Decimal(str(line.quantity)) * (100 - Decimal(str(line.discount))) / 100
        return cents(cents(price) / (MONTHS[line.recurrence_unit] * line.recurrence_interval))

    def _served_until(self, line):
        """:return: the last day that counts: the end, or, where a longer period was charged and kept, the end of that
        """
        contract = line.contract_id
        end = contract.closed_on if contract.state == "closed" else contract.date_end
        if line.date_end:
            return min(filter(None, (end, line.date_end)))
        if not end:
            return date.max
        rows = self.env["clm.installment"].search([("line_id", "=", line.id)])
        charged = rows.filtered(lambda row: row.kind == "charge" and row.state == "invoiced")
        last = max([end, *charged.mapped("period_end")])
        for row in rows.filtered(lambda row: row.kind == "credit" and row.state not in ("skipped", "credited")):
            last = min(last, max(row.period_start - DAY, end))
        return last

    def _brings(self, contract, day, limits):
        """:return: what a contract brings per month on a day"""
        paused = any(
            pause.date_from <= day <= (pause.date_to or date.max) for pause in contract.suspension_ids
        )
        return Decimal(0) if paused else sum(
            (amount for first, last, amount in limits if first <= day <= last), Decimal(0))

    def _movements(self, contracts):
        """:return: for each customer the list of changes, told apart as KPI.md 2.4 does"""
        for (company, _partner), own in contracts.grouped(
            lambda contract: (contract.company_id, contract.commercial_partner_id)
        ).items():
            limits = {
                contract: [
                    (max(filter(None, (line.date_start, contract.date_start))), self._served_until(line),
                     self._monthly(line))
                    for line in contract.line_ids
                ]
                for contract in own
            }
            yield self._customer_movements(company, own, limits)

    def _customer_movements(self, company, contracts, limits):
        today = self.today[company]
        day = min(first for rows in limits.values() for first, _last, _amount in rows)
        closings = set(month_ends(day, today))
        amounts = dict.fromkeys(contracts, Decimal(0))
        values = dict.fromkeys(contracts, Decimal(0))
        rows, has_paid = [], False

        def add(contract, kind, value):
            values[contract] += value
            rows.append(Fact(
                **self._of_contract(contract), day=day, record=(contract.id, day, kind), kind=kind, value=value,
                partner=contract.commercial_partner_id,
            ))

        while day <= today:
            after = {contract: self._brings(contract, day, limits[contract]) for contract in contracts}
            paid, pays = sum(amounts.values()) > 0, sum(after.values()) > 0
            kind = self._kind(sum(amounts.values()), sum(after.values()), has_paid)
            for contract in contracts:
                if after[contract] != amounts[contract]:
                    add(contract, kind, self._valued(contract, after[contract] - amounts[contract], day))
            has_paid = has_paid or paid or pays
            ended = {contract for contract in contracts if amounts[contract] and not after[contract]}
            for contract in contracts:
                amounts[contract] = after[contract]
                gap = self._valued(contract, after[contract], day) - values[contract]
                if gap and (day in closings or contract in ended):
                    add(contract, "fx", gap)
            day += DAY
        return rows

    def _kind(self, before, after, has_paid):
        if before <= 0 < after:
            return "reactivation" if has_paid else "new"
        if after <= 0 < before:
            return "churn"
        return "expansion" if after > before else "contraction" if after < before else "transfer"

    # === OTHER FACTS === #

    def _renewals(self, contracts):
        facts = []
        for contract in contracts.filtered("date_end"):
            successor = self.env["clm.contract"].search([
                ("previous_id", "=", contract.id), ("state", "!=", "cancelled"),
            ])
            facts.append(Fact(
                **self._of_contract(contract), day=contract.date_end, record=contract.id,
                outcome=self._outcome(contract, successor),
                due=self._yearly(contract, contract.date_end, contract),
                final=self._yearly(successor, successor.date_start, contract) if successor else Decimal(0),
                days=self._days_to_decide(contract),
            ))
        return facts

    def _outcome(self, contract, successor):
        begun = successor.state == "closed" and successor.closed_on >= successor.date_start
        if successor.state in ("signed", "active") or begun:
            if not successor.auto_renewed:
                return "renewed"
            decided = contract.decision == "renew" and self._days_to_decide(contract) >= 0
            return "auto" if decided else "silent"
        if successor and successor.state != "closed":
            return "open"
        return "lost" if contract.state == "closed" or contract.terminated_on else "open"

    def _yearly(self, contract, day, old):
        """:return: the yearly value on a day, at the rate of the old contract, in company currency"""
        amount = 12 * sum((
            self._monthly(line) for line in contract.line_ids
            if (line.date_start or day) <= day <= (line.date_end or day)
        ), Decimal(0))
        if old.currency_id == old.company_id.currency_id or not old.tcv:
            return amount
        return cents(amount * Decimal(str(old.company_tcv / old.tcv)))

    def _days_to_decide(self, contract):
        """Notice that was given is no decision about a renewal."""
        if not contract.decision or contract.terminated_on:
            return None
        return (contract.date_notice - self.local(contract.decision_date, contract.company_id)).days

    def _cycles(self):
        facts = []
        contracts = self.env["clm.contract"].with_context(active_test=False).search([
            ("company_id", "in", self.companies.ids), ("auto_renewed", "=", False),
        ])
        for contract in contracts:
            visits = self.env["clm.contract.visit"].search([("contract_id", "=", contract.id)])
            signed = min(visits.filtered(lambda visit: visit.state == "signed").mapped("entered_at"), default=None)
            if not signed:
                continue
            asked = self.env["clm.contract.approval"].search([("contract_id", "=", contract.id)])
            first = asked.filtered(lambda approval: approval.round == 1)
            facts.append(Fact(
                **self._of_contract(contract), day=self.local(signed, contract.company_id), record=contract.id,
                days=(signed - min(visits.mapped("entered_at"))).total_seconds() / 86400,
                at_first_go=all(approval.first_pass for approval in first) if asked else None,
            ))
        return facts

    def _stays(self):
        visits = self.env["clm.contract.visit"].search([
            ("company_id", "in", self.companies.ids), ("exited_at", "!=", False),
        ])
        return [
            Fact(
                **self._of_contract(visit.contract_id), day=self.local(visit.exited_at, visit.company_id),
                record=visit.contract_id.id, state=visit.state,
                days=(visit.exited_at - visit.entered_at).total_seconds() / 86400,
            )
            for visit in visits
        ]

    def _duties(self, contracts):
        facts = []
        for duty in contracts.obligation_ids.filtered(lambda duty: duty.side == "us"):
            missed = duty.state == "open" and duty.date_due < self.today[duty.company_id]
            if duty.state == "done" or missed:
                facts.append(Fact(
                    **self._of_contract(duty.contract_id), day=duty.date_due, record=duty.id,
                    on_time=duty.state == "done" and duty.done_on <= duty.date_due,
                ))
        return facts

    def _at_rate_of(self, bill, contract, amount):
        """:return: an amount of a contract in company currency, at the rate of its invoice, or else of today"""
        company, amount = contract.company_id, Decimal(str(amount))
        if contract.currency_id == company.currency_id:
            return float(amount)
        if not bill:
            return float(cents(amount * Decimal(str(self.worth(company, self.today[company])))))
        value, foreign = (Decimal(str(round(sum(bill.mapped(name)), 2))) for name in ("balance", "amount_currency"))
        return float(cents(amount * value / foreign))

    def _installments(self):
        facts = []
        for row in self.env["clm.installment"].search([("company_id", "in", self.companies.ids)]):
            contract, today = row.contract_id, self.today[row.company_id]
            if contract.direction != "customer" or row.date_planned > today:
                continue
            lines = row.move_line_ids.filtered(
                lambda line, today=today: line.parent_state == "posted" and line.move_id.invoice_date <= today)
            refunds = lines.filtered(lambda line: line.move_id.move_type == "out_refund")
            invoiced, credited = -sum((lines - refunds).mapped("balance")), sum(refunds.mapped("balance"))
            proposed = row.to_confirm and row.state in ("planned", "due")
            refused = row.kind == "credit" and row.state == "skipped"
            planned = 0.0
            if not proposed and not refused:
                planned = sum(self._at_rate_of(lines - refunds or refunds, contract, amount)
                              for amount in (row.amount, row.discount_amount))
            facts.append(Fact(
                **self._of_contract(contract), day=row.date_planned, record=row.id, planned=planned,
                missing=planned - invoiced + credited,
            ))
        return facts
