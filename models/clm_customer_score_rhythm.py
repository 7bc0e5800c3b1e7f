import json
import logging

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import bgnbd, bgnbd_fit, health, rfm, rhythm
from ..tools.feedback import SCALES

_logger = logging.getLogger(__name__)

#: Steps of stored parts and probabilities between 0 and 1: finer ones would rewrite most rows every night for nothing.
STEPS = 100
#: Measures of RFM, greater is better.
RFM = {"r": SQL("i.last_purchase"), "f": SQL("i.purchase_days"), "m": SQL("i.revenue")}
#: Largest exponent that the database can take.
MOST = 700
BGNBD_KEY = "clm.bgnbd"
#: Customers on which the model of purchases is fitted.
SAMPLE = 20_000
#: Days after which it is fitted anew.
FIT_DAYS = 30


class ClmCustomerScore(models.Model):
    """From inputs to scores, in SQL: the formulas of ``tools.health``, ``tools.rfm``, ``tools.rhythm`` and
    ``tools.bgnbd``.
    """

    _inherit = "clm.customer.score"

    @api.model
    def _select(self, as_of=None) -> SQL:
        """:return: SELECT of the scores of all customers at the end of a day (default: today), one row for each

        Cost: one pass over stays, orders, invoices, revenue movements, contracts and answers, and four sorts of the
        customers for the limits of RFM and the median rhythm.
        """
        params = self._params(as_of)
        return SQL(
            """
            WITH input AS MATERIALIZED (%(inputs)s),
            cut AS MATERIALIZED (%(cuts)s),
            edge AS MATERIALIZED (%(edges)s)
            SELECT h.*, %(band)s AS band
              FROM (
                    SELECT s.*, CASE WHEN s.coverage >= %(least)s THEN %(health)s END AS health
                      FROM (
                            SELECT p.*, %(coverage)s AS coverage, %(segment)s AS segment
                              FROM (
                                    SELECT i.*, %(usual)s AS rhythm_days, %(parts)s,
                                           %(classes)s, %(rhythm)s
                                      FROM input i CROSS JOIN cut CROSS JOIN edge OFFSET 0
                                   ) p OFFSET 0
                           ) s OFFSET 0
                   ) h
            """,
            inputs=self._inputs(params), cuts=self._cuts(), edges=self._edges(), band=self._band(),
            usual=self._usual_rhythm(),
            least=health.LEAST_COVERAGE - 1e-9, health=self._health(), coverage=self._coverage(),
            segment=self._segment(), parts=self._named({
                f"part_{code}": self._rounded(part) for code, part in self._parts(params).items()
            }),
            classes=self._named({name: self._class(name) for name in RFM}), rhythm=self._named(self._rhythm(params)),
        )

    @api.model
    def _named(self, columns) -> SQL:
        return SQL(", ").join(SQL("%s AS %s", value, SQL.identifier(name)) for name, value in columns.items())

    @api.model
    def _rounded(self, value) -> SQL:
        return SQL("ROUND((%s)::float8 * %s) / %s", value, STEPS, STEPS)

    # === HEALTH === #

    @api.model
    def _parts(self, params):
        """Hook: the parts of the health, 0 (bad) to 1 (good), NULL where not known: see ``tools.health``.

        :return: dict of code of a factor -> SQL on the inputs ``i`` and the limits ``cut``
        """
        return {
            "recency": self._part_recency(params), "trend": self._part_trend(params),
            "overdue": self._part_overdue(), "feedback": self._part_feedback(),
            "obligations": self._clamped(SQL("1 - i.missed / %s::float8", health.MISSED)),
            "notice": SQL("1 - i.notice_risk"),
        }

    @api.model
    def _usual_rhythm(self) -> SQL:
        """:return: SQL of the days between two purchases: the customer's own, or else those of the median customer. Who
            has a contract in force need not order anything, so without a rhythm of their own none is expected of them
        """
        return SQL("COALESCE(i.own_rhythm, CASE WHEN i.contracts = 0 THEN cut.rhythm END)")

    @api.model
    def _part_recency(self, params) -> SQL:
        rhythm = self._usual_rhythm()
        return SQL(
            """
            CASE WHEN %(rhythm)s <= 0 THEN (i.last_purchase >= %(day)s)::int4::float8
                 ELSE %(line)s END
            """,
            rhythm=rhythm, day=params["day"],
            line=self._clamped(SQL("(3 * %s - (%s - i.last_purchase)) / (2 * %s)", rhythm, params["day"], rhythm)),
        )

    @api.model
    def _part_trend(self, params) -> SQL:
        return SQL(
            """
            CASE WHEN %(day)s - i.since >= %(year)s AND GREATEST(i.revenue_recent, i.revenue_before) > 0
                 THEN %(line)s END
            """,
            day=params["day"], year=health.TREND_DAYS, line=self._clamped(SQL(
                "0.5 + 0.5 * (i.revenue_recent - i.revenue_before)::float8"
                " / GREATEST(i.revenue_recent, i.revenue_before)::float8")),
        )

    @api.model
    def _part_overdue(self) -> SQL:
        return SQL(
            """
            CASE WHEN NOT i.is_invoiced THEN NULL
                 WHEN COALESCE(i.overdue_amount, 0) <= 0 THEN 1
                 WHEN i.revenue_recent + i.revenue_before <= 0 THEN 0
                 ELSE %s END
            """,
            self._clamped(SQL("1 - i.overdue_amount::float8 / ((i.revenue_recent + i.revenue_before)::float8 / 4)")),
        )

    @api.model
    def _clamped(self, value) -> SQL:
        # a value that is not known stays so, which LEAST and GREATEST would make a bound
        return SQL("CASE WHEN (%(value)s) IS NOT NULL THEN LEAST(GREATEST(%(value)s, 0), 1) END", value=value)

    @api.model
    def _part_feedback(self) -> SQL:
        return SQL("CASE i.last_kind %s END", SQL(" ").join(
            SQL("WHEN %s THEN (i.last_score - %s) / %s", kind, least, most - least)
            for kind, (least, most) in SCALES.items()
        ))

    @api.model
    def _weights(self):
        """:return: dict of code -> weight, of the factors that are computed"""
        weights = self.env["clm.health.factor"]._weights()
        return {code: weight for code, weight in weights.items() if f"part_{code}" in self._fields}

    @api.model
    def _known_weight(self, times=None) -> SQL:
        """:return: SQL of the sum of the weights of known parts, each multiplied by its value if ``times`` is set"""
        terms = [
            SQL("COALESCE(%s, 0)", SQL("%s * %s", weight, SQL.identifier(f"part_{code}"))) if times
            else SQL("CASE WHEN %s IS NULL THEN 0 ELSE %s END", SQL.identifier(f"part_{code}"), weight)
            for code, weight in self._weights().items()
        ]
        return SQL("(%s)::float8", SQL(" + ").join(terms or [SQL("0")]))

    @api.model
    def _coverage(self) -> SQL:
        return SQL("%s / %s", self._known_weight(), sum(self._weights().values()) or 1.0)

    @api.model
    def _health(self) -> SQL:
        """Rounded half up; what is a half in decimals may be a hair less in binary."""
        return SQL(
            "FLOOR(100 * %s / NULLIF(%s, 0) + 0.5 + 5e-10)::int4",
            self._known_weight(times=True), self._known_weight(),
        )

    @api.model
    def _band(self) -> SQL:
        return SQL(
            "CASE WHEN h.health <= %s THEN 'red' WHEN h.health <= %s THEN 'yellow' WHEN h.health > %s THEN 'green' END",
            health.RED, health.YELLOW, health.YELLOW,
        )

    # === RFM === #

    @api.model
    def _cuts(self) -> SQL:
        """The median rhythm, and for each measure the four values at the ends of the fifths."""
        return SQL(
            """
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY i.own_rhythm) AS rhythm, COUNT(*) AS customers, %s
              FROM input i WHERE i.purchase_days > 0
            """,
            self._named({
                name: SQL("percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY %s)", column)
                for name, column in RFM.items()
            }),
        )

    @api.model
    def _edges(self) -> SQL:
        """Whether such a value itself belongs to the upper class: whether its middle rank lies there."""
        return SQL(
            "SELECT %s FROM input i CROSS JOIN cut WHERE i.purchase_days > 0",
            self._named({
                f"{name}_{number}": SQL(
                    "%(classes)s * (2 * COUNT(*) FILTER (WHERE %(value)s < cut.%(cut)s[%(number)s])"
                    " + COUNT(*) FILTER (WHERE %(value)s = cut.%(cut)s[%(number)s]))"
                    " > 2 * %(number)s * MAX(cut.customers)",
                    classes=rfm.CLASSES, value=column, cut=SQL.identifier(name), number=number,
                )
                for name, column in RFM.items() for number in range(1, rfm.CLASSES)
            }),
        )

    @api.model
    def _class(self, name) -> SQL:
        """:return: SQL of the class of a measure, 1 to 5: how many ends of fifths lie below, and one"""
        return SQL("CASE WHEN i.purchase_days > 0 THEN 1 + %s END", SQL(" + ").join(
            SQL(
                "(%(value)s > cut.%(cut)s[%(number)s]"
                " OR (%(value)s = cut.%(cut)s[%(number)s] AND edge.%(edge)s))::int4",
                value=RFM[name], cut=SQL.identifier(name), number=number, edge=SQL.identifier(f"{name}_{number}"),
            ) for number in range(1, rfm.CLASSES)
        ))

    @api.model
    def _segment(self) -> SQL:
        """The name of the classes, looked up in a list of all 125 mixtures."""
        classes = range(1, rfm.CLASSES + 1)
        names = [rfm.segment(r, f, m) for r in classes for f in classes for m in classes]
        return SQL("(%s::varchar[])[(p.r - 1) * 25 + (p.f - 1) * 5 + p.m]", names)

    # === RHYTHM === #

    @api.model
    def _rhythm(self, params):
        """:return: dict of column -> SQL: the expected next purchase, and how probable it is that there is one"""
        due = SQL(
            """
            CASE WHEN i.own_rhythm IS NOT NULL THEN i.last_purchase
                 + (2 * (i.last_purchase - i.first_purchase) + i.purchase_days - 1) / (2 * (i.purchase_days - 1)) END
            """
        )
        late = SQL("COALESCE(%s - i.last_purchase > %s * i.own_rhythm, FALSE)", params["day"], rhythm.LATE)
        return {"next_purchase": due, "is_overdue_buyer": late, "p_alive": self._rounded(self._p_alive(params))}

    @api.model
    def _p_alive(self, params) -> SQL:
        """BG/NBD, in weeks; NULL for those who bought on one day only, of whom it would always say 1."""
        fitted = self._bgnbd()
        if not fitted:
            return SQL("NULL::float8")
        return SQL(
            """
            CASE WHEN i.purchase_days > 1 THEN 1 / (1 + EXP(GREATEST(LEAST(
                LN(%(a)s::float8) - LN(%(b)s::float8 + i.purchase_days - 2)
                + (%(r)s::float8 + i.purchase_days - 1) * LN(
                    (%(alpha)s::float8 + (%(day)s - i.first_purchase) / 7::float8)
                    / (%(alpha)s::float8 + (i.last_purchase - i.first_purchase) / 7::float8)
                ), %(most)s), -%(most)s))) END
            """,
            day=params["day"], most=MOST, **fitted,
        )

    @api.model
    def _bgnbd(self):
        """:return: dict ``r``, ``alpha``, ``a``, ``b`` of the model of purchases, in weeks; None while there is none"""
        return json.loads(self._note(BGNBD_KEY) or "{}").get("params")

    @api.model
    def _bgnbd_is_due(self):
        day = json.loads(self._note(BGNBD_KEY) or "{}").get("day")
        return not day or fields.Date.to_date(day) <= fields.Date.subtract(self._today(), days=FIT_DAYS)

    @api.model
    def _fit_bgnbd(self):
        """Fit the model of purchases on a sample of the customers, as far as there are enough who bought again."""
        self.env.flush_all()
        rows = self.env.execute_query(SQL(
            """
            SELECT c.purchase_days - 1, c.last_purchase - c.first_purchase, %s - c.first_purchase, COUNT(*)
              FROM (
                    SELECT s.purchase_days, s.first_purchase, s.last_purchase FROM clm_customer_score s
                     WHERE s.purchase_days > 0 ORDER BY hashint4(s.partner_id) LIMIT %s
                   ) c
             GROUP BY 1, 2, 3
            """,
            self._today(), SAMPLE,
        ))
        counts = {bgnbd.Customer(x, t_x / 7, t / 7): count for x, t_x, t, count in rows}
        try:
            fitted = bgnbd_fit.fit(counts)
        except bgnbd_fit.TooFewCustomersError as error:
            _logger.info("No model of purchases yet: %s", error)
            return
        # one that does not settle says nothing: such customers have no common rhythm
        params = fitted.params._asdict() if fitted.converged else None
        self._note(BGNBD_KEY, json.dumps({"day": fields.Date.to_string(self._today()), "params": params}))
