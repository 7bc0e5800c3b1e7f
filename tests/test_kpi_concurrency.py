from datetime import date
from threading import Event, Thread

from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import SQL, mute_logger

from ..tools.kpi_periods import MONTH, Period

# so long ago that nothing else computes it
PERIOD = Period(MONTH, date(2001, 1, 1), date(2001, 1, 31))


@tagged("post_install", "-at_install")
class TestKpiConcurrency(BaseCase):
    """Two people have the same values computed at the same time, in two real transactions."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self._forget)

    def _forget(self):
        with Registry(get_db_name()).cursor() as cr:
            cr.execute(SQL("DELETE FROM clm_kpi_value WHERE period = 'month' AND date_from = %s", PERIOD.start))

    def _compute(self, cr):
        env = api.Environment(cr, SUPERUSER_ID, {})
        env.ref("clm.kpi_new_leads")._refresh_company(env.ref("base.main_company"), [PERIOD])
        env.flush_all()

    def _compute_late(self, started, errors):
        """Compute in a transaction that began before the other one ended."""
        with Registry(get_db_name()).cursor() as cr, mute_logger("odoo.sql_db"):
            cr.execute("SELECT 1")
            started.set()
            try:
                self._compute(cr)
            except SerializationFailure as error:
                errors.append(error)
                cr.rollback()

    def test_who_comes_second_is_told_to_try_again_and_finds_the_value(self):
        started, errors = Event(), []
        with Registry(get_db_name()).cursor() as cr:
            self._compute(cr)
            second = Thread(target=self._compute_late, args=(started, errors))
            second.start()
            started.wait(30)
            second.join(0.5)  # it waits for the row that is being written
            self.assertTrue(second.is_alive())
            cr.commit()  # pylint: disable=invalid-commit
        second.join(30)
        self.assertEqual(len(errors), 1, "what cannot be serialized is tried again by Odoo")
        with Registry(get_db_name()).cursor() as cr:
            self._compute(cr)  # the second try
            cr.execute(SQL(
                "SELECT COUNT(*) FROM clm_kpi_value WHERE period = 'month' AND date_from = %s AND team_id IS NULL",
                PERIOD.start,
            ))
            self.assertEqual(cr.fetchone()[0], 1)
