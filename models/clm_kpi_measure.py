"""How the built-in KPIs are measured: one definition, for their values and for the records behind them."""

from typing import NamedTuple


class Measure(NamedTuple):
    """A KPI that is computed from facts: rows of the table ``f`` that ``clm.kpi.facts`` gives for its family.

    :param family: which facts
    :param numerator: SQL aggregate over facts
    :param denominator: SQL aggregate; empty if the value is the numerator alone
    :param value: SQL aggregate, where the value is neither the numerator nor numerator / denominator
    :param counted: SQL condition on a fact: it is one of those that the KPI counts; they are the records behind it
    :param part: SQL condition on a fact: it is one of those that the numerator of a rate counts
    :param proportion: whether numerator and denominator count the same things, so that few of them prove little
    :param least: how many cases there must be before a goal applies
    :param empty: the value where there are no facts; None: not known
    :param money: whether a rate or number is one of amounts of money
    """

    family: str
    numerator: str = "COUNT(*)"
    denominator: str = ""
    value: str = ""
    counted: str = "TRUE"
    part: str = ""
    proportion: bool = False
    least: int = 0
    empty: float | None = None
    money: bool = False


class Quotient(NamedTuple):
    """A KPI made of the values of others: ``numerator / denominator``, by their codes."""

    numerator: str
    denominator: str


class Figure(NamedTuple):
    """What came out: the value, None if it is not known, and what it is made of."""

    value: float | None
    numerator: float | None = None
    denominator: float | None = None


def share(family, part, counted="TRUE"):
    """:return: ``Measure`` of the share of facts for which ``part`` holds, among those for which ``counted`` does"""
    return Measure(
        family, f"COUNT(*) FILTER (WHERE ({counted}) AND ({part}))", f"COUNT(*) FILTER (WHERE {counted})",
        counted=counted, part=part, proportion=True,
    )


def count(family, counted="TRUE"):
    """:return: ``Measure`` of how many facts there are"""
    return Measure(family, f"COUNT(*) FILTER (WHERE {counted})", counted=counted, empty=0.0)


def mean(family, column, counted="TRUE"):
    """:return: ``Measure`` of the mean of a column where it is known"""
    known = f"({counted}) AND f.{column} IS NOT NULL"
    return Measure(
        family, f"SUM(f.{column}) FILTER (WHERE {known})", f"COUNT(*) FILTER (WHERE {known})", counted=known,
    )


def median(family, column, counted="TRUE"):
    """:return: ``Measure`` of the median of a column; numerator and denominator are its sum and how many they are"""
    known = f"({counted}) AND f.{column} IS NOT NULL"
    return mean(family, column, counted)._replace(
        value=f"percentile_cont(0.5) WITHIN GROUP (ORDER BY f.{column}) FILTER (WHERE {known})",
    )


