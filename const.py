"""Values shared by several models."""

from datetime import date

#: Given in a context, lets the contract's own doors past its locks. An object, so that no client can send it.
UNLOCK = object()
#: Given in a context, a change of lines or clauses is followed up by the contract that is being written.
COLLECT = object()
#: Key of a context: history is being reconstructed or imported, nothing is set in motion.
BULK = "clm_bulk"

MAX_MONTHS = 1200
MAX_NOTICE = 400
MAX_DAYS = 3650
#: What the terms of contracts and of their types may be: lowest and highest.
TERM_LIMITS = {
    "term_months": (0, MAX_MONTHS),
    "minimum_months": (0, MAX_MONTHS),
    "renewal_months": (0, MAX_MONTHS),
    "renewal_limit": (0, MAX_MONTHS),
    "notice_count": (0, MAX_NOTICE),
    "decide_days": (0, MAX_DAYS),
    "uplift": (-100.0, 1000.0),
}
DATE_LIMITS = {
    "date_start": (date(1970, 1, 1), date(2200, 12, 31)),
    "date_end": (date(1970, 1, 1), date(2300, 12, 31)),
}

DIRECTIONS = [("customer", "Customer"), ("supplier", "Supplier")]
SIDES = [("us", "Us"), ("them", "Other party")]
RENEWAL_POLICIES = [
    ("none", "Ends at its end date"),
    ("manual", "Renewed by hand"),
    ("auto", "Renews automatically"),
    ("evergreen", "Runs until notice"),
]
NOTICE_UNITS = [("day", "Days"), ("month", "Months")]
RECURRENCE_UNITS = [("day", "Days"), ("week", "Weeks"), ("month", "Months"), ("year", "Years"), ("once", "Once")]
BILLING = [("advance", "In advance"), ("arrears", "In arrears")]
BILLING_MODES = [
    ("auto", "Automatically"),
    ("manual", "By hand"),
    ("none", "Not from here"),
]
INSTALLMENT_KINDS = [("charge", "Charge"), ("credit", "Credit")]
INSTALLMENT_STATES = [
    ("planned", "Planned"),
    ("due", "Due"),
    ("invoiced", "Invoiced"),
    ("credited", "Credited"),
    ("skipped", "Skipped"),
]
PRORATIONS = [
    ("days", "By actual days"),
    ("days30", "By days, a month has 30"),
    ("none", "Not at all: a period that has begun is charged whole"),
]
BILLING_GROUPINGS = [
    ("contract", "One invoice per contract and date"),
    ("customer", "One invoice per customer and date"),
]
MRR_KINDS = [
    ("new", "New"),
    ("reactivation", "Reactivation"),
    ("expansion", "Expansion"),
    ("contraction", "Contraction"),
    ("churn", "Churn"),
    ("transfer", "Renewed unchanged"),
    ("fx", "Exchange rate"),
]
SIGNATURES = [
    ("both", "Both sides"),
    ("them", "The other party only"),
    ("us", "Us only"),
    ("none", "None needed"),
]
OBLIGATION_RECURRENCES = [("none", "Once"), ("week", "Weeks"), ("month", "Months"), ("year", "Years")]

#: What ``{{ name }}`` in a clause may say. The values come from ``clm.contract._placeholder_values``.
PLACEHOLDERS = (
    "annual_value",
    "billing_period",
    "company_address",
    "company_name",
    "company_vat",
    "contract_number",
    "contract_title",
    "contract_type",
    "currency",
    "date_end",
    "date_start",
    "minimum_term",
    "notice_period",
    "owner_name",
    "partner_address",
    "partner_name",
    "partner_vat",
    "predecessor_number",
    "renewal",
    "term",
    "today",
    "total_value",
)

KPI_UNITS = [
    ("count", "Count"),
    ("number", "Number"),
    ("money", "Money"),
    ("ratio", "Percent"),
    ("days", "Days"),
    ("score", "Score"),
]
KPI_DIRECTIONS = [("up", "The higher the better"), ("down", "The lower the better")]
KPI_SECTIONS = [("stage", "Customer stage"), ("renewal", "Renewal"), ("contract", "Contracts")]
KPI_STATUSES = [
    ("on", "On track"),
    ("off", "Off track"),
    ("few", "Too few data"),
    ("none", "No goal"),
    ("na", "n/a"),
]
PERIOD_KINDS = [("week", "Week"), ("month", "Month"), ("quarter", "Quarter")]
