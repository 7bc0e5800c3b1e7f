from odoo import api, fields, models

from ..tools.feedback import CSAT, NPS, SCALES, sentiment
from .clm_feedback import ANSWERED, OPEN

#: Rows of the lists.
ANSWERS_SHOWN = 5
HANDOVERS_SHOWN = 5
BROUGHT_SHOWN = 5


class ClmCustomerPage(models.AbstractModel):
    """What the customer said, who looks after it and whom it brought."""

    _inherit = "clm.customer.page"

    @api.model
    def _page_parts(self):
        return [*super()._page_parts(), "feedback", "handovers", "referrals"]

    # === FEEDBACK === #

    @api.model
    def _prepare_feedback(self, customer):
        """The last answers to our questions and to Odoo's ratings, and how many are awaited."""
        Feedback = self.env["clm.feedback"]
        domain = [("partner_id", "=", customer.id), ("company_id", "in", self.env.companies.ids)]
        answered = [*domain, ("state", "=", ANSWERED)]
        answers = Feedback.search(answered, order="answered_at desc, id desc", limit=ANSWERS_SHOWN)
        rows = [*self._prepare_answers(answers), *self._prepare_ratings(customer)]
        rows.sort(key=lambda row: row["date"], reverse=True)
        counts = dict(Feedback._read_group(domain, ["state"], ["__count"]))
        return {
            "waiting": sum(counts.get(state, 0) for state in OPEN),
            "count": counts.get(ANSWERED, 0),
            "unanswered": self._prepare_unanswered(Feedback.search(
                [*answered, ("followup_state", "=", "open")], order="answered_at, id", limit=1)),
            "last": next(({"kind": row["kind"], "score": row["score"]} for row in rows), None),
            "answers": rows[:ANSWERS_SHOWN],
        }

    @api.model
    def _prepare_unanswered(self, answer):
        """:return: dict of the oldest bad answer that nobody took care of, or None"""
        if not answer:
            return None
        return {
            "id": answer.id, "score": answer.score,
            "days": (fields.Datetime.now() - answer.answered_at).days,
        }

    @api.model
    def _prepare_answers(self, answers):
        labels = {NPS: self.env._("Recommendation"), CSAT: self.env._("Satisfaction")}
        return [
            {
                "id": answer.id, "model": "clm.feedback", "can_open": True,
                "kind": answer.kind, "kind_label": labels[answer.kind],
                "score": answer.score, "scale": SCALES[answer.kind][1], "sentiment": answer.sentiment,
                "comment": answer.comment or "", "date": fields.Datetime.to_string(answer.answered_at),
                "who": answer.contact_id.sudo().name or "",  # sudo: a name
                "about": answer.subject or "",
                "is_open": answer.followup_state == "open", "outcome": answer.outcome or "",
            }
            for answer in answers
        ]

    @api.model
    def _prepare_ratings(self, customer):
        # sudo: what the customer said, for people without rights on what it is about; the comment was public anyway
        ratings = self.env["rating.rating"].sudo().search([
            ("partner_id.commercial_partner_id", "=", customer.id), ("consumed", "=", True), ("rating", ">", 0),
        ], order="rated_on desc nulls last, id desc", limit=ANSWERS_SHOWN)
        return [
            {
                "id": rating.id, "model": "rating.rating", "can_open": False,
                "kind": CSAT, "kind_label": self.env._("Rating"),
                "score": rating.rating, "scale": SCALES[CSAT][1],
                "sentiment": sentiment(CSAT, rating.rating),
                "comment": rating.feedback or "",
                "date": fields.Datetime.to_string(rating.rated_on or rating.write_date),
                "who": rating.partner_id.name or "", "about": rating.res_name or "",
                "is_open": False, "outcome": "",
            }
            for rating in ratings
        ]

    # === WHO LOOKS AFTER IT === #

    @api.model
    def _prepare_handovers(self, customer):
        """Those that wait for an answer, then the last ones."""
        Handover = self.env["clm.handover"]
        domain = [("partner_id", "=", customer.id), ("company_id", "in", self.env.companies.ids)]
        handovers = Handover.search([*domain, ("state", "=", "pending")], order="date_due, id", limit=HANDOVERS_SHOWN)
        if len(handovers) < HANDOVERS_SHOWN:
            handovers |= Handover.search(
                [*domain, ("state", "!=", "pending")], order="requested_at desc, id desc",
                limit=HANDOVERS_SHOWN - len(handovers))
        labels = dict(Handover._fields["state"]._description_selection(self.env))
        return [
            {
                "id": handover.id,
                # sudo: names
                "from": handover.from_user_id.sudo().name or "",
                "to": (handover.user_id or handover.team_id).sudo().display_name or "",
                "state": handover.state, "state_label": labels[handover.state],
                "date": fields.Datetime.to_string(handover.decided_at or handover.requested_at),
                "is_late": handover.is_late, "reason": handover.reason or "",
                "late_days": (fields.Datetime.now() - handover.date_due).days if handover.is_late else None,
            }
            for handover in handovers
        ]

    # === WHO BROUGHT WHOM === #

    @api.model
    def _prepare_referrals(self, customer):
        """Who brought the customer, and the customers it brought; of those that the user may read."""
        Referral = self.env["clm.referral"]
        by = Referral.search([("partner_id", "=", customer.id), ("contact_id", "any", [("id", ">", 0)])], limit=1)
        brought = [
            ("referrer_id", "=", customer.id), ("converted_at", "!=", False), ("partner_id", "any", [("id", ">", 0)]),
        ]
        rows = Referral.search(brought, order="converted_at desc, id desc", limit=BROUGHT_SHOWN)
        return {
            "brought_by": {"id": by.contact_id.id, "name": by.contact_id.display_name} if by else None,
            "count": Referral.search_count(brought) if rows else 0,
            "brought": [
                {
                    "id": row.partner_id.id, "name": row.partner_id.display_name,
                    "date": fields.Datetime.to_string(row.converted_at),
                }
                for row in rows
            ],
        }
