"""What each built-in KPI is, computed as plainly as possible from the documents, to judge the stored values by.

Neither the SQL of the facts nor the timeline (``clm.event``) is read. Stays of customers are taken from the ledger,
which has an oracle of its own. Formulas are those of data/clm_kpi_data.xml.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from statistics import median
from types import SimpleNamespace as Fact
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .kpi_oracle_contracts import ContractOracle

UTC = ZoneInfo("UTC")
DAY = timedelta(days=1)
#: KPIs that are one KPI divided by another.
QUOTIENTS = {
    "cost_per_lead": ("acquisition_spend", "new_leads"),
    "cac": ("acquisition_spend", "new_customers"),
    "lead_to_customer_period": ("leads_won", "new_leads"),
    "ltv_cac": ("ltv", "cac"),
}


class Answer(NamedTuple):
    """What comes out; ``records`` are those that count, ``part`` those of the numerator of a share."""

    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    records: frozenset = frozenset()
    part: frozenset | None = None


class Period(NamedTuple):
    kind: str
    start: date
    end: date


def ids(rows):
    return frozenset(row.record for row in rows)


def ratio(numerator, denominator):
    return numerator / denominator if numerator is not None and denominator else None


def count(rows):
    return Answer(len(rows), len(rows), None, ids(rows))


def share(rows, holds):
    hits = [row for row in rows if holds(row)]
    return Answer(ratio(len(hits), len(rows)), len(hits), len(rows), ids(rows), ids(hits))


def typical(rows, number, measure=median):
    """:param number: function of a row; rows of which it is not known do not count"""
    known = [row for row in rows if number(row) is not None]
    numbers = [float(number(row)) for row in known]
    return Answer(measure(numbers) if numbers else None, sum(numbers), len(numbers), ids(known))


def mean(numbers):
    return sum(numbers) / len(numbers)


class KpiOracle(ContractOracle):
    def __init__(self, env, companies, now, rates):
        """:param rates: dict of company -> dict of day -> what a unit of the foreign currency is worth from then on"""
        self.env, self.companies, self.now, self.rates = env, companies, now, rates
        self.zones = {company: ZoneInfo(company.lifecycle_tz or "UTC") for company in companies}
        self.main = env["res.company"].with_context(active_test=False).search([], order="id", limit=1)
        self.today = {company: self.local(now, company) for company in companies}
        self.visits = defaultdict(list)
        for visit in env["clm.visit"].search([], order="partner_id, number"):
            self.visits[visit.partner_id].append(visit)
        self.sales = self._sales()
        self.facts = {
            "entries": self._entries(), "exits": self._exits(), "customers": self._new_customers(),
            "leads": self._leads(), "closed": self._closed_leads(), "spend": self._spend(), "sales": self.sales,
            "cohorts_365": self._cohorts(365), "cohorts_90": self._cohorts(90), **self._contract_facts(),
            **self._success_facts(),
        }

    # === DAYS === #

    def local(self, moment, company):
        """:return: the day that an instant (naive UTC) is where a company is; other companies do not matter"""
        zone = self.zones.get(company)
        return zone and moment.replace(tzinfo=UTC).astimezone(zone).date()

    def periods(self, company, first, last):
        """:return: weeks, months and quarters that share a day with some days"""
        end = company.fiscalyear_last_month, company.fiscalyear_last_day
        found = []
        for kind, starts in (
            ("week", lambda day: day.weekday() == 0),
            ("month", lambda day: day.day == 1),
            ("quarter", lambda day: day.day == (day_after := date(2025, int(end[0]), end[1]) + DAY).day
             and (day.month - day_after.month) % 3 == 0),
        ):
            day = first
            while not starts(day):
                day -= DAY
            while day <= last:
                stop = day + DAY
                while not starts(stop):
                    stop += DAY
                found.append(Period(kind, day, stop - DAY))
                day = stop
        return found

    # === FACTS: ROWS WITH company, team, day, record === #

    def _of_partner(self, partner):
        return {"company": partner.company_id or self.main, "team": partner.user_id.sale_team_id}

    def _entries(self):
        facts = []
        for partner, visits in self.visits.items():
            for before, visit in zip([None, *visits], visits, strict=False):
                if before is None or visit.cycle > before.cycle:
                    scope = self._of_partner(partner)
                    day = self.local(visit.entered_at, scope["company"])
                    facts.append(Fact(**scope, day=day, record=partner.id, is_first=before is None))
        return facts

    def _exits(self):
        facts = []
        for partner, visits in self.visits.items():
            scope = self._of_partner(partner)
            for visit in visits:
                if visit.exited_at:
                    days = (visit.exited_at - visit.entered_at).total_seconds() / 86400
                    day = self.local(visit.exited_at, scope["company"])
                    facts.append(Fact(**scope, day=day, record=visit.id, stage=visit.stage_id, days=days))
        return facts

    def _new_customers(self):
        first_lead = {}
        for lead in self.env["crm.lead"].with_context(active_test=False).search([("partner_id", "!=", False)]):
            partner = lead.partner_id.commercial_partner_id
            first_lead[partner] = min(first_lead.get(partner, lead.create_date), lead.create_date)
        bought = {(sale.record[0], sale.record[1]): sale.amount for sale in self.sales}
        facts = []
        for partner, visits in self.visits.items():
            visit = next((visit for visit in visits if visit.stage_id.is_customer), None)
            if not visit:
                continue
            scope, model = self._of_partner(partner), visit.evidence_model
            if model in ("sale.order", "account.move", "clm.contract"):
                document = self.env[model].browse(visit.evidence_id)
                scope = {"company": document.company_id, "team": document.team_id or scope["team"]}
            lead = first_lead.get(partner)
            days = (visit.entered_at - lead).total_seconds() / 86400 if lead and lead <= visit.entered_at else None
            facts.append(Fact(
                **scope, day=self.local(visit.entered_at, scope["company"]), record=partner.id, days=days,
                amount=bought.get((model, visit.evidence_id)),
            ))
        return facts

    def _leads(self):
        return [
            Fact(
                company=(company := lead.company_id or self.main), team=lead.team_id, record=lead.id,
                day=self.local(lead.create_date, company), is_opportunity=lead.type == "opportunity",
                was_lead=lead.type == "lead" or bool(lead.date_conversion and lead.date_conversion > lead.create_date),
                is_won=lead.won_status == "won",
            )
            for lead in self.env["crm.lead"].with_context(active_test=False).search([])
        ]

    def _closed_leads(self):
        return [
            Fact(
                company=(company := lead.company_id or self.main), team=lead.team_id, record=lead.id,
                day=self.local(lead.date_closed, company), is_won=lead.won_status == "won",
            )
            for lead in self.env["crm.lead"].with_context(active_test=False).search([("type", "=", "opportunity")])
            if lead.date_closed and lead.won_status in ("won", "lost")
        ]

    def _spend(self):
        facts = []
        for spend in self.env["clm.spend"].search([("company_id", "in", self.companies.ids)]):
            days = (spend.date_to - spend.date_from).days + 1
            worth = 1.0
            if spend.currency_id != spend.company_id.currency_id:
                worth = self.worth(spend.company_id, spend.date_from)
            amount = round(spend.amount * worth, 2) / days
            for number in range(days):
                day = spend.date_from + timedelta(days=number)
                if day <= self.today[spend.company_id]:
                    facts.append(Fact(
                        company=spend.company_id, team=spend.team_id, day=day, record=spend.id, amount=amount))
        return facts

    def _sales(self):
        facts = []
        for order in self.env["sale.order"].search([("state", "=", "sale")]):
            facts.append(self._sale(order, order.date_order, order.amount_untaxed / (order.currency_rate or 1.0)))
        for move in self.env["account.move"].search([
            ("state", "=", "posted"), ("move_type", "in", ("out_invoice", "out_receipt", "out_refund")),
        ]):
            lines = move.invoice_line_ids
            if lines.clm_contract_id or (move.move_type != "out_refund" and lines.sale_line_ids):
                continue
            zone = self.zones.get(move.company_id, UTC)
            day = move.invoice_date
            midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
            entered = move.create_date.replace(microsecond=0)
            same_day = midnight <= entered < midnight + DAY
            amount = sum(-line.balance for line in lines if line.display_type == "product")
            facts.append(self._sale(move, entered if same_day else midnight, amount, move.move_type != "out_refund"))
        return facts

    def _sale(self, document, moment, amount, may_buy=True):
        partner = document.partner_id.commercial_partner_id
        stays = [
            visit for visit in self.visits[partner]
            if visit.entered_at <= moment and (not visit.exited_at or moment < visit.exited_at)
        ]
        return Fact(
            company=document.company_id, team=document.team_id, day=self.local(moment, document.company_id),
            record=(document._name, document.id), amount=amount, partner=partner, moment=moment,
            is_purchase=may_buy and amount >= 0, stage=stays[-1].stage_id if stays else None,
        )

    def _cohorts(self, days):
        """Those whom an order or invoice made customers, so many days later, and whether they came back by then."""
        bought = defaultdict(set)
        for sale in self.sales:
            if sale.is_purchase:
                bought[sale.company, sale.partner.id].add(sale.day)
        facts = []
        for row in self._new_customers():
            if row.amount is None or row.company not in self.companies:
                continue
            last = row.day + timedelta(days=days)
            again = any(row.day < day <= last for day in bought[row.company, row.record])
            if last <= self.today[row.company]:
                facts.append(Fact(company=row.company, team=row.team, day=last, record=row.record, came_back=again))
        return facts

    # === ANSWERS === #

    def answer(self, kpi, company, period, team=None):
        """:param team: ``crm.team``; None: the whole company"""
        code = kpi.measure
        if code in QUOTIENTS:
            upper, lower = (self.answer(self._kpi(part), company, period, team) for part in QUOTIENTS[code])
            return Answer(ratio(upper.value, lower.value), upper.value, lower.value)
        return getattr(self, f"kpi_{code}")(
            Fact(kpi=kpi, company=company, period=period, team=team, start=period.start, end=period.end,
                 until=min(period.end, self.today[company]))
        )

    def _kpi(self, code):
        return Fact(measure=code, stage_id=None)

    def rows(self, at, family):
        """:return: the facts of a family that are of a company (and team) and a period"""
        return [
            fact for fact in self.facts[family]
            if fact.company == at.company and (at.team is None or fact.team == at.team)
            and at.start <= fact.day <= at.end
        ]
