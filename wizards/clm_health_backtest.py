from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..models.clm_customer_score import BANDS

#: How long after a day customers are watched.
WATCHED_DAYS = 90
#: Lost customers that are listed for each day.
LISTED = 200


class ClmHealthBacktest(models.TransientModel):
    """Would the health, with the weights as they are, have told who leaves? Looked at on days of the last year.

    Each day costs one computation of all scores. What is not recorded with a date (dates of contracts that were moved
    later, say) is taken as it is today.
    """

    _name = "clm.health.backtest"
    _description = "Back-Test of the Health"

    quarters = fields.Integer("Days", default=4, required=True, help="One in each of so many quarters, the last ones.")
    line_ids = fields.One2many("clm.health.backtest.line", "backtest_id", readonly=True)
    lost_ids = fields.One2many("clm.health.backtest.lost", "backtest_id", "Lost Customers", readonly=True)
    customers = fields.Integer(compute="_compute_totals", help="Customers of these days together.")
    churned = fields.Integer("Lost", compute="_compute_totals", help="Within 90 days after.")
    red = fields.Integer(compute="_compute_totals")
    hits = fields.Integer("Red and Lost", compute="_compute_totals")
    base = fields.Float("All Who Were Lost", compute="_compute_totals", help="What guessing would find.")
    precision = fields.Float("Red Who Were Lost", compute="_compute_totals", help="Precision.")
    recall = fields.Float(
        "Lost Who Were Red", compute="_compute_totals", help="Recall, among those whose health was known.")
    share = fields.Float(
        "Red of All Lost", compute="_compute_totals", help="The same, where unknown health counts as not red.")

    @api.constrains("quarters")
    def _check_quarters(self):
        if any(not 1 <= test.quarters <= 8 for test in self):
            raise ValidationError(self.env._("Test 1 to 8 days."))

    @api.depends("line_ids")
    def _compute_totals(self):
        for test in self:
            counted = ("customers", "churned", "red", "hits")
            sums = {name: sum(test.line_ids.mapped(name)) for name in (*counted, "known_lost")}
            test.update({name: sums[name] for name in counted})
            test.base = _ratio(sums["churned"], sums["customers"])
            test.precision = _ratio(sums["hits"], sums["red"])
            test.recall = _ratio(sums["hits"], sums["known_lost"])
            test.share = _ratio(sums["hits"], sums["churned"])

    def action_run(self):
        """Compute the scores of each day and see what became of the customers."""
        self.ensure_one()
        self.check_access("write")
        # sudo: only counts, and names of customers that every manager of the lifecycle may read, come out
        score = self.env["clm.customer.score"].sudo()
        self.line_ids.unlink()
        self.lost_ids.unlink()
        today = score._today()
        for quarter in range(self.quarters):
            day = today - timedelta(days=WATCHED_DAYS) - timedelta(days=91 * quarter)
            score._keep_found(score._select(day), ("partner_id", "health", "band"))
            self._keep_line(day)
        return {
            "type": "ir.actions.act_window", "res_model": self._name, "res_id": self.id, "views": [(False, "form")],
            "target": "new", "name": self.env._("Back-Test of the Health"),
        }

    def _keep_line(self, day):
        """Count what was found for a day, and keep some of the customers who were lost."""
        watched = self._watched(day)
        counts = self.env.execute_query(SQL(
            """
            SELECT COUNT(*), COUNT(w.band), COUNT(*) FILTER (WHERE w.band = 'red'), COUNT(w.lost_at),
                   COUNT(w.lost_at) FILTER (WHERE w.band IS NOT NULL), COUNT(w.lost_at) FILTER (WHERE w.band = 'red')
              FROM (%s) w
            """, watched))[0]
        names = ("customers", "known", "red", "churned", "known_lost", "hits")
        self.env["clm.health.backtest.line"].create({
            "backtest_id": self.id, "date": day, **dict(zip(names, counts, strict=True)),
        })
        rows = self.env.execute_query(SQL(
            "SELECT w.partner_id, w.health, w.band, w.lost_at FROM (%s) w WHERE w.lost_at IS NOT NULL"
            " ORDER BY w.health DESC NULLS LAST, w.partner_id LIMIT %s", watched, LISTED))
        self.env["clm.health.backtest.lost"].create([
            {"backtest_id": self.id, "date": day, "partner_id": partner_id, "health": health, "band": band,
             "lost_on": lost_at}
            for partner_id, health, band, lost_at in rows
        ])

    def _watched(self, day) -> SQL:
        """:return: SELECT of who was a customer at the end of a day, with health and band, and ``lost_at``: when they
            entered a stage of those who left, or the last of their contracts ended, within 90 days
        """
        score = self.env["clm.customer.score"]
        # sudo: archived ones and those of others count
        stages = self.env["clm.stage"].sudo().with_context(active_test=False).search([])  # pylint: disable=no-search-all
        return SQL(
            """
            SELECT v.partner_id, f.health, f.band, LEAST(lapsed.at, ended.at) AS lost_at
              FROM clm_visit v
              LEFT JOIN clm_score_found f ON f.partner_id = v.partner_id
              LEFT JOIN (
                    SELECT n.partner_id, MIN(n.entered_at) AS at FROM clm_visit n
                     WHERE n.superseded_at IS NULL AND n.stage_id = ANY(%(lapsed)s)
                       AND n.entered_at >= %(start)s AND n.entered_at < %(stop)s GROUP BY n.partner_id
                   ) lapsed ON lapsed.partner_id = v.partner_id
              LEFT JOIN (%(ended)s) ended ON ended.partner_id = v.partner_id
             WHERE v.superseded_at IS NULL AND v.stage_id = ANY(%(customers)s)
               AND v.entered_at < %(start)s AND (v.exited_at IS NULL OR v.exited_at >= %(start)s)
            """,
            lapsed=stages.filtered("is_lapsed").ids, customers=stages.filtered("is_customer").ids,
            start=score._params(day)["stop"], stop=score._params(day + timedelta(days=WATCHED_DAYS))["stop"],
            ended=self._contracts_ended(score._params(day), score._params(day + timedelta(days=WATCHED_DAYS))),
        )

    def _contracts_ended(self, before, after) -> SQL:
        """:return: SELECT of who had contracts in force at the end of a day and none at the end of another"""
        score = self.env["clm.customer.score"]
        return SQL(
            """
            SELECT k.commercial_partner_id AS partner_id, MAX(k.closed_at) AS at
              FROM clm_contract k
             WHERE k.direction = 'customer' AND k.amends_id IS NULL
             GROUP BY k.commercial_partner_id
            HAVING bool_or(%s) AND NOT bool_or(%s)
            """,
            score._contract_runs({**before, "is_today": False}), score._contract_runs(after),
        )


