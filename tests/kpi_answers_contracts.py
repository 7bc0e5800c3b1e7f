from datetime import timedelta

from .kpi_oracle import Answer, Fact, ids, mean, ratio, share, typical


class ContractAnswers:
    """The formulas of KPIs about contracts and what they bring."""

    def _customers(self, at):
        """:return: rows of customers with what they brought before the period, at its end and a year before that"""
        before = at.until.replace(year=at.until.year - 1)
        sums = {}
        for row in self.facts["movements"]:
            if row.company != at.company or (at.team is not None and row.team != at.team) or row.day > at.until:
                continue
            own = sums.setdefault(row.partner.id, Fact(record=row.partner.id, opening=0, closing=0, year_ago=0))
            own.closing += row.value
            own.opening += row.value if row.day < at.start else 0
            own.year_ago += row.value if row.day <= before else 0
        return list(sums.values())

    def kpi_mrr(self, at):
        rows = self._customers(at)
        amount = float(sum(row.closing for row in rows)) if rows else None
        return Answer(amount, amount, None, ids(row for row in rows if row.closing))

    def kpi_arpa(self, at):
        rows = [row for row in self._customers(at) if row.closing > 0]
        return typical(rows, lambda row: row.closing, mean)

    def kpi_logo_churn(self, at):
        return share([row for row in self._customers(at) if row.opening > 0], lambda row: row.closing <= 0)

    def kpi_nrr(self, at, kept=lambda row: row.closing):
        rows = [row for row in self._customers(at) if row.year_ago > 0]
        upper, lower = float(sum(map(kept, rows))), float(sum(row.year_ago for row in rows))
        return Answer(ratio(upper, lower), upper, lower, ids(rows))

    def kpi_grr(self, at):
        return self.kpi_nrr(at, lambda row: max(min(row.closing, row.year_ago), 0))

    def kpi_net_new_mrr(self, at):
        rows = self.rows(at, "movements")
        amount = float(sum(row.value for row in rows))
        return Answer(amount, amount, None, ids(rows))

    def kpi_quick_ratio(self, at):
        rows = [row for row in self.rows(at, "movements")
                if row.kind in ("new", "expansion", "contraction", "churn")]
        up = float(sum(row.value for row in rows if row.kind in ("new", "expansion")))
        down = -float(sum(row.value for row in rows if row.kind in ("contraction", "churn")))
        return Answer(ratio(up, down), up, down, ids(rows))

    def kpi_ltv(self, at):
        """Six months of churn before the month of the last day, which is left out."""
        arpa, day, rates = self.kpi_arpa(at).value, at.until.replace(day=1), []
        for _number in range(6):
            last = day - timedelta(days=1)
            day = last.replace(day=1)
            rates.append(self.kpi_logo_churn(
                Fact(company=at.company, team=at.team, start=day, end=last, until=last)).value)
        known = [rate for rate in rates if rate is not None]
        gain = arpa * at.company.clm_gross_margin if arpa is not None else None
        rate = mean(known) if known else None
        return Answer(ratio(gain, rate), gain, rate)

    # === RENEWAL === #

    def _decided(self, at):
        return [row for row in self.rows(at, "renewals") if row.outcome != "open"]

    def kpi_renewal_rate(self, at):
        return share(self._decided(at), lambda row: row.outcome != "lost")

    def kpi_renewal_rate_value(self, at, kept=lambda row: min(row.final, row.due)):
        rows = self._decided(at)
        upper = float(sum(kept(row) for row in rows if row.outcome != "lost"))
        lower = float(sum(row.due for row in rows))
        return Answer(ratio(upper, lower), upper, lower, ids(rows))

    def kpi_renewal_rate_net(self, at):
        return self.kpi_renewal_rate_value(at, lambda row: row.final)

    def kpi_silent_renewals(self, at):
        rows = [row for row in self.rows(at, "renewals") if row.outcome in ("silent", "auto")]
        return share(rows, lambda row: row.outcome == "silent")

    def kpi_days_to_decide(self, at):
        return typical(self.rows(at, "renewals"), lambda row: row.days)

    # === CONTRACTS === #

    def kpi_cycle_time(self, at):
        return typical(self.rows(at, "cycles"), lambda row: row.days)

    def kpi_approval_first_pass(self, at):
        rows = [row for row in self.rows(at, "cycles") if row.at_first_go is not None]
        return share(rows, lambda row: row.at_first_go)

    def _days_in(self, at, state):
        return typical([row for row in self.rows(at, "stays") if row.state == state], lambda row: row.days)

    def kpi_days_draft(self, at):
        return self._days_in(at, "draft")

    def kpi_days_negotiation(self, at):
        return self._days_in(at, "negotiation")

    def kpi_days_approval(self, at):
        return self._days_in(at, "approval")

    def kpi_days_signature(self, at):
        return self._days_in(at, "signature")

    def kpi_obligations_on_time(self, at):
        return share(self.rows(at, "duties"), lambda row: row.on_time)

    def kpi_value_leakage(self, at):
        rows = self.rows(at, "installments")
        upper, lower = sum(row.missing for row in rows), sum(row.planned for row in rows)
        return Answer(ratio(upper, lower), upper, lower, ids(rows))
