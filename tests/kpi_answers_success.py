from .kpi_oracle import Answer, Fact, ids, ratio, share


class SuccessAnswers:
    """What customers say, whom they bring, how they fare, and what becomes of hand-overs: read from the documents."""

    def _success_facts(self):
        return {"answers": self._answers(), "handovers": self._handovers(), "referrals": self._referrals()}

    def _answers(self):
        facts = [
            Fact(
                company=answer.company_id, team=answer.team_id, day=self.local(answer.answered_at, answer.company_id),
                record=("clm.feedback", answer.id), kind=answer.kind, score=answer.score, person=answer.contact_id,
                order=(answer.answered_at, answer.id),
            )
            for answer in self.env["clm.feedback"].search([("state", "=", "answered")])
        ]
        for rating in self.env["rating.rating"].search([("consumed", "=", True), ("rating", ">", 0)]):
            partner = rating.partner_id
            company = partner.company_id or self.main
            facts.append(Fact(
                company=company, team=partner.commercial_partner_id.user_id.sale_team_id,
                day=self.local(rating.rated_on, company), record=("rating.rating", rating.id), kind="csat",
                score=rating.rating,
            ))
        return facts

    def _handovers(self):
        return [
            Fact(
                company=each.company_id, team=each.team_id or each.user_id.sale_team_id,
                day=self.local(each.decided_at, each.company_id), record=each.id, is_returned=each.state == "returned",
            )
            for each in self.env["clm.handover"].search([("state", "in", ("accepted", "returned"))])
        ]

    def _referrals(self):
        facts = []
        for partner, visits in self.visits.items():
            referrer = partner.referred_by_id.commercial_partner_id
            became = next((visit.entered_at for visit in visits if visit.stage_id.is_customer), None)
            if not referrer or not became:
                continue
            scope = self._of_partner(referrer)
            record = self.env["clm.referral"].search([("partner_id", "=", partner.id)]).id
            facts.append(Fact(
                **scope, day=self.local(became, scope["company"]), record=("clm.referral", record), referrer=referrer,
            ))
        return facts

    # === FORMULAS === #

    def kpi_nps(self, at):
        """The last answer of each person in the period; of a team, if the team asked for it."""
        latest = {}
        everybody = Fact(company=at.company, team=None, start=at.start, end=at.end)
        for row in sorted((row for row in self.rows(everybody, "answers") if row.kind == "nps"), key=lambda r: r.order):
            latest[row.person] = row
        rows = [row for row in latest.values() if at.team is None or row.team == at.team]
        score = 100 * (sum(row.score >= 9 for row in rows) - sum(row.score <= 6 for row in rows))
        return Answer(ratio(score, len(rows)), score, len(rows), ids(rows))

    def kpi_csat(self, at):
        return share([row for row in self.rows(at, "answers") if row.kind == "csat"], lambda row: row.score >= 4)

    def kpi_handovers_returned(self, at):
        return share(self.rows(at, "handovers"), lambda row: row.is_returned)

    def kpi_healthy_customers(self, at):
        """As of the last month end, or of today."""
        month, this_month = at.until.replace(day=1), self.today[self.main].replace(day=1)
        if month >= this_month:
            known = self.env["clm.customer.score"].search([("band", "!=", False)])
        else:
            known = self.env["clm.customer.score.history"].search([
                ("month", "<=", month), "|", ("month_until", "=", False), ("month_until", ">=", month),
            ])
        rows = []
        for each in known:
            scope = self._of_partner(each.partner_id)
            if scope["company"] == at.company and (at.team is None or scope["team"] == at.team):
                rows.append(Fact(record=each.partner_id.id, is_green=each.band == "green"))
        return share(rows, lambda row: row.is_green)

    def kpi_referral_rate(self, at):
        rows, customers = self.rows(at, "referrals"), 0
        for partner, visits in self.visits.items():
            scope = self._of_partner(partner)
            if scope["company"] == at.company and (at.team is None or scope["team"] == at.team):
                stood = [
                    visit for visit in visits
                    if self.local(visit.entered_at, at.company) <= at.end
                    and (not visit.exited_at or self.local(visit.exited_at, at.company) > at.end)
                ]
                customers += bool(stood and stood[-1].stage_id.is_customer)
        referrers = {row.referrer for row in rows}
        return Answer(ratio(len(referrers), customers), len(referrers), customers, ids(rows))
