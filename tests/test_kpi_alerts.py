from odoo.tests import tagged

from .kpi_common import KpiCase


@tagged("post_install", "-at_install")
class TestKpiAlerts(KpiCase):
    def test_try(self):
        kpi = self._create_kpi(user_id=self.manager.id)
        self._create_target(kpi, 10.0)
        self._refresh(kpi)
        with self.at("2026-03-15"):
            self.targets._alert(self.company)
        acts = self.env["mail.activity"].search([("res_model", "=", "clm.kpi.target")])
        print(acts, acts.summary, acts.note)
        for _i in range(12):
            self._create_lead()
        self._refresh(kpi)
        with self.at("2026-03-15"):
            self.targets._alert(self.company)
        acts = self.env["mail.activity"].with_context(active_test=False).search([("res_model", "=", "clm.kpi.target")])
        print(acts, acts.summary, acts.feedback, acts.active)
