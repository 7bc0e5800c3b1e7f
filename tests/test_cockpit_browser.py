from odoo.tests import HttpCase, tagged
from odoo.tests.common import no_retry


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
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&id={_suite_id('@clm')}", "", "",
            login="admin", timeout=300, success_signal="[HOOT] Test suite succeeded",
            error_checker=lambda message: "[HOOT]" not in message,
        )
