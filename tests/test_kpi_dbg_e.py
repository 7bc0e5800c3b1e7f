import os
from odoo.tests import tagged
from . import test_kpi_oracle, kpi_dataset, kpi_answers
from .test_kpi_oracle import TestKpiOracle as Base
T = []
def now(): t = os.times(); return (t[0] + t[1], t[4])
def timed(cls, n):
    f = cls.__dict__[n]
    g = f.__func__ if isinstance(f, classmethod) else f
    def w(*a, **k):
        s = now()
        try: return g(*a, **k)
        finally:
            e = now(); T.append((n, round(e[0]-s[0], 2), round(e[1]-s[1], 2)))
    setattr(cls, n, classmethod(w) if isinstance(f, classmethod) else w)
for n in ("_create_companies", "_create_customers", "_create_leads", "_create_orders", "_create_invoices"): timed(kpi_dataset.KpiDataCase, n)
from .kpi_contracts import ContractData
timed(ContractData, "_live_contracts")
from .billing_common import BillingCase
timed(BillingCase, "setUpClass")
timed(kpi_dataset.KpiDataCase, "setUpClass")
timed(Base, "setUpClass")
from odoo.addons.clm.models.clm_kpi_refresh import ClmKpi
timed(ClmKpi, "_refresh_company"); timed(ClmKpi, "_store"); timed(ClmKpi, "_figures")
from .kpi_oracle import KpiOracle; timed(KpiOracle, "__init__")
for n in [n for n in Base.__dict__ if n.startswith("test_") and n != "test_tags"]: timed(Base, n)

@tagged("post_install", "-at_install")
class TestZDbg(Base):
    def test_zdbg(self):
        for t in T: print(*t)
