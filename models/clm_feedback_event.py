from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.kinds import KINDS
from .clm_kpi_measure import source_of

#: What keeps the ids of the events of both models apart, see ``clm.event._event_source``.
OFFSETS = {"clm.feedback": 0, "rating.rating": 32}
#: Context key: the view shows the answers between two instants only, pair of naive UTC datetimes or strings.
ANSWERS_KEY = "clm_answers_between"
LABEL_LENGTH = 80


class ClmFeedback(models.Model):
    """Answers are events of the customer's lifecycle."""

    _name = "clm.feedback"
    _inherit = ["clm.feedback", "clm.signal.mixin"]

    _clm_signal_fields = frozenset({"partner_id", "company_id", "state", "kind", "score", "answered_at"})

    _answer_date_idx = models.Index("(answered_at) WHERE state = 'answered'")

    def _clm_signals(self, fnames):
        """Requests are no events yet."""
        return self.filtered(lambda request: request.state == "answered")


class RatingRating(models.Model):
    """What customers tell Odoo's own ratings counts as satisfaction."""

    _name = "rating.rating"
    # the mixin goes first: Odoo deletes the message of a rating before the rating, which is gone then
    _inherit = ["clm.signal.mixin", "rating.rating"]

    _clm_signal_fields = frozenset({"partner_id", "rating", "consumed", "rated_on"})

    # the conditions and the date are those of clm.event
    _clm_customer_idx = models.Index("(partner_id) WHERE consumed AND rating > 0")
    _clm_date_idx = models.Index("((COALESCE(rated_on, write_date))) WHERE consumed AND rating > 0")

    def _clm_signals(self, fnames):
        """Requests are no events when they are made or deleted; an answer taken back was one."""
        if fnames == self._clm_signal_fields:
            return self.filtered(lambda rating: rating.consumed and rating.rating)
        return self


class ClmEvent(models.Model):
    _inherit = "clm.event"
    _depends = {
        "clm.feedback": [
            "partner_id", "company_id", "team_id", "state", "kind", "score", "comment", "answered_at",
        ],
        "rating.rating": ["partner_id", "rating", "consumed", "feedback", "rated_on", "write_date"],
    }

    @property
    def _table_query(self):
        if self.env.context.get(ANSWERS_KEY):
            return SQL(" UNION ALL ").join(self._event_answers(SQL("res_partner")))
        return super()._table_query

    def _event_sources(self, partners):
        return [*super()._event_sources(partners), *self._event_answers(partners)]

    @api.model
    def _event_answers(self, partners):
        """:return: list of ``SQL``: the answers to requests of ours, and those that Odoo's ratings got"""
        return [self._event_feedback(partners), self._event_ratings(partners)]

    def _event_feedback(self, partners):
        """Answers; only those from 0 to 10 have a score that rules may ask for."""
        return self._event_source(
            SQL(
                "FROM clm_feedback f JOIN %s p ON p.id = f.partner_id WHERE f.state = 'answered' AND %s",
                partners, self._event_answer_limit(SQL("f.answered_at")),
            ),
            "clm.feedback", SQL("f.id"), SQL("f.answered_at"), "feedback", SQL("f.company_id"),
            offset=OFFSETS["clm.feedback"], team_id=SQL("f.team_id"),
            score=SQL("CASE WHEN f.kind = 'nps' THEN f.score END"),
            label=SQL(
                "CASE WHEN f.kind = 'nps' THEN %s ELSE %s END",
                self._event_answer_label(SQL("f.score"), 10, SQL("f.comment")),
                self._event_answer_label(SQL("f.score"), 5, SQL("f.comment")),
            ),
        )

    def _event_ratings(self, partners):
        """Ratings from 1 to 5; 0 is none. They belong to the company of who gave them."""
        return self._event_source(
            SQL(
                "FROM rating_rating r JOIN %s p ON p.id = r.partner_id WHERE r.consumed AND r.rating > 0 AND %s",
                partners, self._event_answer_limit(self._event_rating_date()),
            ),
            "rating.rating", SQL("r.id"), self._event_rating_date(), "feedback", SQL("p.company_id"),
            offset=OFFSETS["rating.rating"],
            label=self._event_answer_label(SQL("round(r.rating::numeric, 1)::float8"), 5, SQL("r.feedback")),
        )

    @api.model
    def _event_answer_limit(self, column):
        """:return: SQL condition on the date of an answer, true unless only some time is asked for"""
        limits = self.env.context.get(ANSWERS_KEY)
        if not limits:
            return SQL("TRUE")
        start, stop = map(fields.Datetime.to_datetime, limits)
        return SQL("%s >= %s AND %s < %s", column, start, column, stop)

    @api.model
    def _event_rating_date(self):
        """:return: SQL: when a rating was given; Odoo did not always keep that"""
        return SQL("COALESCE(r.rated_on, r.write_date)")

    @api.model
    def _event_answer_label(self, score, best, comment):
        """:return: SQL of a text such as "9 of 10: Quick and friendly", shortened"""
        pattern = self.env._("%(score)s of %(best)s", score="@", best=best)
        return SQL(
            """
            (SELECT CASE WHEN length(t.text) > %(length)s THEN left(t.text, %(length)s - 1) || '…' ELSE t.text END
               FROM (SELECT concat_ws(
                     ': ', replace(%(pattern)s, '@', (%(score)s)::text),
                     NULLIF(trim(regexp_replace(left(%(comment)s, %(length)s + 20), '\\s+', ' ', 'g')), '')
                    ) AS text) t)
            """,
            length=LABEL_LENGTH, pattern=pattern, score=score, comment=comment,
        )

    @api.model
    def _event_answer_id(self, model, res_id):
        """:return: SQL of the id of the event of an answer

        :param str model: of the answer
        :param SQL res_id: its id
        """
        return SQL("%s::bigint * 64 + %s", res_id, OFFSETS[model] + KINDS.index("feedback"))


