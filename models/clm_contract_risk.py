from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.score import Part, score
from ..tools.transitions import ACTIVE, CANCELLED, CLOSED, SIGNED

# the deadline counts fully in its last days
LAST_DAYS = 7
# factor: weight; the risk is the weighted mean of values between 0 and 1, times 100
WEIGHTS = {
    "overdue": 30,
    "obligations": 20,
    "wording": 20,
    "notice": 15,
    "claims": 10,
    "concentration": 5,
}
MEDIUM, HIGH = 20, 40
# key in the cache of the cursor, which every commit and rollback empties
YEARLY_VALUES = "clm.yearly_values"


class AccountMove(models.Model):
    _inherit = "account.move"

    # what is overdue is a handful among all invoices ever
    _clm_overdue_index = models.Index(
        "(company_id, commercial_partner_id, invoice_date_due)"
        " WHERE state = 'posted' AND payment_state IN ('not_paid', 'partial')"
    )


class ClmContract(models.Model):
    """The risk of a contract, explained: each factor with its value, its weight and what it adds."""

    _inherit = "clm.contract"

    risk = fields.Integer(
        compute="_compute_risk", store=True, copy=False, aggregator="avg", groups="base.group_user",
        index="btree_not_null", help="0 (none) to 100. The tab Risk shows what it is made of.",
    )
    risk_parts = fields.Json(compute="_compute_risk", store=True, copy=False, groups="base.group_user")
    risk_band = fields.Selection(
        [("low", "Low"), ("medium", "Medium"), ("high", "High")], string="Risk Level",
        compute="_compute_risk", store=True, groups="base.group_user",
    )
    risk_next = fields.Date(
        compute="_compute_risk", store=True, copy=False, groups="base.group_user",
        help="When time alone changes the risk next.",
    )
    overdue_amount = fields.Monetary(
        "Overdue Invoices", compute="_compute_risk", store=True, copy=False, currency_field="company_currency_id",
        groups="base.group_user",
        help="What the other party owes past the due date, in company currency, at the last look.",
    )

    _risk_index = models.Index("(company_id, risk_next) WHERE risk_next IS NOT NULL")
    _overdue_index = models.Index("(company_id, direction) WHERE overdue_amount != 0")
    _share_index = models.Index(
        "(company_id) INCLUDE (acv) WHERE active IS TRUE AND state = 'active' AND direction = 'customer'"
    )

    @api.depends(
        "state", "direction", "company_id", "commercial_partner_id", "acv", "tcv", "company_tcv", "decision",
        "date_notice", "date_act_by", "next_ids.state", "clause_ids.risk_weight", "claim_ids.state",
        "obligation_ids.state", "obligation_ids.date_due",
    )
    def _compute_risk(self):
        """Weigh what the database knows now. A fixed number of queries for a batch.

        What others change (invoices, the calendar, other contracts) is looked at by the daily run.
        """
        open_contracts = self.filtered(lambda c: c.state not in (CLOSED, CANCELLED) and c.company_id)
        for contract in self - open_contracts:  # the risk stays what it was at the end
            contract.risk = contract.risk
            contract.risk_band = contract.risk_band or "low"
            contract.risk_parts = contract.risk_parts
            contract.risk_next = contract.overdue_amount = False
        inputs = open_contracts._risk_inputs()
        for contract in open_contracts:
            values = contract._risk_values(inputs)
            result = score([Part(factor, value, WEIGHTS[factor]) for factor, (value, __) in values.items()])
            contract.risk = result.points or 0
            contract.risk_band = "high" if contract.risk >= HIGH else "medium" if contract.risk >= MEDIUM else "low"
            contract.risk_parts = [
                {
                    "factor": part.factor, "value": part.value, "weight": round(part.weight, 4),
                    "points": round(part.points, 1), "input": values[part.factor][1],
                }
                for part in result.explained
            ]
            contract.risk_next = contract._risk_next()
            contract.overdue_amount = inputs["overdue"].get(contract.id, 0.0)

    def _risk_changed(self):
        """Compute the risk anew: something that it is made of changed without a document of ours."""
        self.env.add_to_compute(self._fields["risk"], self)

    def _risk_values(self, inputs):
        """Hook: the factors of one contract.

        :return: dict factor -> (value 0-1, what it was computed from, for people)
        """
        self.ensure_one()
        overdue = inputs["overdue"].get(self.id, 0.0)
        quarter = self.acv / self.tcv * self.company_tcv / 4 if self.tcv else 0.0
        missed = inputs["missed"].get(self._origin, 0) if self.state in (SIGNED, ACTIVE) else 0
        claims = inputs["claims"].get(self._origin, 0)
        weight = sum(self.clause_ids.mapped("risk_weight"))
        share = inputs["share"].get((self.commercial_partner_id.id, self.company_id.id), 0.0)
        return {
            "overdue": (min(overdue / quarter, 1.0) if quarter > 0 else float(overdue > 0), round(overdue, 2)),
            "obligations": (min(missed / 3, 1.0), missed),
            "wording": (min(weight / 20, 1.0), self.nonstandard_count),
            "notice": self._risk_of_notice(),
            "claims": (min(claims / 2, 1.0), claims),
            "concentration": (share, round(share, 4)),
        }

    def _risk_of_notice(self):
        """0 before the act-by date or once decided, one half from then on, all in the last days and after."""
        if self.state not in (SIGNED, ACTIVE) or not self.date_notice or self.decision or self.next_id:
            return 0.0, False
        left = (self.date_notice - self._today()).days
        if left <= LAST_DAYS:
            return 1.0, left
        return (0.5, left) if self._today() >= self.date_act_by else (0.0, left)

    def _risk_next(self):
        if self.state not in (SIGNED, ACTIVE) or not self.date_notice or self.decision or self.next_id:
            return False
        today = self._today()
        days = (self.date_act_by, fields.Date.subtract(self.date_notice, days=LAST_DAYS))
        return min((day for day in days if day > today), default=False)

    def _risk_inputs(self):
        """:return: dict with what the factors are computed from, read for the whole batch"""
        active = [("contract_id", "in", self.ids)]
        obligations = Domain(active) & Domain("state", "=", "open") & Domain.OR(
            Domain("company_id", "=", company.id) & Domain("date_due", "<", company._lifecycle_today())
            for company in self.company_id
        )
        Obligation, Claim = self.env["clm.obligation"], self.env["clm.claim"]
        return {
            "overdue": self._overdue_amounts(),
            "missed": dict(Obligation._read_group(obligations, ["contract_id"], ["__count"])),
            "claims": dict(Claim._read_group([*active, ("state", "!=", "accepted")], ["contract_id"], ["__count"])),
            "share": self._concentration(),
        }

    def _overdue_amounts(self):
        """:return: dict contract id -> what its partner owes its company past the due date, company currency"""
        result = {}
        for (company, direction), contracts in self.grouped(lambda c: (c.company_id, c.direction)).items():
            sign = 1 if direction == "customer" else -1
            amounts = dict(self.env["account.move"]._read_group(
                Domain(self._overdue_domain(company, direction))
                & Domain("commercial_partner_id", "in", contracts.commercial_partner_id.ids),
                ["commercial_partner_id"], ["amount_residual_signed:sum"],
            ))
            for contract in contracts:
                result[contract.id] = max(sign * amounts.get(contract.commercial_partner_id, 0.0), 0.0)
        return result

    @api.model
    def _overdue_domain(self, company, direction):
        kinds = ("out_invoice", "out_refund") if direction == "customer" else ("in_invoice", "in_refund")
        return [
            ("company_id", "=", company.id), ("state", "=", "posted"), ("move_type", "in", kinds),
            ("payment_state", "in", ("not_paid", "partial")), ("invoice_date_due", "<", company._lifecycle_today()),
        ]

    def _concentration(self):
        """:return: dict (commercial partner id, company id) -> its share of the yearly value in force, ratio"""
        totals = self._yearly_values(self.company_id)
        rows = self._read_group(
            [
                *self._share_domain(self.company_id),
                ("commercial_partner_id", "in", self.commercial_partner_id.ids),
            ],
            ["commercial_partner_id", "company_id"], ["acv:sum"],
        )
        return {
            # lines may be negative
            (partner.id, company.id): min(max(amount / totals[company.id], 0.0), 1.0)
            for partner, company, amount in rows if totals.get(company.id, 0.0) > 0
        }

    @api.model
    def _share_domain(self, companies):
        return [("state", "=", ACTIVE), ("direction", "=", "customer"), ("company_id", "in", companies.ids)]

    @api.model
    def _yearly_values(self, companies):
        """:return: dict of company id -> yearly value in force. The daily run looks at it once in a batch: it is a sum
            over all contracts
        """
        kept = self.env.cr.cache.get(YEARLY_VALUES, {})
        if not set(companies.ids) <= kept.keys():
            values = self._read_group(self._share_domain(companies), ["company_id"], ["acv:sum"])
            kept.update(dict.fromkeys(companies.ids, 0.0))
            kept.update((company.id, value) for company, value in values)
        return kept

    @api.model
    def _keep_yearly_values(self):
        """From now on to the end of the transaction, look at the yearly values once."""
        self.env.cr.cache.setdefault(YEARLY_VALUES, {})

    @api.model
    def _risk_with_changed_debts(self, company):
        """:return: ids of contracts whose partner's overdue invoices are not those of the last look. Cost: what is
            overdue
        """
        found = []
        for direction, sign in (("customer", 1), ("supplier", -1)):
            debts = {
                partner.id: sign * amount for partner, amount in self.env["account.move"]._read_group(
                    self._overdue_domain(company, direction), ["commercial_partner_id"], ["amount_residual_signed:sum"]
                ) if sign * amount > 0
            }
            self.flush_model(["company_id", "direction", "state", "commercial_partner_id", "overdue_amount"])
            found += self.env.execute_query(SQL(
                """
                SELECT k.id
                  FROM clm_contract k
                  JOIN unnest(%(partners)s::int[], %(amounts)s::numeric[]) AS debt(partner_id, amount)
                    ON debt.partner_id = k.commercial_partner_id
                 WHERE k.company_id = %(company)s AND k.direction = %(direction)s AND k.state IN ('signed', 'active')
                   AND abs(COALESCE(k.overdue_amount, 0) - debt.amount) >= %(rounding)s
                 UNION ALL
                SELECT k.id
                  FROM clm_contract k
                 WHERE k.company_id = %(company)s AND k.direction = %(direction)s AND k.state IN ('signed', 'active')
                   AND k.overdue_amount != 0 AND k.commercial_partner_id != ALL(%(partners)s::int[])
                """,
                company=company.id, direction=direction, partners=list(debts), amounts=list(debts.values()),
                rounding=company.currency_id.rounding / 2,
            ))
        return [contract_id for contract_id, in found]

    def _risk_table(self):
        """:return: list of dicts for the screen: label, what it was computed from, weight and points"""
        self.ensure_one()
        labels = {
            "overdue": self.env._("Overdue invoices"),
            "obligations": self.env._("Missed obligations"),
            "wording": self.env._("Clauses with other wording"),
            "notice": self.env._("Days to the notice deadline, undecided"),
            "claims": self.env._("Open claims"),
            "concentration": self.env._("Share of our yearly contract value"),
        }
        return [{**part, "label": labels.get(part["factor"], part["factor"])} for part in self.risk_parts or []]
