from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL

from ..models.clm_feedback import KINDS
from ..models.clm_feedback_event import OFFSETS
from ..tools.feedback import CSAT, LIMITS
from ..tools.kpi_math import Z95


class ClmFeedbackReport(models.Model):
    """What customers say: one row for each answer to a request of ours, and for each of Odoo's ratings.

    Every answer counts, also where somebody answered twice; the KPI "Net Promoter Score" counts the last one of each
    person in a period. Intervals say where the value would lie if all customers of the group had been asked.
    """

    _name = "clm.feedback.report"
    _description = "Feedback Analysis"
    _inherit = "clm.report.mixin"
    _auto = False
    _rec_name = "partner_id"
    _order = "date desc, id desc"
    _depends = {
        "clm.feedback": [
            "partner_id", "contact_id", "company_id", "state", "kind", "score", "sentiment", "comment", "answered_at",
            "wave_id", "product_id", "user_id", "team_id", "stage_id",
        ],
        "rating.rating": [
            "partner_id", "rating", "consumed", "feedback", "rated_on", "write_date", "res_model", "res_id",
        ],
        "clm.visit": ["partner_id", "stage_id", "number", "entered_at", "exited_at", "superseded_at"],
        "product.product": ["product_tmpl_id"],
        "res.partner": ["commercial_partner_id", "company_id", "user_id"],
        "res.users": ["sale_team_id"],
    }

    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    contact_id = fields.Many2one("res.partner", string="Answered By", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    stage_id = fields.Many2one("clm.stage", readonly=True, help="Of the customer when answering.")
    product_tmpl_id = fields.Many2one("product.template", string="Product", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    wave_id = fields.Many2one("clm.feedback.wave", readonly=True)
    source = fields.Selection(
        [("request", "Feedback request"), ("rating", "Rating in Odoo")], string="Asked By", readonly=True,
    )
    kind = fields.Selection(KINDS, string="Question", readonly=True)
    date = fields.Datetime("Answered On", readonly=True)
    score = fields.Float(
        "Mean Score", readonly=True, aggregator="avg",
        help="Of one question: empty where answers from 0 to 10 and answers from 1 to 5 are in one group.",
    )
    sentiment = fields.Selection([("bad", "Bad"), ("neutral", "Neutral"), ("good", "Good")], readonly=True)
    comment = fields.Text(readonly=True)
    res_id = fields.Integer("Answer", readonly=True, aggregator=None)
    answers = fields.Integer(readonly=True)
    nps = fields.Float(
        "NPS", readonly=True, aggregator="avg",
        help="Share of answers 9 and 10 less share of answers 0 to 6, times 100.",
    )
    nps_low = fields.Float(
        "NPS at Least", readonly=True, aggregator="avg", help="Lower end of the 95 % interval of NPS.",
    )
    nps_high = fields.Float(
        "NPS at Most", readonly=True, aggregator="avg", help="Upper end of the 95 % interval of NPS.",
    )
    csat = fields.Float(
        "CSAT", readonly=True, aggregator="avg", help="Share of answers 4 and 5 among those from 1 to 5.",
    )
    csat_low = fields.Float(
        "CSAT at Least", readonly=True, aggregator="avg", help="Lower end of the 95 % interval of CSAT.",
    )
    csat_high = fields.Float(
        "CSAT at Most", readonly=True, aggregator="avg", help="Upper end of the 95 % interval of CSAT.",
    )

    @property
    def _table_query(self) -> SQL:
        return SQL(
            """
            SELECT a.*,
                   1 AS answers,
                   CASE WHEN a.kind = 'nps' THEN
                        CASE a.sentiment WHEN 'good' THEN 100 WHEN 'bad' THEN -100 ELSE 0 END
                   END::float8 AS nps,
                   NULL::float8 AS nps_low,
                   NULL::float8 AS nps_high,
                   CASE WHEN a.kind = 'csat' THEN (a.sentiment = 'good')::int4 END::float8 AS csat,
                   NULL::float8 AS csat_low,
                   NULL::float8 AS csat_high
              FROM (%s UNION ALL %s) a
            """,
            self._select_feedback(), self._select_ratings(),
        )

    @api.model
    def _select_feedback(self) -> SQL:
        """Answers to requests, with what was stored when they came."""
        return SQL(
            """
            SELECT %s AS id, 'request' AS source, f.id AS res_id, f.partner_id, f.contact_id, f.company_id, f.stage_id,
                   (SELECT v.product_tmpl_id FROM product_product v WHERE v.id = f.product_id) AS product_tmpl_id,
                   f.user_id, f.team_id, f.wave_id, f.kind, f.answered_at AS date, f.score::float8 AS score,
                   f.sentiment, f.comment
              FROM clm_feedback f
             WHERE f.state = 'answered'
            """,
            self._select_id("clm.feedback", SQL("f.id")),
        )

    @api.model
    def _select_ratings(self) -> SQL:
        """Ratings, with the salesperson of today and the stage of that time."""
        return SQL(
            """
            SELECT %(id)s AS id, 'rating' AS source, r.id AS res_id, e.partner_id, r.partner_id AS contact_id,
                   x.company_id, %(stage)s AS stage_id,
                   CASE WHEN r.res_model = 'product.template' THEN r.res_id
                        WHEN r.res_model = 'product.product'
                        THEN (SELECT v.product_tmpl_id FROM product_product v WHERE v.id = r.res_id)
                   END AS product_tmpl_id,
                   cu.id AS user_id, cu.sale_team_id AS team_id, NULL::int4 AS wave_id, 'csat' AS kind, e.date,
                   r.rating AS score,
                   CASE WHEN r.rating >= %(good)s THEN 'good' WHEN r.rating >= %(neutral)s THEN 'neutral' ELSE 'bad' END
                       AS sentiment,
                   r.feedback AS comment
              FROM rating_rating r
              JOIN res_partner x ON x.id = r.partner_id
             CROSS JOIN LATERAL (
                   SELECT x.commercial_partner_id AS partner_id, date_trunc('second', %(date)s) AS date
                   ) e
              JOIN res_partner c ON c.id = e.partner_id
              LEFT JOIN res_users cu ON cu.id = c.user_id
             WHERE r.consumed AND r.rating > 0
            """,
            id=self._select_id("rating.rating", SQL("r.id")), date=self.env["clm.event"]._event_rating_date(),
            stage=self.env["clm.kpi.facts"]._stage_at(SQL("e")), neutral=LIMITS[CSAT][0], good=LIMITS[CSAT][1],
        )

    @api.model
    def _select_id(self, model, res_id) -> SQL:
        """:return: SQL of an id that no answer of another model has"""
        return SQL("%s::bigint * %s + %s", res_id, len(OFFSETS), list(OFFSETS).index(model))

    # === MEASURES === #

    @api.model
    def _measures(self):
        return {
            **super()._measures(),
            "score:avg": self._mean_score,
            "nps_low:avg": partial(self._nps_limit, -1),
            "nps_high:avg": partial(self._nps_limit, 1),
            "csat_low:avg": partial(self._csat_limit, -1),
            "csat_high:avg": partial(self._csat_limit, 1),
        }

    def _mean_score(self, query) -> SQL:
        kind, score = (self._field_to_sql(self._table, name, query) for name in ("kind", "score"))
        return SQL("CASE WHEN MIN(%s) = MAX(%s) THEN AVG(%s) END", kind, kind, score)

    def _nps_limit(self, sign, query) -> SQL:
        """NPS ± z * sqrt((p + d - (p - d)²) / n) * 100 with the shares p of promoters and d of detractors."""
        return SQL(
            "CASE WHEN COUNT(%(nps)s) > 0 THEN LEAST(GREATEST("
            "AVG(%(nps)s) + %(reach)s * sqrt(GREATEST(AVG(%(nps)s ^ 2) - AVG(%(nps)s) ^ 2, 0) / COUNT(%(nps)s))"
            ", -100), 100) END",
            nps=self._field_to_sql(self._table, "nps", query), reach=sign * Z95,
        )

    def _csat_limit(self, sign, query) -> SQL:
        """Wilson's score, as ``tools.kpi_math.wilson`` computes it."""
        csat = self._field_to_sql(self._table, "csat", query)
        limit = SQL(
            "(SUM(%(csat)s) + %(half)s"
            " + %(reach)s * sqrt(AVG(%(csat)s) * (COUNT(%(csat)s) - SUM(%(csat)s)) + %(quarter)s))"
            " / (COUNT(%(csat)s) + %(square)s)",
            csat=csat, half=Z95 * Z95 / 2, quarter=Z95 * Z95 / 4, square=Z95 * Z95, reach=sign * Z95,
        )
        # at 0 and 1 the limit is the share itself, which floats may miss by a hair
        bounded = (
            SQL("LEAST(GREATEST(%s, 0), AVG(%s))", limit, csat) if sign < 0
            else SQL("GREATEST(LEAST(%s, 1), AVG(%s))", limit, csat)
        )
        return SQL("CASE WHEN COUNT(%s) > 0 THEN %s END", csat, bounded)

    # === ACTIONS === #

    @api.readonly
    def action_open(self):
        """The answer."""
        self.ensure_one()
        model = "rating.rating" if self.source == "rating" else "clm.feedback"
        answer = self.env[model].browse(self.res_id)
        answer.check_access("read")
        return answer._get_records_action()