class ClmKpiValue(models.Model):
    _inherit = "clm.kpi.value"

    def _records_action(self, part=""):
        """No need to look for answers among everything that ever happened."""
        action = super()._records_action(part)
        code = self.kpi_id[:1].measure
        if code and source_of(code, part).family == "feedback":
            action["context"][ANSWERS_KEY] = self._purchase_limits(0)
        return action


class ClmKpiFacts(models.AbstractModel):
    _inherit = "clm.kpi.facts"

    @api.model
    def _facts_feedback(self, periods) -> SQL:
        """Answers: the last one of each person in a period to "Would you recommend us?" (``nps``), all those about
        satisfaction (``csat``), be they to requests of ours or Odoo's ratings.
        """
        return SQL(
            "SELECT * FROM (%s) n UNION ALL %s UNION ALL %s",
            self._recommendations(periods), self._satisfactions(periods), self._ratings(periods),
        )

    @api.model
    def _recommendations(self, periods) -> SQL:
        return SQL(
            "SELECT DISTINCT ON (p.id, f.contact_id) %s AND f.kind = 'nps'"
            " ORDER BY p.id, f.contact_id, f.answered_at DESC, f.id DESC",
            self._answers(periods),
        )

    @api.model
    def _satisfactions(self, periods) -> SQL:
        return SQL("SELECT %s AND f.kind = 'csat'", self._answers(periods))

    @api.model
    def _answers(self, periods) -> SQL:
        """:return: SQL: columns, tables and conditions of answers to requests"""
        return SQL(
            """
                   p.id AS period_id, f.team_id, %(event)s AS res_id, f.kind, f.score::float8 AS score
              FROM clm_feedback f
              JOIN period p ON f.answered_at >= p.start AND f.answered_at < p.stop
             WHERE f.state = 'answered' AND %(between)s AND %(own)s
            """,
            event=self.env["clm.event"]._event_answer_id("clm.feedback", SQL("f.id")),
            between=self._between(SQL("f.answered_at"), periods), own=self._of_company(SQL("f.company_id")),
        )

    @api.model
    def _ratings(self, periods) -> SQL:
        date = self.env["clm.event"]._event_rating_date()
        return SQL(
            """
            SELECT p.id AS period_id, cu.sale_team_id AS team_id, %(event)s AS res_id, 'csat' AS kind,
                   r.rating AS score
              FROM rating_rating r
              JOIN res_partner x ON x.id = r.partner_id
              %(customer)s
              JOIN period p ON %(date)s >= p.start AND %(date)s < p.stop
             WHERE r.consumed AND r.rating > 0 AND %(between)s AND %(own)s
            """,
            event=self.env["clm.event"]._event_answer_id("rating.rating", SQL("r.id")), date=date,
            customer=self._join_customer(SQL("x.commercial_partner_id")), between=self._between(date, periods),
            own=self._of_company(SQL("x.company_id")),
        )
