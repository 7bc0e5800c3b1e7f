from odoo import api, fields, models

from ..tools import next_action
from ..tools.feedback import CSAT, LIMITS, NPS, SCALES

#: Next best actions that are shown.
ACTIONS_SHOWN = 3
URGENCIES = {next_action.NOW: "high", next_action.SOON: "medium", next_action.SOME_TIME: "low"}
#: From these scores on somebody would recommend us: of satisfaction, the best one only.
PROMOTER = {NPS: LIMITS[NPS][1], CSAT: SCALES[CSAT][1]}


class ClmCustomerPage(models.AbstractModel):
    """What to do next: drawn from what the page shows, so that both never contradict each other."""

    _inherit = "clm.customer.page"

    @api.model
    def _prepare_actions(self, customer, page):
        """:return: list of dicts: code, urgency, title, reason, button, and the action behind it or None"""
        found = next_action.next_actions(self._action_facts(customer, page))
        return [
            {
                "code": action.code, "urgency": URGENCIES[action.urgency],
                **getattr(self, f"_next_{action.code}")(customer, page, action.values),
            }
            for action in found[:ACTIONS_SHOWN]
        ]

    @api.model
    def _action_facts(self, customer, page):
        """Hook: what the next best actions depend on.

        :return: ``tools.next_action.Facts``
        """
        return next_action.Facts(
            **self._facts_money(page), **self._facts_feedback(page), **self._facts_contracts(customer, page),
            **self._facts_health(page), **self._facts_stage(customer, page),
            handover_late_days=max((row["late_days"] for row in page["handovers"] if row["is_late"]), default=None),
            quotation_days=self._days_ago(page["quotation"]["date"]) if page["quotation"] else None,
            has_salesperson=bool(page["header"]["salesperson"]),
            has_consent=bool(customer.lifecycle_consent) or not self._needs_consent(),
        )

    @api.model
    def _days_ago(self, day):
        """:param str day: as :meth:`_day` gives it"""
        return (self.env.company._lifecycle_today() - fields.Date.to_date(day)).days if day else None

    @api.model
    def _facts_money(self, page):
        value = page["value"]
        return {"overdue_days": self._days_ago(value["overdue_since"]), "overdue_amount": value["overdue"]}

    @api.model
    def _facts_feedback(self, page):
        unanswered, last = page["feedback"]["unanswered"] or {}, page["feedback"]["last"]
        would_recommend = last and last["score"] >= PROMOTER[last["kind"]] and not page["referrals"]["count"]
        return {
            "low_feedback_days": unanswered.get("days"), "low_feedback_score": unanswered.get("score"),
            "promoter_score": last["score"] if would_recommend else None,
        }

    @api.model
    def _facts_contracts(self, customer, page):
        undecided, expiring = page["renewal"]["undecided"], page["renewal"]["expiring"]
        return {
            "missed_obligations": page["deadlines"]["missed"],
            "notice_days": undecided["days"] if undecided else None,
            "decision_days": undecided["act_by"] if undecided else None,
            "expiring_days": expiring["days"] if expiring else None,
        }

    @api.model
    def _facts_health(self, page):
        health, rhythm = page["health"] or {}, page["rhythm"] or {}
        bought_since = (page["value"]["last_purchase"] or "") > (rhythm.get("last") or "")
        silent = rhythm.get("is_overdue") and not bought_since
        return {
            "health": health.get("score"), "health_band": health.get("band"), "health_change": health.get("change"),
            "silent_days": self._days_ago(rhythm["next"]) if silent else None,
        }

    @api.model
    def _facts_stage(self, customer, page):
        """A customer without a contract lapses when time alone may move it."""
        stage = page["stage"] or {}
        may_lapse = stage.get("is_customer") and not page["contracts"]["in_force"]
        lapses = customer.lifecycle_next_check if may_lapse else None
        return {
            "has_lapsed": stage.get("is_lapsed", False),
            "lapse_days": (lapses - fields.Datetime.now()).days if lapses else None,
        }

    @api.model
    def _needs_consent(self):
        # sudo: whether any automatic mail asks for an agreement is a setting that concerns everybody
        return bool(self.env["clm.playbook.step"].sudo().search_count(
            [("needs_consent", "=", True), ("playbook_id.state", "=", "active")], limit=1))

    # === PARTS THAT ONLY ACTIONS NEED === #

    @api.model
    def _page_parts(self):
        return [*super()._page_parts(), "quotation", "renewal"]

    @api.model
    def _prepare_quotation(self, customer):
        """The oldest quotation that was sent and not answered, or None."""
        # sudo: its number and day, for people without rights on sales
        quotation = self.env["sale.order"].sudo().search([
            ("partner_id.commercial_partner_id", "=", customer.id), ("state", "=", "sent"),
            ("company_id", "in", self.env.companies.ids),
        ], order="date_order, id", limit=1)
        if not quotation:
            return None
        day = fields.Datetime.context_timestamp(self, quotation.date_order).date()
        return {"id": quotation.id, "name": quotation.name, "date": self._day(day)}

    @api.model
    def _prepare_renewal(self, customer):
        """The contracts about whose renewal something is to be done next."""
        today = self.env.company._lifecycle_today()
        undecided, expiring = self._undecided(customer), self._expiring(customer)
        return {
            "undecided": {
                "id": undecided.id, "name": undecided.display_name, "date": self._day(undecided.date_notice),
                "days": (undecided.date_notice - today).days,
                "act_by": (undecided.date_act_by - today).days if undecided.date_act_by else None,
            } if undecided else None,
            "expiring": {
                "id": expiring.id, "name": expiring.display_name, "date": self._day(expiring.date_end),
                "days": (expiring.date_end - today).days,
            } if expiring else None,
        }
