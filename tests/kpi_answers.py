from datetime import timedelta

from .kpi_answers_contracts import ContractAnswers
from .kpi_answers_success import SuccessAnswers
from .kpi_oracle import Answer, Fact, KpiOracle, count, ids, mean, ratio, share, typical


class Oracle(ContractAnswers, SuccessAnswers, KpiOracle):
    """The formulas of all KPIs but those about contracts, each as its text says it."""

    # === AWARENESS, ACQUISITION === #

    def kpi_new_contacts(self, at):
        return count([row for row in self.rows(at, "entries") if row.is_first])

    def kpi_won_back(self, at):
        return count([row for row in self.rows(at, "entries") if not row.is_first])

    def kpi_new_leads(self, at):
        return count(self.rows(at, "leads"))

    def kpi_acquisition_spend(self, at):
        rows = self.rows(at, "spend")
        amount = sum(row.amount for row in rows) if rows else None
        return Answer(amount, amount, None, ids(rows))

    def kpi_lead_to_opportunity(self, at):
        return share([row for row in self.rows(at, "leads") if row.was_lead], lambda row: row.is_opportunity)

    def kpi_stage_days(self, at):
        rows = [row for row in self.rows(at, "exits") if row.stage == at.kpi.stage_id]
        return typical(rows, lambda row: row.days)

    # === CONVERSION === #

    def kpi_new_customers(self, at):
        return count(self.rows(at, "customers"))

    def kpi_lead_to_customer(self, at):
        return share(self.rows(at, "leads"), lambda row: row.is_won)

    def kpi_leads_won(self, at):
        return count([row for row in self.rows(at, "closed") if row.is_won])

    def kpi_win_rate(self, at):
        return share(self.rows(at, "closed"), lambda row: row.is_won)

    def kpi_time_to_convert(self, at):
        return typical(self.rows(at, "customers"), lambda row: row.days, mean)

    def kpi_time_to_convert_median(self, at):
        return typical(self.rows(at, "customers"), lambda row: row.days)

    def kpi_first_order_value(self, at):
        return typical(self.rows(at, "customers"), lambda row: row.amount, mean)

    # === RETENTION, LOYALTY === #

    def kpi_revenue(self, at):
        rows = self.rows(at, "sales")
        amount = sum(row.amount for row in rows)
        return Answer(amount, amount, None, ids(rows))

    def kpi_repeat_purchase_rate(self, at):
        return share(self.rows(at, "cohorts_365"), lambda row: row.came_back)

    def kpi_repeat_purchase_rate_90(self, at):
        return share(self.rows(at, "cohorts_90"), lambda row: row.came_back)

    def kpi_purchase_frequency(self, at):
        rows = [row for row in self.rows(at, "sales") if row.is_purchase]
        buyers = {row.partner for row in rows}
        return Answer(ratio(len(rows), len(buyers)), len(rows), len(buyers), ids(rows))

    def kpi_aov(self, at):
        rows = self.rows(at, "sales")
        amount, number = sum(row.amount for row in rows), sum(row.is_purchase for row in rows)
        return Answer(ratio(amount, number), amount, number, ids(rows))

    def kpi_loyal_revenue_share(self, at):
        rows = self.rows(at, "sales")
        loyal = [row for row in rows if row.stage == at.kpi.stage_id]
        upper, lower = (sum(row.amount for row in some) for some in (loyal, rows))
        return Answer(ratio(upper, lower), upper, lower, ids(rows), ids(loyal))

    def kpi_clv(self, at):
        start = at.until.replace(year=at.until.year - 1) + timedelta(days=1)
        rows = self.rows(Fact(company=at.company, team=at.team, start=start, end=at.until), "sales")
        buyers = {row.partner for row in rows if row.is_purchase}
        worth = sum(row.amount for row in rows) * at.company.clm_customer_years * at.company.clm_gross_margin
        return Answer(ratio(worth, len(buyers)), worth, len(buyers), ids(rows))

    def kpi_lapse_rate(self, at):
        """Who stood in a stage of customers just before the period, and entered one of the lapsed in it."""
        rows = []
        for partner, visits in self.visits.items():
            scope = self._of_partner(partner)
            if scope["company"] != at.company or (at.team is not None and scope["team"] != at.team):
                continue
            days = [
                (visit, self.local(visit.entered_at, at.company),
                 visit.exited_at and self.local(visit.exited_at, at.company))
                for visit in visits
            ]
            stood = [visit for visit, first, last in days if first < at.start and (not last or last >= at.start)]
            lapsed = any(visit.stage_id.is_lapsed and at.start <= first <= at.end for visit, first, _last in days)
            # the last of them: stays of the same moment have no length
            if stood and stood[-1].stage_id.is_customer:
                rows.append(Fact(record=partner.id, lapsed=lapsed))
        return share(rows, lambda row: row.lapsed)._replace(records=ids(row for row in rows if row.lapsed), part=None)