#: The built-in KPIs by code. What each one means, in words, stands in data/clm_kpi_data.xml.
MEASURES = {
    # awareness
    "new_contacts": count("entries", "f.is_first"),
    "new_leads": count("leads"),
    "cost_per_lead": Quotient("acquisition_spend", "new_leads"),
    # acquisition
    "acquisition_spend": Measure("spend", "SUM(f.amount)"),
    "lead_to_opportunity": share("leads", "f.is_converted", "f.was_lead"),
    "cac": Quotient("acquisition_spend", "new_customers"),
    # any stage: days of those who left the stage of the KPI
    "stage_days": median("stage_exits", "days", "f.stage_id = %(stage)s"),
    # conversion
    "new_customers": count("customers"),
    "lead_to_customer": share("leads", "f.is_won"),
    "lead_to_customer_period": Quotient("leads_won", "new_leads"),
    "leads_won": count("closed_leads", "f.is_won"),
    "win_rate": share("closed_leads", "f.is_won"),
    "time_to_convert": mean("customers", "days"),
    "time_to_convert_median": median("customers", "days"),
    "first_order_value": mean("customers", "amount"),
    # retention
    "revenue": Measure("purchases", "SUM(f.amount)", empty=0.0),
    "repeat_purchase_rate": share("cohorts", "f.came_back"),
    "repeat_purchase_rate_90": share("cohorts_90", "f.came_back"),
    "purchase_frequency": Measure(
        "purchases", "COUNT(*) FILTER (WHERE f.is_purchase)",
        "COUNT(DISTINCT f.partner_id) FILTER (WHERE f.is_purchase)", counted="f.is_purchase",
    ),
    "aov": Measure("purchases", "SUM(f.amount)", "COUNT(*) FILTER (WHERE f.is_purchase)"),
    "lapse_rate": Measure(
        "customer_stays", "SUM(f.lapsed)", "SUM(f.at_start)", counted="f.lapsed = 1", proportion=True,
    ),
    "mrr": Measure("recurring", "SUM(f.closing)", counted="f.closing != 0"),
    "arpa": Measure(
        "recurring", "SUM(f.closing) FILTER (WHERE f.closing > 0)", "COUNT(*) FILTER (WHERE f.closing > 0)",
        counted="f.closing > 0",
    ),
    "nrr": Measure(
        "recurring", "SUM(f.closing) FILTER (WHERE f.year_ago > 0)", "SUM(f.year_ago) FILTER (WHERE f.year_ago > 0)",
        counted="f.year_ago > 0", money=True,
    ),
    "grr": Measure(
        "recurring", "SUM(GREATEST(LEAST(f.closing, f.year_ago), 0)) FILTER (WHERE f.year_ago > 0)",
        "SUM(f.year_ago) FILTER (WHERE f.year_ago > 0)", counted="f.year_ago > 0", money=True,
    ),
    "logo_churn": share("recurring", "f.closing <= 0", "f.opening > 0"),
    "quick_ratio": Measure(
        "movements", "COALESCE(SUM(f.value) FILTER (WHERE f.kind IN ('new', 'expansion')), 0)",
        "-SUM(f.value) FILTER (WHERE f.kind IN ('contraction', 'churn'))",
        counted="f.kind IN ('new', 'expansion', 'contraction', 'churn')", money=True,
    ),
    "net_new_mrr": Measure("movements", "SUM(f.value)", empty=0.0),
    "healthy_customers": Measure(
        "health", "SUM(f.healthy)", "SUM(f.customers)", part="f.healthy = 1", proportion=True,
    ),
    "handovers_returned": share("handovers", "f.is_returned"),
    # loyalty
    "nps": Measure(
        "feedback",
        "100 * (COUNT(*) FILTER (WHERE f.kind = 'nps' AND f.score >= 9)"
        " - COUNT(*) FILTER (WHERE f.kind = 'nps' AND f.score <= 6))",
        "COUNT(*) FILTER (WHERE f.kind = 'nps')", counted="f.kind = 'nps'", least=30,
    ),
    "csat": share("feedback", "f.score >= 4", "f.kind = 'csat'"),
    "referral_rate": Measure(
        "referrals", "COUNT(DISTINCT f.referrer_id) FILTER (WHERE f.referrer_id IS NOT NULL)", "SUM(f.customers)",
        counted="f.referrer_id IS NOT NULL", proportion=True,
    ),
    "clv": Measure(
        "year_purchases", "SUM(f.amount) * %(worth)s",
        "COUNT(DISTINCT f.partner_id) FILTER (WHERE f.is_purchase)",
    ),
    "loyal_revenue_share": Measure(
        "purchases", "COALESCE(SUM(f.amount) FILTER (WHERE f.stage_id = %(stage)s), 0)", "SUM(f.amount)",
        part="f.stage_id = %(stage)s", money=True,
    ),
    "ltv_cac": Quotient("ltv", "cac"),
    # renewal
    "renewal_rate": share("renewals", "f.renewed = 1", "f.outcome != 'open'"),
    "renewal_rate_value": Measure(
        "renewals", "SUM(f.gross_value)", "SUM(f.decided_value)", counted="f.outcome != 'open'", money=True,
    ),
    "renewal_rate_net": Measure(
        "renewals", "SUM(f.final_value)", "SUM(f.decided_value)", counted="f.outcome != 'open'", money=True,
    ),
    "silent_renewals": share("renewals", "f.outcome = 'silent'", "f.outcome IN ('silent', 'auto')"),
    "days_to_decide": median("renewals", "days_to_decide"),
    "won_back": count("entries", "f.is_return"),
    # contracts
    "cycle_time": median("cycles", "cycle_days"),
    "approval_first_pass": share("cycles", "f.first_pass = 1", "f.first_pass IS NOT NULL"),
    "days_draft": median("contract_stays", "days", "f.state = 'draft'"),
    "days_negotiation": median("contract_stays", "days", "f.state = 'negotiation'"),
    "days_approval": median("contract_stays", "days", "f.state = 'approval'"),
    "days_signature": median("contract_stays", "days", "f.state = 'signature'"),
    "obligations_on_time": share("obligations", "f.on_time = 1", "f.on_time IS NOT NULL"),
    "value_leakage": Measure("installments", "SUM(f.leakage)", "SUM(f.contracted)", money=True),
}
#: Measured by a method of ``clm.kpi`` from the values of others.
LIFETIME_VALUE = "ltv"


def parts_of(code):
    """:return: codes of the KPIs whose values one is made of: its numerator and denominator; () for any other"""
    if code == LIFETIME_VALUE:
        return "arpa", "logo_churn"
    measure = MEASURES.get(code)
    return tuple(measure) if isinstance(measure, Quotient) else ()


def source_of(code, part=""):
    """:return: ``Measure`` whose facts are the records behind a built-in KPI: its own, or that of what it divides

    :param str part: "denominator" for what it divides by
    """
    while parts := parts_of(code):
        code, part = parts[part == "denominator"], ""
    return MEASURES[code]


#: What cannot be added up over companies: medians, and what is made of means.
NO_TOTAL = frozenset({LIFETIME_VALUE}) | {
    code for code, measure in MEASURES.items()
    if LIFETIME_VALUE in parts_of(code) or (isinstance(measure, Measure) and measure.value)
}

#: What the records behind the facts of a family are.
FAMILY_MODELS = {
    "entries": "res.partner",
    "leads": "crm.lead",
    "closed_leads": "crm.lead",
    "spend": "clm.spend",
    "stage_exits": "clm.visit",
    "customers": "res.partner",
    "purchases": "clm.event",
    "year_purchases": "clm.event",
    "cohorts": "res.partner",
    "cohorts_90": "res.partner",
    "customer_stays": "res.partner",
    "recurring": "res.partner",
    "movements": "clm.mrr.movement",
    "feedback": "clm.event",
    "referrals": "clm.event",
    "handovers": "clm.handover",
    "health": "res.partner",
    "renewals": "clm.contract",
    "cycles": "clm.contract",
    "contract_stays": "clm.contract",
    "obligations": "clm.obligation",
    "installments": "clm.installment",
}
#: Families whose facts are the purchases of the timeline.
PURCHASE_FAMILIES = ("purchases", "year_purchases")
