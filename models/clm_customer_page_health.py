from odoo import api, fields, models
from odoo.tools import SQL, format_date

from ..tools import bgnbd
from ..tools.feedback import SCALES
from ..tools.health import health

#: Days with a purchase from which on the probability of another one says something.
LEAST_DAYS = 2
#: Days ahead for which purchases are foretold, and months of health that are shown, the running one included.
DAYS_AHEAD = 90
MONTHS = 12


class ClmCustomerPage(models.AbstractModel):
    """How the customer is doing and why, in words, and how often it buys; as computed last night."""

    _inherit = "clm.customer.page"

    @api.model
    def _page_parts(self):
        return [*super()._page_parts(), "health", "rhythm"]

    @api.model
    def _score(self, customer):
        """:return: ``clm.customer.score`` of the customer, which may be empty"""
        return self.env["clm.customer.score"].search([("partner_id", "=", customer.id)], limit=1)

    # === HEALTH === #

    @api.model
    def _prepare_health(self, customer):
        score = self._score(customer)
        if not score:
            return None
        factors = self.env["clm.health.factor"].search([]).filtered(  # pylint: disable=no-search-all
            lambda factor: f"part_{factor.code}" in score._fields)
        values = self._part_values(score, factors.mapped("code"))
        weights = {factor.code: factor.weight for factor in factors}
        explained = {part.factor: part for part in health(values, weights).explained}
        whole = sum(weights.values())
        return {
            "score": score.health if score.band else None, "band": score.band or None, "coverage": score.coverage,
            "change": score.change if score.change or score.health_last_month else None,
            "months": self._prepare_health_months(customer, score),
            "parts": [
                {
                    "code": factor.code, "name": factor.name, "value": values[factor.code],
                    "weight": explained[factor.code].weight if factor.code in explained
                    else factor.weight / whole if whole else 0.0,
                    "points": explained[factor.code].points if factor.code in explained else None,
                    "text": self._say_part(factor.code, score) if values[factor.code] is not None else "",
                }
                for factor in factors
            ],
        }

    @api.model
    def _prepare_health_months(self, customer, score):
        """:return: the health at the end of the last months and now, oldest first; None where it was not known"""
        this_month = fields.Date.start_of(score._today(), "month")
        months = [fields.Date.subtract(this_month, months=back) for back in range(MONTHS - 1, 0, -1)]
        rows = self.env["clm.customer.score.history"].search([("partner_id", "=", customer.id)])
        known = {
            month: row.health for row in rows for month in months
            if row.month <= month and (not row.month_until or month <= row.month_until)
        }
        known[this_month] = score.health if score.band else None
        return [
            {"label": format_date(self.env, month, date_format="MMM y"), "value": known.get(month), "goal": None}
            for month in (*months, this_month)
        ]

    @api.model
    def _part_values(self, score, codes):
        """:return: dict of code -> 0 to 1, or None if not known, which the ORM cannot tell from 0"""
        if not codes:
            return {}
        columns = SQL(", ").join(SQL.identifier(f"part_{code}") for code in codes)
        score.flush_recordset()
        row = self.env.execute_query(SQL("SELECT %s FROM clm_customer_score WHERE id = %s", columns, score.id))[0]
        return dict(zip(codes, row, strict=True))

    @api.model
    def _say_part(self, code, score):
        """:return: what a part of the health comes from, as words; nothing for parts of other addons"""
        say = getattr(self, f"_say_{code}", None)
        return say(score) if say else ""

    @api.model
    def _say_recency(self, score):
        """Who bought on few days has no rhythm of their own: that of the others is not told as theirs."""
        words = {"ago": self._days_words(score.days_since), "rhythm": self._days_words(round(score.rhythm_days))}
        if score.own_rhythm:
            return self.env._("last bought %(ago)s ago, usually every %(rhythm)s", **words)
        return self.env._("last bought %(ago)s ago, others usually buy every %(rhythm)s", **words)

    @api.model
    def _say_trend(self, score):
        recent, before = score.revenue_recent, score.revenue_before
        if before <= 0:
            return self.env._("bought in the last half-year, not in the one before")
        change = round(100 * (recent - before) / before)
        if change < 0:
            return self.env._("%(percent)s %% less than in the half-year before", percent=-change)
        return self.env._("%(percent)s %% more than in the half-year before", percent=change) if change else self.env._(
            "as much as in the half-year before")

    @api.model
    def _say_overdue(self, score):
        return self.env._("invoices are overdue") if score.overdue_amount > 0 else self.env._("nothing is overdue")

    @api.model
    def _say_feedback(self, score):
        return self.env._(
            "%(score)s of %(best)s on %(day)s", score=round(score.last_score), best=SCALES[score.last_kind][1],
            day=format_date(self.env, score.last_answer))

    @api.model
    def _say_obligations(self, score):
        if not score.missed:
            return self.env._("we keep what we promised")
        return self.env._("one of ours is late") if score.missed == 1 else self.env._(
            "%(count)s of ours are late", count=score.missed)

    @api.model
    def _say_notice(self, score):
        if not score.notice_risk or not score.notice_on:
            return self.env._("no notice deadline is near")
        return self.env._("the last day for notice is %(day)s, undecided", day=format_date(self.env, score.notice_on))

    # === RHYTHM === #

    @api.model
    def _prepare_rhythm(self, customer):
        score = self._score(customer)
        if not score:
            return None
        labels = dict(score._fields["segment"]._description_selection(self.env))
        return {
            "segment": labels.get(score.segment, ""),
            "days": round(score.own_rhythm) if score.own_rhythm else None,
            "last": self._day(score.last_purchase),
            "next": self._day(score.next_purchase),
            "is_overdue": score.is_overdue_buyer,
            "alive": score.p_alive or None if score.purchase_days >= LEAST_DAYS else None,
            "expected": self._expected_purchases(score),
        }

    @api.model
    def _expected_purchases(self, score):
        """:return: purchases to expect within 90 days; None for who bought once, and while there is no model"""
        params = score.sudo()._bgnbd()  # sudo: a parameter of the system
        if not params or score.purchase_days < LEAST_DAYS:
            return None
        customer = bgnbd.Customer(
            score.purchase_days - 1, (score.last_purchase - score.first_purchase).days / 7,
            (score._today() - score.first_purchase).days / 7,
        )
        return bgnbd.expected_purchases(DAYS_AHEAD / 7, customer, bgnbd.Params(**params))
