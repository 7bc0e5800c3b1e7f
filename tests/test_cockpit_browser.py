from dateutil.relativedelta import relativedelta

from odoo import fields
from odoo.tests import HttpCase, tagged
from odoo.tests.common import no_retry

from .kpi_common import KpiCase


def _suite_id(name):
    """:return: the id that Hoot gives to a suite, as `web/tests/test_js.py` computes it"""
    number = 0
    for char in name:
        number = ((number << 5) - number + ord(char)) & 0xFFFFFFFF
    return f"{number:08x}"


@tagged("post_install", "-at_install")
class TestCockpitUnits(HttpCase):
    """The unit tests of the cockpit's components, in the browser."""

    @no_retry
    def test_components_of_the_cockpit(self):
        # Hoot runs all tests there are when it finds none of the name
        paths = [path for path, *_rest in self.env["ir.asset"]._get_asset_paths("web.assets_unit_tests", {})]
        self.assertTrue([path for path in paths if path.startswith("/clm/static/tests/unit/")])
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&id={_suite_id('@clm')}", "", "",
            login="admin", timeout=300, success_signal="[HOOT] Test suite succeeded",
            error_checker=lambda message: "[HOOT]" not in message,
        )


@tagged("post_install", "-at_install")
class TestCockpit(KpiCase, HttpCase):
    """What people do on the page."""

    def test_period_is_kept_when_coming_back_from_the_records(self):
        today = fields.Date.today()
        before = today - relativedelta(months=1)
        kpi = self._create_kpi(formula="Leads by the day on which they are expected to close.")
        self._create_target(kpi, 1000, date_from=before.replace(day=1), date_to=today + relativedelta(months=1))
        for day in (today, before, before):
            self._create_lead(day=day)
        self._refresh(kpi, on=str(today), since=str(before))
        self.start_tour("/odoo/cockpit", "clm_cockpit", login=self.maker.login)
