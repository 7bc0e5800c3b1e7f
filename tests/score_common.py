from datetime import datetime

from odoo.tools import SQL

from .billing_common import BillingCase


class ScoreCase(BillingCase):
    """Scores of the customers of a test alone, who bought what the test says; the clock stands at noon of a day."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.score = cls.env["clm.customer.score"]
        cls.history = cls.env["clm.customer.score.history"]
        # customers and documents of the database (demo data, say) are out of the way
        for table in ("clm_visit", "clm_customer_score", "clm_customer_score_history", "rating_rating"):
            cls.env.cr.execute(SQL("DELETE FROM %s", SQL.identifier(table)))
        cls.env.cr.execute(SQL("UPDATE sale_order SET state = 'draft'"))
        cls.env.cr.execute(SQL("UPDATE account_move SET state = 'draft'"))
        cls.env["ir.config_parameter"].search([
            "|", ("key", "=like", "clm.health%"), ("key", "=", "clm.bgnbd"),
        ]).unlink()
        cls.env.cr.execute(SQL("UPDATE res_partner SET create_date = '2020-01-01' WHERE id = %s", cls.partner.id))
        cls.env.invalidate_all()

    def _customer(self, name="Ada", **vals):
        return self._create_partner(name, known_since=datetime(2020, 1, 1), **vals)

    def _buy(self, partner, *days, price=100.0):
        """Confirm an order at 10 o'clock of each day (ISO text)."""
        for day in days:
            self._create_order(partner, datetime.fromisoformat(f"{day} 10:00:00"), price=price)

    def _refresh(self):
        """Replay the customers and compute today's scores."""
        self.env.flush_all()
        self.engine._process_queue()
        self.score._refresh()

    def _score(self, partner):
        return self.score.search([("partner_id", "=", partner.id)])

    def _values(self, partner, *columns):
        """:return: tuple of what is stored, None for what is not known"""
        self.env.flush_all()
        rows = self.env.execute_query(SQL(
            "SELECT %s FROM clm_customer_score WHERE partner_id = %s",
            SQL(", ").join(map(SQL.identifier, columns)), partner.id,
        ))
        self.assertEqual(len(rows), 1)
        return rows[0]

    def _parts(self, partner):
        """:return: dict of code -> value, of the parts that are known"""
        codes = ("recency", "trend", "overdue", "feedback", "obligations", "notice")
        values = self._values(partner, *(f"part_{code}" for code in codes))
        return {code: value for code, value in zip(codes, values, strict=True) if value is not None}
