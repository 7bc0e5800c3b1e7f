from odoo import api, fields, models
from odoo.tools import SQL

from .clm_customer_score import BANDS

#: Months of history that are computed after the installation.
MONTHS = 12
#: The last month that is recorded, the month that ``health_last_month`` tells of, the last run: ISO text.
RECORDED_KEY, COMPARED_KEY, COMPUTED_KEY = "clm.health_recorded", "clm.health_compared", "clm.health_computed"
#: How long the computation waits for the reconstruction of the customers' history.
WAIT_MINUTES = 1


class ClmCustomerScoreHistory(models.Model):
    """The health of customers at the end of each month; a row stands for all months in which it was the same.

    It is what was computed then: other weights do not change it. Unknown health makes no row.
    """

    _name = "clm.customer.score.history"
    _description = "Health of Customers by Month"
    _log_access = False
    _rec_name = "partner_id"
    _order = "month desc, id desc"

    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True, ondelete="cascade")
    month = fields.Date(required=True, readonly=True, help="The first month at whose end the health was this.")
    month_until = fields.Date(readonly=True, help="The last one. Empty: to date.")
    health = fields.Integer(required=True, readonly=True, aggregator="avg")
    band = fields.Selection(BANDS, required=True, readonly=True)

    _month_uniq = models.UniqueIndex("(partner_id, month)")

    @api.model
    def _record(self, month):
        """Record the health of all customers at the end of a month, later than those recorded so far.

        :param date month: its first day
        """
        score = self.env["clm.customer.score"]
        score._keep_found(score._select(_last_day(month)), ("partner_id", "health", "band"))
        with score._joined_by_hash():
            self.env.cr.execute(SQL(
                """
                UPDATE clm_customer_score_history h SET month_until = %s
                 WHERE h.month_until IS NULL AND NOT EXISTS (
                       SELECT FROM clm_score_found found
                        WHERE found.partner_id = h.partner_id AND found.health = h.health
                       )
                """,
                fields.Date.subtract(month, months=1),
            ))
            self.env.cr.execute(SQL(
                """
                INSERT INTO clm_customer_score_history (partner_id, month, health, band)
                SELECT found.partner_id, %s, found.health, found.band
                  FROM clm_score_found found
                 WHERE found.health IS NOT NULL AND NOT EXISTS (
                       SELECT FROM clm_customer_score_history h
                        WHERE h.partner_id = found.partner_id AND h.month_until IS NULL
                       )
                """,
                month,
            ))
        self.invalidate_model()

    @api.model
    def _at(self, month) -> SQL:
        """:return: SQL condition on the row ``h``: it tells of the end of a month

        :param SQL month: its first day
        """
        return SQL("h.month <= %s AND (h.month_until IS NULL OR h.month_until >= %s)", month, month)


class ClmCustomerScore(models.Model):
    """When scores are computed: each night those of today, and once the months that are over."""

    _inherit = "clm.customer.score"

    @api.model
    def _cron_refresh(self):
        """Compute the scores of today, then the months that are not recorded yet. Commits after each step.

        Waits while the history of the customers is being reconstructed: half of it would make wrong scores.
        """
        if self.env["clm.queue"].sudo().search_count([("bulk", "=", True)], limit=1):
            soon = fields.Datetime.add(fields.Datetime.now(), minutes=WAIT_MINUTES)
            self.env.ref("clm.ir_cron_customer_score")._trigger(soon)
            return
        steps = self._steps()
        for left, (method, month) in zip(reversed(range(len(steps))), steps, strict=True):
            method(month) if month else method()
            if not self._clm_commit(1, left):
                return

    @api.model
    def _steps(self):
        """:return: list of pairs (method, month or None) of what is to be done now"""
        this_month = fields.Date.start_of(self._today(), "month")
        last_month = fields.Date.subtract(this_month, months=1)
        steps = []
        computed = fields.Datetime.to_datetime(self._note(COMPUTED_KEY) or None)
        # a run that goes on with the history has done this already
        if not computed or computed < fields.Datetime.subtract(fields.Datetime.now(), hours=1):
            steps.append((self._refresh_now, None))
        if self._note(COMPARED_KEY) != fields.Date.to_string(last_month):
            steps.append((self._compare, last_month))
        recorded = self._note(RECORDED_KEY)
        month = (
            fields.Date.add(fields.Date.to_date(recorded), months=1) if recorded
            else fields.Date.subtract(this_month, months=MONTHS)
        )
        while month <= last_month:
            steps.append((self._record, month))
            month = fields.Date.add(month, months=1)
        return steps

    @api.model
    def _refresh_now(self):
        """Compute today's scores, and once a month what the model of purchases is made of."""
        if not self._bgnbd_is_due():
            self._refresh()
        elif self.search_count([], limit=1):
            self._fit_bgnbd()
            self._refresh()
        else:  # it is fitted on scores
            self._refresh()
            self._fit_bgnbd()
            self._refresh()
        self._note(COMPUTED_KEY, fields.Datetime.to_string(fields.Datetime.now()))

    @api.model
    def _record(self, month):
        self.env["clm.customer.score.history"]._record(month)
        self._note(RECORDED_KEY, fields.Date.to_string(month))

    @api.model
    def _compare(self, month):
        """Write how the health changed since the end of a month, with the weights of today.

        :param date month: its first day
        """
        self._keep_found(self._select(_last_day(month)), ("partner_id", "health"))
        self.env.cr.execute(SQL(
            """
            UPDATE clm_customer_score s SET health_last_month = x.health, change = s.health - x.health
              FROM (
                    SELECT stored.id, found.health
                      FROM clm_customer_score stored
                      LEFT JOIN clm_score_found found ON found.partner_id = stored.partner_id
                     WHERE (stored.health_last_month, stored.change)
                           IS DISTINCT FROM (found.health, stored.health - found.health)
                   ) x
             WHERE x.id = s.id
            """
        ))
        self.invalidate_model()
        self._note(COMPARED_KEY, fields.Date.to_string(month))

    @api.model
    def _refresh_soon(self):
        """Let the cron compute all scores anew, and what they are compared with."""
        for key in (COMPUTED_KEY, COMPARED_KEY):
            self._note(key, False)
        self.env.ref("clm.ir_cron_customer_score").sudo()._trigger()

    @api.model
    def _note(self, key, value=None):
        """Read a note of the cron, or write it where there is a value; False removes it."""
        parameters = self.env["ir.config_parameter"].sudo()  # sudo: notes of the cron
        if value is None:
            return parameters.get_param(key)
        parameters.set_param(key, value)
        return value


def _last_day(month):
    return fields.Date.end_of(month, "month")