class ClmHealthBacktestLine(models.TransientModel):
    """What was found for one day."""

    _name = "clm.health.backtest.line"
    _description = "Day of a Back-Test"
    _order = "date desc"

    backtest_id = fields.Many2one("clm.health.backtest", required=True, ondelete="cascade", index=True)
    date = fields.Date("Health of", readonly=True)
    customers = fields.Integer(readonly=True, help="Who stood in a stage of customers.")
    known = fields.Integer("Health Known", readonly=True)
    red = fields.Integer(readonly=True)
    churned = fields.Integer("Lost", readonly=True, help="Within 90 days after.")
    known_lost = fields.Integer(readonly=True)
    hits = fields.Integer("Red and Lost", readonly=True)
    precision = fields.Float("Red Who Were Lost", compute="_compute_rates")
    recall = fields.Float("Lost Who Were Red", compute="_compute_rates", help="Of those whose health was known.")

    @api.depends("red", "hits", "known_lost")
    def _compute_rates(self):
        for line in self:
            line.precision = _ratio(line.hits, line.red)
            line.recall = _ratio(line.hits, line.known_lost)


class ClmHealthBacktestLost(models.TransientModel):
    """A customer who was lost, and the health before."""

    _name = "clm.health.backtest.lost"
    _description = "Lost Customer of a Back-Test"
    _order = "date desc, health desc, id"

    backtest_id = fields.Many2one("clm.health.backtest", required=True, ondelete="cascade", index=True)
    date = fields.Date("Health of", readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="cascade")
    health = fields.Integer(readonly=True)
    band = fields.Selection(BANDS, "Health Band", readonly=True)
    lost_on = fields.Datetime(readonly=True)


def _ratio(part, whole):
    return part / whole if whole else 0.0
